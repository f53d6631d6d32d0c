using Gatehouse.Gateway.Journal;

namespace Gatehouse.Gateway.Tests.Journal;

public sealed class CallJournalTests : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    private readonly TemporaryDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public void What_is_appended_is_read_once_and_in_order()
    {
        using var journal = Open();
        for (var i = 0; i < 100; i++)
        {
            journal.Append(JournalSamples.Small(i));
        }

        var read = ReadAll(journal, max: 7);

        Assert.Equal(Enumerable.Range(0, 100).Select(i => $"req_{i}"), read.Select(r => r.RequestId));
    }

    [Fact]
    public void A_reader_that_has_seen_everything_stands_at_the_end()
    {
        using var journal = Open();
        for (var i = 0; i < 200; i++)
        {
            journal.Append(JournalSamples.Small(i));
        }

        var position = default(JournalPosition);
        var batch = new List<CallRecord>();
        journal.TryRead(ref position, batch, int.MaxValue);

        Assert.Equal(journal.End, position);
        Assert.False(journal.TryRead(ref position, batch, 10));
        Assert.Equal(200, batch.Count);
    }

    [Fact]
    public void Segments_rotate_and_released_ones_are_deleted()
    {
        using var journal = Open();
        for (var i = 0; i < 500; i++)
        {
            journal.Append(JournalSamples.Small(i));
        }

        Assert.True(Segments() > 4);
        Assert.True(journal.PendingBytes > 500 * 60);
        var position = default(JournalPosition);
        var read = new List<CallRecord>();
        journal.TryRead(ref position, read, 300);
        journal.Release(position);
        journal.TryRead(ref position, read, int.MaxValue);
        journal.Release(position);

        Assert.Equal(500, read.Select(r => r.Id).Distinct().Count());
        Assert.InRange(Segments(), 1, 2);
        Assert.Equal(0, journal.PendingBytes);
    }

    [Fact]
    public void Records_that_were_taken_back_are_filled_again()
    {
        using var journal = Open();
        journal.Append(JournalSamples.Full());
        journal.Append(JournalSamples.Small(1));
        var (position, batch) = (default(JournalPosition), new List<CallRecord>());
        journal.TryRead(ref position, batch, 1);
        var first = batch[0];

        journal.Reuse(batch);
        journal.TryRead(ref position, batch, 1);

        Assert.Same(first, Assert.Single(batch));
        Assert.Equal(("req_1", null), (first.RequestId, first.Guard));
    }

    [Fact]
    public async Task Records_of_many_threads_arrive_exactly_once_while_they_are_read_and_released()
    {
        using var journal = Open(64 << 10);
        const int Threads = 8;
        const int Each = 5_000;
        var appended = 0;
        var writers = Enumerable.Range(0, Threads).Select(thread => Task.Factory.StartNew(
            () =>
            {
                for (var i = 0; i < Each; i++)
                {
                    journal.Append(JournalSamples.Small((thread * Each) + i));
                    Interlocked.Increment(ref appended);
                }
            },
            TestContext.Current.CancellationToken,
            TaskCreationOptions.LongRunning,
            TaskScheduler.Default)).ToArray();

        var position = default(JournalPosition);
        var read = new List<CallRecord>();
        while (read.Count < Threads * Each && !(writers.All(w => w.IsCompleted) && position == journal.End))
        {
            journal.TryRead(ref position, read, 100);
            journal.Release(position);
        }

        await Task.WhenAll(writers);
        journal.TryRead(ref position, read, int.MaxValue);
        Assert.Equal(Threads * Each, read.Count);
        Assert.Equal(Threads * Each, read.Select(r => r.RequestId).Distinct().Count());
        Assert.Equal(0, journal.Corrupted);
    }

    [Fact]
    public async Task A_reader_that_sleeps_is_woken_by_what_is_appended_and_does_not_sleep_when_there_is_something()
    {
        using var journal = Open();
        var asleep = journal.AppendedAsync(journal.End);
        Assert.False(asleep.IsCompleted);
        var before = journal.End;

        journal.Append(JournalSamples.Small(1));

        await asleep.WaitAsync(Patience, TestContext.Current.CancellationToken);
        Assert.True(journal.AppendedAsync(before).IsCompleted);
        Assert.False(journal.AppendedAsync(journal.End).IsCompleted);
    }

    [Fact]
    public async Task A_reader_that_rests_is_woken_when_a_segment_is_full_and_not_before()
    {
        using var journal = Open();
        var before = journal.End;
        var rest = journal.FilledAsync(before);
        journal.Append(JournalSamples.Small(0));
        Assert.False(rest.IsCompleted);

        for (var i = 1; journal.End.Segment == before.Segment; i++)
        {
            journal.Append(JournalSamples.Small(i));
        }

        await rest.WaitAsync(Patience, TestContext.Current.CancellationToken);
        Assert.True(journal.FilledAsync(before).IsCompleted);
        Assert.False(journal.FilledAsync(journal.End).IsCompleted);
    }

    /// <summary>Each record comes while the reader is about to sleep, or sleeps: whoever misses one of them waits for ever.</summary>
    [Fact]
    public async Task No_record_comes_unseen_between_the_readers_last_look_and_its_sleep()
    {
        using var journal = Open(1 << 20);
        const int Rounds = 20_000;
        using var read = new SemaphoreSlim(1);
        var writer = Task.Factory.StartNew(
            () =>
            {
                for (var i = 0; i < Rounds && read.Wait(Patience, CancellationToken.None); i++)
                {
                    Thread.SpinWait(i % 300);
                    journal.Append(JournalSamples.Small(i));
                }
            },
            TestContext.Current.CancellationToken,
            TaskCreationOptions.LongRunning,
            TaskScheduler.Default);

        var (position, batch) = (default(JournalPosition), new List<CallRecord>());
        for (var seen = 0; seen < Rounds; journal.Reuse(batch))
        {
            if (journal.TryRead(ref position, batch, 10))
            {
                seen += batch.Count;
                journal.Release(position);
                read.Release();
            }
            else
            {
                await journal.AppendedAsync(position).WaitAsync(Patience, TestContext.Current.CancellationToken);
            }
        }

        await writer;
    }

    [Fact]
    public void A_restart_finds_the_records_and_the_node_and_goes_on_in_a_new_segment()
    {
        string node;
        var position = default(JournalPosition);
        var first = new List<CallRecord>();
        using (var journal = Open())
        {
            node = journal.NodeId;
            journal.Append(JournalSamples.Small(1));
            journal.Append(JournalSamples.Small(2));
            journal.TryRead(ref position, first, 1);
        }

        using var again = Open();
        again.Append(JournalSamples.Small(3));
        var rest = new List<CallRecord>();
        again.TryRead(ref position, rest, 10);

        Assert.Equal(node, again.NodeId);
        Assert.Equal(["req_2", "req_3"], rest.Select(r => r.RequestId));
        Assert.Equal(again.End, position);
    }

    [Fact]
    public void Segment_numbers_grow_over_restarts_even_when_nothing_is_left_to_read()
    {
        var last = 0L;
        for (var i = 0; i < 4; i++)
        {
            using var journal = Open();
            Assert.True(journal.End.Segment > last);
            last = journal.End.Segment;
            journal.Release(journal.End);
        }
    }

    [Fact]
    public void A_position_of_another_journal_reads_from_the_beginning()
    {
        using var journal = Open();
        journal.Append(JournalSamples.Small(1));
        var position = new JournalPosition(99, 12_345);
        var read = new List<CallRecord>();

        journal.TryRead(ref position, read, 10);

        Assert.Single(read);
        Assert.Equal(journal.End, position);
    }

    [Fact]
    public void A_second_opener_is_told_who_is_in_the_way_and_what_to_do()
    {
        using var journal = Open();

        var error = Assert.Throws<JournalLockedException>(() => Open());

        Assert.Contains(_directory.Path, error.Message, StringComparison.Ordinal);
        Assert.Contains("data directory of its own", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void An_append_after_the_end_is_an_exception_and_no_crash()
    {
        var journal = Open();
        journal.Dispose();

        Assert.Throws<ObjectDisposedException>(() => journal.Append(JournalSamples.Small(1)));
    }

    [Fact]
    public async Task Disposing_among_appends_keeps_every_record_that_was_taken()
    {
        var journal = Open(256 << 10);
        var taken = 0;
        using var started = new CountdownEvent(4);
        var writers = Enumerable.Range(0, 4).Select(_ => Task.Factory.StartNew(
            () =>
            {
                started.Signal();
                try
                {
                    for (var i = 0; i < 50_000; i++)
                    {
                        journal.Append(JournalSamples.Small(0));
                        Interlocked.Increment(ref taken);
                    }
                }
                catch (ObjectDisposedException)
                {
                    // The end that the test waits for.
                }
            },
            TestContext.Current.CancellationToken,
            TaskCreationOptions.LongRunning,
            TaskScheduler.Default)).ToArray();
        started.Wait(TestContext.Current.CancellationToken);
        SpinWait.SpinUntil(() => Volatile.Read(ref taken) > 2_000);

        journal.Dispose();
        await Task.WhenAll(writers);

        using var again = Open();
        Assert.Equal(taken, ReadAll(again).Count);
    }

    [Fact]
    public void A_record_larger_than_a_segment_is_the_callers_bug()
    {
        using var journal = Open(4096);
        var large = new CallRecord { DroppedParameters = [.. Enumerable.Repeat(new string('x', 1000), 20)] };

        Assert.Throws<ArgumentOutOfRangeException>(() => journal.Append(large));
    }

    [Fact]
    public void Appending_allocates_nothing()
    {
        using var journal = Open(1 << 20);
        var record = JournalSamples.Full();
        record.RequestAttributes = null;
        journal.Append(record);

        var allocated = Allocations.Of(() =>
        {
            for (var i = 0; i < 1000; i++)
            {
                journal.Append(record);
            }
        });

        Assert.Equal(0, allocated);
    }

    private CallJournal Open(int segmentBytes = 4096) =>
        CallJournal.Open(new CallJournalOptions { Directory = _directory.Path, SegmentBytes = segmentBytes });

    private int Segments() => Directory.GetFiles(_directory.Path, "*.journal").Length;

    private static List<CallRecord> ReadAll(CallJournal journal, int max = int.MaxValue)
    {
        var position = default(JournalPosition);
        var read = new List<CallRecord>();
        while (journal.TryRead(ref position, read, max))
        {
        }

        return read;
    }
}

using Gatehouse.Gateway.Journal;

namespace Gatehouse.Gateway.Tests.Journal;

/// <summary>Records that are to outlive a power cut: who waits for what.</summary>
public sealed class JournalFlushTests : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    private readonly TemporaryDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task Calls_from_many_threads_over_many_segments_are_flushed_and_read()
    {
        using var journal = CallJournal.Open(new CallJournalOptions
        {
            Directory = _directory.Path, SegmentBytes = CallJournalOptions.MinSegmentBytes, Durability = JournalDurability.Power,
        });
        var position = default(JournalPosition);
        var read = new List<CallRecord>();

        var writers = Enumerable.Range(0, 8).Select(w => Task.Run(async () =>
        {
            for (var i = 0; i < 100; i++)
            {
                journal.Append(JournalSamples.Small((w * 100) + i));
                await journal.FlushedAsync().WaitAsync(Patience);
            }
        })).ToList();
        var all = Task.WhenAll(writers);
        while (!all.IsCompleted)
        {
            journal.TryRead(ref position, read, 50);
            journal.Release(position); // segments go while others are flushed
        }

        await all;
        journal.TryRead(ref position, read, int.MaxValue);
        Assert.Equal(800, read.Count);
        Assert.False(journal.IsFull);
    }

    [Fact]
    public void Without_it_nothing_waits()
    {
        using var journal = CallJournal.Open(new CallJournalOptions { Directory = _directory.Path });
        journal.Append(JournalSamples.Small(1));

        Assert.False(journal.FlushesToDisk);
        Assert.True(journal.FlushedAsync().IsCompletedSuccessfully);
    }

    [Fact]
    public async Task Who_asks_while_a_flush_is_under_way_waits_for_the_next_and_all_of_them_for_one()
    {
        using var began = new SemaphoreSlim(0);
        using var go = new SemaphoreSlim(0);
        var rounds = 0;
        using var flusher = new JournalFlusher(_directory.Path, () =>
        {
            rounds++;
            began.Release();
            go.Wait();
            return [];
        }, _ => { });

        var first = flusher.NextAsync();
        Assert.True(await began.WaitAsync(Patience, TestContext.Current.CancellationToken));
        var second = flusher.NextAsync();
        var third = flusher.NextAsync();
        go.Release();
        await first.WaitAsync(Patience, TestContext.Current.CancellationToken);
        Assert.False(second.IsCompleted);
        go.Release();
        await Task.WhenAll(second, third).WaitAsync(Patience, TestContext.Current.CancellationToken);

        Assert.Equal(2, rounds);
        go.Release(1000); // for the rounds of the end
    }

    [Fact]
    public async Task A_disk_that_takes_nothing_fails_those_who_wait_and_closes_the_journal()
    {
        var told = new List<string>();
        using var flusher = new JournalFlusher(
            _directory.Path, () => throw new IOException("the disk is broken"), e => told.Add(e.Message));

        await Assert.ThrowsAsync<IOException>(() => flusher.NextAsync().WaitAsync(Patience, TestContext.Current.CancellationToken));
        await Assert.ThrowsAsync<IOException>(() => flusher.NextAsync().WaitAsync(Patience, TestContext.Current.CancellationToken));

        Assert.True(flusher.HasFailed);
        Assert.Equal(["the disk is broken"], told);
    }

    [Fact]
    public void The_journal_of_another_process_is_read_up_to_a_position_and_left_as_it_is()
    {
        using var journal = CallJournal.Open(
            new CallJournalOptions { Directory = _directory.Path, SegmentBytes = CallJournalOptions.MinSegmentBytes });
        for (var i = 0; i < 100; i++)
        {
            journal.Append(JournalSamples.Small(i));
        }

        var position = default(JournalPosition);
        var first = new List<CallRecord>();
        journal.TryRead(ref position, first, 70);

        Assert.Equal(journal.NodeId, JournalFiles.FindNode(_directory.Path));
        Assert.Equal(first.Select(r => r.Id), JournalFiles.Read(_directory.Path, position).Select(r => r.Id));
        Assert.Equal(100, JournalFiles.Read(_directory.Path, journal.End).Count());
        Assert.Null(JournalFiles.FindNode(Path.GetTempPath()));
    }
}

using Gatehouse.Gateway.Journal;
using Microsoft.Win32.SafeHandles;

namespace Gatehouse.Gateway.Tests.Journal;

/// <summary>
/// The disk is full where the allocator says so: a real full disk needs a mount and so root. That the real allocator turns the
/// kernel's refusal into the same exception is tested on its own.
/// </summary>
public sealed class JournalFullTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();
    private volatile bool _noRoom;
    private volatile Exception? _refusal;

    public void Dispose() => _directory.Dispose();

    [Fact]
    public void A_full_disk_refuses_before_anything_is_lost_and_recovers_when_there_is_room()
    {
        using var journal = Open();
        WaitUntil(() => Directory.GetFiles(_directory.Path, "*.journal").Length == 2);
        _noRoom = true;
        var kept = 0;

        var error = Assert.Throws<JournalFullException>((Action)AppendForEver);

        Assert.Contains(_directory.Path, error.Message, StringComparison.Ordinal);
        Assert.True(journal.IsFull);
        Assert.True(kept > 40, "The prepared segment still took the calls under way.");

        _noRoom = false;
        WaitUntil(() => !journal.IsFull);
        journal.Append(JournalSamples.Small(kept));

        var position = default(JournalPosition);
        var read = new List<CallRecord>();
        journal.TryRead(ref position, read, int.MaxValue);
        Assert.Equal(Enumerable.Range(0, kept + 1).Select(i => $"req_{i}"), read.Select(r => r.RequestId));

        void AppendForEver()
        {
            while (true)
            {
                journal.Append(JournalSamples.Small(kept));
                kept++;
            }
        }
    }

    [Fact]
    public void The_journal_says_that_it_is_full_while_the_current_segment_still_has_room()
    {
        using var journal = Open();
        WaitUntil(() => Directory.GetFiles(_directory.Path, "*.journal") is [_, _] files
            && Array.TrueForAll(files, f => new FileInfo(f).Length > 0)); // it has its room
        _noRoom = true;
        var first = journal.End.Segment;
        while (journal.End.Segment == first)
        {
            journal.Append(JournalSamples.Small(0));
        }

        WaitUntil(() => journal.IsFull);

        journal.Append(JournalSamples.Small(1));
    }

    [Fact]
    public void A_start_on_a_full_disk_fails_and_leaves_no_file_behind()
    {
        _noRoom = true;

        Assert.Throws<JournalFullException>(Open);

        Assert.Empty(Directory.GetFiles(_directory.Path, "*.journal"));
        _noRoom = false;
        Open().Dispose();
    }

    [Theory]
    [InlineData(typeof(UnauthorizedAccessException))]
    [InlineData(typeof(OutOfMemoryException))]
    public void What_the_system_refuses_is_a_full_journal_that_recovers(Type refusal)
    {
        using var journal = Open();
        WaitUntil(() => Directory.GetFiles(_directory.Path, "*.journal").Length == 2);
        _refusal = (Exception)Activator.CreateInstance(refusal)!;

        var error = Assert.Throws<JournalFullException>((Action)AppendForEver);

        Assert.Contains(_directory.Path, error.Message, StringComparison.Ordinal);
        _refusal = null;
        WaitUntil(() => !journal.IsFull);
        journal.Append(JournalSamples.Small(1));

        void AppendForEver()
        {
            while (true)
            {
                journal.Append(JournalSamples.Small(0));
            }
        }
    }

    [Fact]
    public void A_segment_that_fails_for_any_reason_leaves_no_file_in_the_way()
    {
        _refusal = new NotSupportedException();

        Assert.Throws<NotSupportedException>(Open);

        Assert.Empty(Directory.GetFiles(_directory.Path, "*.journal"));
    }

    [Fact]
    public void What_the_kernel_refuses_to_allocate_is_a_full_journal()
    {
        using var file = new FileStream(Path.Combine(_directory.Path, "file"), FileMode.Create);

        Assert.Throws<JournalFullException>(() => JournalSegment.AllocateBlocks(file.SafeFileHandle, long.MaxValue));
    }

    private static void WaitUntil(Func<bool> condition) => Assert.True(SpinWait.SpinUntil(condition, TimeSpan.FromSeconds(20)));

    private CallJournal Open() => CallJournal.Open(new CallJournalOptions { Directory = _directory.Path, SegmentBytes = 4096 }, Allocate);

    private void Allocate(SafeFileHandle file, long bytes)
    {
        if (_refusal is { } refusal)
        {
            throw refusal;
        }

        if (_noRoom)
        {
            throw new JournalFullException($"No room in '{_directory.Path}'.");
        }

        JournalSegment.AllocateBlocks(file, bytes);
    }
}

using System.Diagnostics;
using System.Runtime.CompilerServices;
using Gatehouse.Gateway.Journal;

namespace Gatehouse.Gateway.Tests.Journal;

public sealed class JournalRecoveryTests : IDisposable
{
    private const string ChildVariable = "GATEHOUSE_TEST_JOURNAL_CHILD";

    private readonly TemporaryDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public void A_file_cut_in_the_last_record_keeps_the_others()
    {
        var (path, ends) = WriteThree();
        using (var file = File.OpenWrite(path))
        {
            file.SetLength(ends[2] - 9);
        }

        AssertLeft(1, "req_0", "req_1");
    }

    [Fact]
    public void A_file_cut_between_two_records_is_noticed()
    {
        var (path, ends) = WriteThree();
        using (var file = File.OpenWrite(path))
        {
            file.SetLength(ends[1]);
        }

        var damage = Assert.Single(JournalFiles.FindDamage(_directory.Path));
        Assert.Equal((path, ends[1], 0L), (damage.File, damage.Offset, damage.Bytes));
        AssertLeft(1, "req_0", "req_1");
    }

    [Fact]
    public void A_damaged_segment_is_kept_when_the_rest_of_it_is_released_and_says_from_when_its_damage_is()
    {
        var (path, ends) = WriteThree();
        Overwrite(path, ends[0] + 20, [0xDE, 0xAD, 0xBE, 0xEF]);
        using (var journal = Open())
        {
            var (position, read) = (default(JournalPosition), new List<CallRecord>());
            journal.TryRead(ref position, read, 1);
            var first = position;
            journal.TryRead(ref position, read, 10);
            journal.TryRead(ref first, read, 10); // what the database did not take is read once more
            journal.Release(position);

            Assert.Equal(1, journal.Corrupted);
            Assert.Equal(path + ".damaged", journal.DamagedFile);
        }

        Assert.False(File.Exists(path));
        var damage = Assert.Single(JournalFiles.FindDamage(_directory.Path));
        Assert.Equal((path + ".damaged", ends[0], ends[1] - ends[0]), (damage.File, damage.Offset, damage.Bytes));
        Assert.Equal((1_000_000L, 1_000_002L), (damage.AfterMicros, damage.BeforeMicros));
        AssertLeft(0);
    }

    /// <summary>A file that ended before the place up to where the ledger had it was taken for one that had been read.</summary>
    [Theory]
    [InlineData(0, false)]
    [InlineData(30, false)]
    [InlineData(64, false)]
    [InlineData(0, true)]
    [InlineData(64, true)]
    [InlineData(80, true)]
    public void A_file_that_ends_before_what_was_read_of_it_is_noticed(int left, bool isZeroed)
    {
        var (path, ends) = WriteThree();
        var drained = new JournalPosition(1, ends[1]);
        Assert.Empty(JournalFiles.FindDamage(_directory.Path, drained));
        using (var file = File.OpenWrite(path))
        {
            var length = file.Length;
            file.SetLength(left);
            file.SetLength(isZeroed ? length : left);
        }

        Assert.Equal(path, Assert.Single(JournalFiles.FindDamage(_directory.Path, drained)).File);
        using (var journal = Open())
        {
            var (position, read) = (drained, new List<CallRecord>());
            journal.TryRead(ref position, read, 10);
            var again = drained;
            journal.TryRead(ref again, read, 10);
            journal.Release(position);

            Assert.Empty(read);
            Assert.Equal((1, path + ".damaged"), (journal.Corrupted, journal.DamagedFile));
        }

        Assert.Equal(path + ".damaged", Assert.Single(JournalFiles.FindDamage(_directory.Path, drained)).File);
        AssertLeft(0);
    }

    [Theory]
    [InlineData(4, null, 0)]
    [InlineData(8, null, 1)] // its length is there
    [InlineData(24, null, 1)]
    [InlineData(0, 2, 1)] // its length is gone, and the ledger has it
    public void What_is_missing_of_a_cut_file_is_as_long_as_anybody_knows(int left, int? drained, int known)
    {
        var (path, ends) = WriteThree();
        using (var file = File.OpenWrite(path))
        {
            file.SetLength(ends[1] + left);
        }

        var damage = Assert.Single(JournalFiles.FindDamage(
            _directory.Path, drained is { } reached ? new JournalPosition(1, ends[reached]) : null));

        Assert.Equal((ends[1], (long?)1_000_001, true), (damage.Offset, damage.AfterMicros, damage.IsMore));
        Assert.InRange(damage.Bytes, known * (ends[2] - ends[1]), ends[2] - ends[1]);
    }

    /// <summary>One that somebody deleted was taken for one of those that we delete when they are drained.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_segment_that_somebody_deleted_is_noticed_where_the_reader_stood_in_its_middle(bool isLast)
    {
        Open().Dispose();
        var (path, ends) = WriteThree();
        var number = long.Parse(Path.GetFileNameWithoutExtension(path), System.Globalization.CultureInfo.InvariantCulture);
        if (!isLast)
        {
            WriteThree();
        }

        File.Delete(path);
        Assert.Equal(0, Corrupted(default));
        Assert.Equal(0, Corrupted(new JournalPosition(number, JournalSegment.HeaderBytes)));
        Assert.Equal(0, Corrupted(new JournalPosition(number, 4096)));
        Assert.False(File.Exists(path + ".damaged"));
        File.Delete(path); // its number may have been given once more

        Assert.Equal(1, Corrupted(new JournalPosition(number, ends[1])));
        Assert.True(File.Exists(path + ".damaged"));

        long Corrupted(JournalPosition from)
        {
            using var journal = Open();
            journal.TryRead(ref from, [], 10);
            return journal.Corrupted;
        }
    }

    /// <summary>Numbers began anew, and the new records before the old position were never read.</summary>
    [Fact]
    public void Where_all_segments_were_deleted_the_new_ones_of_the_same_numbers_are_read_from_their_start()
    {
        var (path, ends) = WriteThree();
        var before = new JournalPosition(JournalSegment.TryNumber(path, out var number) ? number : 0, ends[^1]);
        File.Delete(path);
        using var journal = Open();
        journal.Append(JournalSamples.Small(9));
        Assert.Equal(number, journal.End.Segment);

        var (position, read) = (before, new List<CallRecord>());
        Assert.True(journal.TryRead(ref position, read, 10));
        position = before; // the database did not take them
        Assert.True(journal.TryRead(ref position, read, 10));
        Assert.Equal(2, read.Count);
        Assert.Equal(1, journal.Corrupted);
        Assert.True(File.Exists(path + ".damaged"));

        journal.Release(position);
        Assert.False(journal.TryRead(ref position, read, 10));
        var told = Assert.Single(JournalFiles.FindDamage(_directory.Path, position));
        Assert.Equal(0, told.Bytes); // not as many as were read of the new one
    }

    [Fact]
    public void A_reader_that_goes_back_to_where_it_was_stored_finds_no_damage()
    {
        using var journal = Open();
        var (position, read) = (default(JournalPosition), new List<CallRecord>());
        for (var i = 0; i < 300; i++)
        {
            journal.Append(JournalSamples.Small(i));
            var stored = position;
            journal.TryRead(ref position, read, 7);
            journal.TryRead(ref stored, read, 7); // as after a write that failed
            journal.Release(position);
        }

        Assert.Equal(0, journal.Corrupted);
    }

    [Fact]
    public void A_sound_file_is_not_damaged_wherever_it_was_read_up_to()
    {
        var (path, ends) = WriteThree();
        using (var file = File.OpenRead(path))
        {
            ends = [JournalSegment.HeaderBytes, .. ends, file.Length];
        }

        foreach (var end in ends)
        {
            var drained = new JournalPosition(1, end);
            Assert.Empty(JournalFiles.FindDamage(_directory.Path, drained));
            using var journal = Open();
            var read = new List<CallRecord>();
            journal.TryRead(ref drained, read, 10);
            Assert.Equal((Math.Max(0, 3 - Array.IndexOf(ends, end)), 0), (read.Count, journal.Corrupted));
        }
    }

    /// <summary>They were taken for records that their writers had not finished.</summary>
    [Theory]
    [InlineData(3, 0)]
    [InlineData(40, 1)]
    public void Whole_records_that_became_zeros_are_noticed_where_no_writer_leaves_so_many(int records, long corrupted)
    {
        var path = JournalSegment.PathOf(_directory.Path, 1);
        long from, to;
        using (var journal = CallJournal.Open(new CallJournalOptions { Directory = _directory.Path, SegmentBytes = 64 << 10 }))
        {
            journal.Append(JournalSamples.Small(0));
            from = journal.End.Offset;
            for (var i = 1; i <= records; i++)
            {
                journal.Append(JournalSamples.Small(i));
            }

            to = journal.End.Offset;
            journal.Append(JournalSamples.Small(records + 1));
        }

        Overwrite(path, from, new byte[to - from]);

        Assert.Equal(corrupted, JournalFiles.FindDamage(_directory.Path).Count);
        AssertLeft(corrupted, "req_0", $"req_{records + 1}");
    }

    /// <summary>The last byte that is not zero is not the end of a record that ends in zeros.</summary>
    [Fact]
    public void A_record_that_ends_in_zeros_is_no_damage()
    {
        using (var segment = JournalSegment.Create(_directory.Path, 1, 4096, JournalSegment.AllocateBlocks))
        {
            segment.TryAppend([1, .. new byte[99]]);
        }

        using var left = JournalSegment.Open(JournalSegment.PathOf(_directory.Path, 1), 1)!;
        var end = JournalSegment.HeaderBytes + JournalSegment.SizeOf(100);
        Assert.True(left.Tail < end);
        Assert.False(left.Lacks(end));
        Assert.True(left.Lacks(end + 8));
    }

    [Fact]
    public void What_has_the_name_of_the_next_segment_is_left_alone_and_stops_nothing()
    {
        Directory.CreateDirectory(JournalSegment.PathOf(_directory.Path, 1));
        File.WriteAllText(Path.Combine(_directory.Path, "2.journal"), new string('x', 9000));
        using (var journal = Open())
        {
            File.WriteAllText(JournalSegment.PathOf(_directory.Path, journal.End.Segment + 2), "mine");
            for (var i = 0; i < 300; i++)
            {
                journal.Append(JournalSamples.Small(i));
            }

            var (position, read) = (default(JournalPosition), new List<CallRecord>());
            journal.TryRead(ref position, read, int.MaxValue);
            Assert.Equal(300, read.Count);
            Assert.Equal("mine", File.ReadAllText(JournalSegment.PathOf(_directory.Path, 4)));
        }

        using var again = Open();
        var (from, left) = (default(JournalPosition), new List<CallRecord>());
        again.TryRead(ref from, left, int.MaxValue);
        again.Release(from);
        Assert.Equal(300, left.Count);
        Assert.Equal(9000, new FileInfo(Path.Combine(_directory.Path, "2.journal")).Length);
    }

    [Fact]
    public void A_record_that_its_writer_did_not_finish_is_passed_over_without_complaint()
    {
        var (path, ends) = WriteThree();
        Overwrite(path, ends[0], new byte[4]);

        AssertLeft(0, "req_0", "req_2");
    }

    [Fact]
    public void A_last_record_that_its_writer_did_not_finish_is_passed_over_without_complaint()
    {
        var (path, ends) = WriteThree();
        Overwrite(path, ends[1], new byte[4]);

        AssertLeft(0, "req_0", "req_1");
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    public void A_damaged_record_is_counted_and_the_others_are_read(int which)
    {
        var (path, ends) = WriteThree();
        var from = which == 0 ? JournalSegment.HeaderBytes : ends[which - 1];
        Overwrite(path, from + 20, [0xDE, 0xAD, 0xBE, 0xEF]);

        AssertLeft(1, [.. Enumerable.Range(0, 3).Where(i => i != which).Select(i => $"req_{i}")]);
    }

    [Theory]
    [InlineData(int.MaxValue)]
    [InlineData(-1)]
    [InlineData(1)]
    [InlineData(400)]
    public void A_damaged_length_is_counted_and_the_others_are_read(int length)
    {
        var (path, ends) = WriteThree();
        Overwrite(path, ends[0], BitConverter.GetBytes(length));

        AssertLeft(1, "req_0", "req_2");
    }

    [Fact]
    public void Zeros_over_the_tail_leave_what_was_before()
    {
        var (path, ends) = WriteThree();
        Overwrite(path, ends[0], new byte[ends[2] - ends[0]]);

        AssertLeft(0, "req_0");
    }

    [Fact]
    public void A_damaged_header_does_not_matter()
    {
        var (path, _) = WriteThree();
        Overwrite(path, 0, [1, 2, 3, 4, 5, 6, 7, 8]);

        AssertLeft(0, "req_0", "req_1", "req_2");
    }

    [Fact]
    public void A_segment_of_a_newer_release_stops_the_start_with_a_clear_message()
    {
        var (path, _) = WriteThree();
        Overwrite(path, 6, "2"u8);

        var error = Assert.Throws<JournalVersionException>(Open);

        Assert.Contains("newer Gatehouse", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_record_of_a_newer_release_does_not_hold_back_those_before_it()
    {
        using (var segment = JournalSegment.Create(_directory.Path, 1, 4096, JournalSegment.AllocateBlocks))
        {
            for (var i = 0; i < 3; i++)
            {
                var buffer = new byte[16];
                var length = CallRecordFormat.Write(JournalSamples.Small(i), ref buffer);
                buffer[0] += (byte)(i == 2 ? 1 : 0);
                segment.TryAppend(buffer.AsSpan(0, length));
            }
        }

        using var journal = Open();
        var position = default(JournalPosition);
        var read = new List<CallRecord>();

        Assert.True(journal.TryRead(ref position, read, 100));
        Assert.Equal(["req_0", "req_1"], read.Select(r => r.RequestId));
        Assert.Throws<JournalVersionException>(() => journal.TryRead(ref position, read, 100));
    }

    [Fact]
    public void Empty_and_foreign_files_do_no_harm()
    {
        WriteThree();
        File.WriteAllBytes(Path.Combine(_directory.Path, "000000000077.journal"), []);
        File.WriteAllBytes(Path.Combine(_directory.Path, "000000000078.journal"), new byte[8192]);
        File.WriteAllText(Path.Combine(_directory.Path, "notes.journal"), "hello");

        AssertLeft(0, "req_0", "req_1", "req_2");
        Assert.True(File.Exists(Path.Combine(_directory.Path, "notes.journal")));
    }

    [Fact]
    public void Every_acknowledged_record_survives_kill_9()
    {
        using var child = new Process
        {
            StartInfo = new ProcessStartInfo(Environment.ProcessPath!)
            {
                RedirectStandardOutput = true,
                Environment = { [ChildVariable] = _directory.Path },
            },
        };
        child.Start();
        var acknowledged = new HashSet<Guid>();
        try
        {
            while (acknowledged.Count < 3_000 && child.StandardOutput.ReadLine() is { } line)
            {
                acknowledged.Add(Guid.Parse(line));
            }
        }
        finally
        {
            child.Kill();
        }

        while (child.StandardOutput.ReadLine() is { } line)
        {
            // The last line may be torn; whole lines count.
            if (line.Length == 36 && Guid.TryParse(line, out var id))
            {
                acknowledged.Add(id);
            }
        }

        child.WaitForExit();
        Assert.True(acknowledged.Count >= 3_000);
        using var journal = Open();
        var position = default(JournalPosition);
        var read = new List<CallRecord>();
        journal.TryRead(ref position, read, int.MaxValue);
        var ids = read.Select(r => r.Id).ToHashSet();
        Assert.Empty(acknowledged.Except(ids));
        Assert.Equal(ids.Count, read.Count);
        Assert.Equal(0, journal.Corrupted);
        Assert.True(position.Segment > 10);
    }

    /// <summary>
    /// The child of the test above: this executable started again, which appends and acknowledges until it is killed. One thread: others
    /// would wait for the end of the module's initializer.
    /// </summary>
    [ModuleInitializer]
    internal static void AppendForEver()
    {
        if (Environment.GetEnvironmentVariable(ChildVariable) is not { Length: > 0 } directory)
        {
            return;
        }

        using var journal = CallJournal.Open(new CallJournalOptions { Directory = directory, SegmentBytes = 16 << 10 });
        using var output = new StreamWriter(Console.OpenStandardOutput()) { AutoFlush = true };
        for (var i = 0; i < 1_000_000; i++)
        {
            var record = JournalSamples.Small(i);
            journal.Append(record);
            output.WriteLine(record.Id);
        }

        Environment.Exit(0);
    }

    private CallJournal Open() => CallJournal.Open(new CallJournalOptions { Directory = _directory.Path, SegmentBytes = 4096 });

    private (string Path, long[] Ends) WriteThree()
    {
        using var journal = Open();
        var ends = new long[3];
        for (var i = 0; i < 3; i++)
        {
            var record = JournalSamples.Small(i);
            record.StartedAtMicros = 1_000_000 + i;
            journal.Append(record);
            ends[i] = journal.End.Offset;
        }

        return (JournalSegment.PathOf(_directory.Path, journal.End.Segment), ends);
    }

    private static void Overwrite(string path, long at, ReadOnlySpan<byte> bytes)
    {
        using var file = File.OpenWrite(path);
        file.Position = at;
        file.Write(bytes);
    }

    private void AssertLeft(long corrupted, params string[] requests)
    {
        using var journal = Open();
        journal.Append(JournalSamples.Small(9));
        var position = default(JournalPosition);
        var read = new List<CallRecord>();
        journal.TryRead(ref position, read, int.MaxValue);

        Assert.Equal([.. requests, "req_9"], read.Select(r => r.RequestId));
        Assert.Equal(corrupted, journal.Corrupted);
        Assert.Equal(journal.End, position);
    }
}

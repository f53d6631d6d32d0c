namespace Gatehouse.Gateway.Journal;

/// <summary>A stretch of a segment that held records and cannot be read.</summary>
/// <param name="File">The path of the segment, or of what is kept of it.</param>
/// <param name="Offset">Where it begins, in bytes.</param>
/// <param name="Bytes">How long it is, or at least is; 0 where nobody knows.</param>
/// <param name="AfterMicros">When the call began whose record stands before it; <see langword="null"/>: none does.</param>
/// <param name="BeforeMicros">When the call began whose record stands behind it.</param>
/// <param name="IsMore">The end of the file is missing, so it may be longer.</param>
public sealed record JournalDamage(
    string File, long Offset, long Bytes, long? AfterMicros, long? BeforeMicros, bool IsMore = false);

/// <summary>The journal of a directory as it lies there, whoever writes it: for looking only, nothing is changed.</summary>
public static class JournalFiles
{
    /// <returns>The node whose journal it is; <see langword="null"/> where there is none.</returns>
    public static string? FindNode(string directory)
    {
        var path = Path.Combine(directory, "node");
        return File.Exists(path) ? File.ReadAllText(path) : null;
    }

    /// <returns>The records before a position that have not been deleted yet, in their order.</returns>
    /// <exception cref="IOException">A file cannot be read.</exception>
    /// <exception cref="JournalVersionException">A newer Gatehouse wrote it.</exception>
    public static IEnumerable<CallRecord> Read(string directory, JournalPosition upTo)
    {
        foreach (var path in Directory.EnumerateFiles(directory, "*.journal").Order(StringComparer.Ordinal))
        {
            if (!JournalSegment.TryNumber(path, out var number) || number > upTo.Segment || OpenOrNull(path, number) is not { } segment)
            {
                continue;
            }

            using (segment)
            {
                for (long offset = JournalSegment.HeaderBytes; ReadNext(segment, ref offset, upTo, out var record);)
                {
                    if (record is not null)
                    {
                        yield return record;
                    }
                }
            }
        }
    }

    /// <returns>The numbers of the segments that are there.</returns>
    public static IReadOnlySet<long> FindNumbers(string directory)
    {
        var numbers = new HashSet<long>();
        foreach (var path in Directory.EnumerateFiles(directory, "*.journal"))
        {
            if (JournalSegment.TryNumber(path, out var number))
            {
                numbers.Add(number);
            }
        }

        return numbers;
    }

    /// <param name="drained">Up to where the ledger has it; <see langword="null"/>: nobody knows.</param>
    /// <param name="before">What <see cref="FindNumbers"/> gave before that was read: a segment that was not there then, and in which
    /// it stands, is not one that was drained and deleted meanwhile. <see langword="null"/>: nobody looked.</param>
    /// <returns>What cannot be read, in segments that wait and in those that are kept for their damage.</returns>
    /// <exception cref="IOException">A file cannot be read.</exception>
    /// <exception cref="JournalVersionException">A newer Gatehouse wrote it.</exception>
    public static List<JournalDamage> FindDamage(
        string directory, JournalPosition? drained = null, IReadOnlySet<long>? before = null)
    {
        var found = new List<JournalDamage>();
        if (drained is { } at && before is not null && !before.Contains(at.Segment)
            && at.Offset > JournalSegment.HeaderBytes && at.Offset < CallJournalOptions.DefaultSegmentBytes
            && JournalSegment.PathOf(directory, at.Segment) is var gone && !File.Exists(gone)
            && !File.Exists(gone + JournalSegment.DamagedSuffix))
        {
            found.Add(new JournalDamage(gone, at.Offset, 0, null, null, IsMore: true));
        }

        foreach (var path in Directory.EnumerateFiles(directory).Order(StringComparer.Ordinal))
        {
            var isKept = path.EndsWith(JournalSegment.DamagedSuffix, StringComparison.Ordinal);
            var name = isKept ? path[..^JournalSegment.DamagedSuffix.Length] : path;
            if (!JournalSegment.TryNumber(name, out var number) || (isKept && File.Exists(name) && new FileInfo(path).Length > 0))
            {
                continue; // found under its other name
            }

            var count = found.Count;
            var reached = drained is { } d && d.Segment == number && !(isKept && File.Exists(name)) ? d.Offset : 0; // else another's
            using var segment = OpenOrNull(path, number);
            var last = segment is null ? null : AddDamage(segment, reached, found);

            // Where the rest of a file is sound, or nothing is left of it, its end is missing.
            var isShort = segment is null ? reached > JournalSegment.HeaderBytes && File.Exists(path) : segment.Lacks(reached);
            if (found.Count == count && (isKept || isShort))
            {
                var end = segment?.Tail ?? 0;
                found.Add(new JournalDamage(path, end, Math.Max(0, reached - end), last, null, IsMore: true));
            }
        }

        return found;
    }

    /// <returns>When the call of the last record began.</returns>
    private static long? AddDamage(JournalSegment segment, long reached, List<JournalDamage> found)
    {
        var isCut = segment.IsCut; // reading tells it once
        var (offset, state, last) = ((long)JournalSegment.HeaderBytes, SegmentRead.Record, (long?)null);
        while (state == SegmentRead.Record)
        {
            var (before, damaged) = (offset, 0L);
            state = segment.Read(ref offset, out var payload, ref damaged);
            var at = StartOf(state, payload);
            if (damaged > 0 || (state == SegmentRead.Record && at is null))
            {
                var isLast = state != SegmentRead.Record && isCut;
                var end = at is null ? Math.Min(offset, segment.Tail) : offset - JournalSegment.SizeOf(payload.Length);
                end = isLast ? Math.Max(Math.Max(end, reached), segment.EndAt(before)) : end;
                found.Add(new JournalDamage(segment.Path, before, Math.Max(0, end - before), last, at, isLast));
            }

            last = at ?? last;
        }

        return last;
    }

    /// <returns>When the call of a record began; <see langword="null"/> where there is no record, or bytes that are none.</returns>
    private static long? StartOf(SegmentRead state, ReadOnlySpan<byte> payload)
    {
        try
        {
            return state == SegmentRead.Record ? CallRecordFormat.Read(payload).StartedAtMicros : null;
        }
        catch (FormatException)
        {
            return null;
        }
    }

    /// <summary>Whoever drains the journal may delete a segment at any time.</summary>
    private static JournalSegment? OpenOrNull(string path, long number)
    {
        try
        {
            return JournalSegment.Open(path, number);
        }
        catch (FileNotFoundException)
        {
            return null;
        }
    }

    /// <param name="record"><see langword="null"/> where bytes are no record: damage, which <see cref="FindDamage"/> finds.</param>
    private static bool ReadNext(JournalSegment segment, ref long offset, JournalPosition upTo, out CallRecord? record)
    {
        record = null;
        var damaged = 0L;
        if (segment.Read(ref offset, out var payload, ref damaged) != SegmentRead.Record
            || (segment.Number == upTo.Segment && offset > upTo.Offset))
        {
            return false;
        }

        try
        {
            record = CallRecordFormat.Read(payload);
        }
        catch (FormatException)
        {
            // Its checksum is right and it is none: the drain went on behind it too.
        }

        return true;
    }
}

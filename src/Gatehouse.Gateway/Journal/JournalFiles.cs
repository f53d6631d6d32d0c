using System.Globalization;

namespace Gatehouse.Gateway.Journal;

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
            if (!long.TryParse(Path.GetFileNameWithoutExtension(path), NumberStyles.None, CultureInfo.InvariantCulture, out var number)
                || number > upTo.Segment || OpenOrNull(path, number) is not { } segment)
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

    /// <param name="record"><see langword="null"/> where bytes are no record: damage, which the drain has counted.</param>
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
            // Its checksum is right and it is none: the drain counted it and went on.
        }

        return true;
    }
}

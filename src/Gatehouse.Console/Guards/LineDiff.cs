namespace Gatehouse.Console.Guards;

/// <summary>A line of a difference.</summary>
/// <param name="Mark"><c>+</c> for a new line, <c>-</c> for one that is gone, a space for one that stays, <c>…</c> for many.</param>
public sealed record DiffLine(char Mark, string Text);

/// <summary>The difference of two texts, line by line.</summary>
internal static class LineDiff
{
    /// <summary>Beyond it, the longest common part would take too long; all is shown as changed.</summary>
    private const int MostLines = 1500;

    private const int Around = 2;

    public static IReadOnlyList<DiffLine> Of(string before, string after)
    {
        var (old, now) = (Lines(before), Lines(after));
        if (old.Length > MostLines || now.Length > MostLines)
        {
            return [.. old.Select(l => new DiffLine('-', l)), .. now.Select(l => new DiffLine('+', l))];
        }

        // lengths[i, j]: of the longest common part of what begins at line i of the one and line j of the other.
        var lengths = new int[old.Length + 1, now.Length + 1];
        for (var i = old.Length - 1; i >= 0; i--)
        {
            for (var j = now.Length - 1; j >= 0; j--)
            {
                lengths[i, j] = old[i] == now[j] ? lengths[i + 1, j + 1] + 1 : Math.Max(lengths[i + 1, j], lengths[i, j + 1]);
            }
        }

        var lines = new List<DiffLine>();
        var (at, to) = (0, 0);
        while (at < old.Length || to < now.Length)
        {
            if (at < old.Length && to < now.Length && old[at] == now[to])
            {
                lines.Add(new DiffLine(' ', old[at]));
                (at, to) = (at + 1, to + 1);
            }
            else if (to == now.Length || (at < old.Length && lengths[at + 1, to] >= lengths[at, to + 1]))
            {
                lines.Add(new DiffLine('-', old[at++]));
            }
            else
            {
                lines.Add(new DiffLine('+', now[to++]));
            }
        }

        return Shortened(lines);
    }

    private static List<DiffLine> Shortened(List<DiffLine> lines)
    {
        var changed = lines.Index().Where(l => l.Item.Mark != ' ').Select(l => l.Index).ToList();
        var kept = new List<DiffLine>();
        for (var i = 0; i < lines.Count; i++)
        {
            if (changed.Exists(c => Math.Abs(c - i) <= Around))
            {
                kept.Add(lines[i]);
            }
            else if (kept.Count > 0 && kept[^1].Mark != '…')
            {
                kept.Add(new DiffLine('…', ""));
            }
        }

        return kept is [.., { Mark: '…' }] ? kept[..^1] : kept;
    }

    private static string[] Lines(string text) => text.ReplaceLineEndings("\n").TrimEnd('\n').Split('\n');
}

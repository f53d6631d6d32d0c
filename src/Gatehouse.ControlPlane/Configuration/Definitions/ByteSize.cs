using System.Globalization;

namespace Gatehouse.Configuration;

/// <summary>
/// An amount of bytes, written <c>512</c>, <c>64KiB</c>, <c>32MiB</c>, <c>1GiB</c> (or with KB, MB, GB for powers of ten).
/// </summary>
public readonly record struct ByteSize(long Bytes)
{
    private static readonly (string Unit, long Bytes)[] Units =
    [
        ("GiB", 1L << 30), ("MiB", 1L << 20), ("KiB", 1L << 10), ("GB", 1_000_000_000), ("MB", 1_000_000), ("KB", 1_000), ("B", 1), ("", 1),
    ];

    public static bool TryParse(string text, out ByteSize size)
    {
        size = default;
        foreach (var (unit, bytes) in Units)
        {
            if (text.EndsWith(unit, StringComparison.Ordinal)
                && decimal.TryParse(
                    text.AsSpan(0, text.Length - unit.Length), NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var number)
                && number <= long.MaxValue / bytes
                && decimal.Truncate(number * bytes) == number * bytes)
            {
                size = new((long)(number * bytes));
                return true;
            }
        }

        return false;
    }

    public override string ToString()
    {
        foreach (var (unit, bytes) in Units)
        {
            if (Bytes >= bytes && Bytes % bytes == 0 && bytes > 1)
            {
                return string.Create(CultureInfo.InvariantCulture, $"{Bytes / bytes}{unit}");
            }
        }

        return Bytes.ToString(CultureInfo.InvariantCulture);
    }
}

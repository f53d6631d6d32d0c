using System.Text.Json;

namespace Gatehouse.Gateway.Providers;

/// <summary>What a usage object holds: counts of tokens, and a word or two about them.</summary>
internal static class UsageNumber
{
    /// <summary>No real call comes near; it keeps sums and prices of a broken report from overflowing.</summary>
    private const long Most = 1L << 40;

    /// <summary>Reads the value of the property the reader stands at; what is no number counts as 0.</summary>
    public static long Read(ref Utf8JsonReader reader)
    {
        reader.Read();
        if (reader.TokenType != JsonTokenType.Number)
        {
            reader.Skip();
            return 0;
        }

        if (reader.TryGetInt64(out var number))
        {
            return Math.Clamp(number, 0, Most);
        }

        return reader.TryGetDouble(out var real) ? (long)Math.Clamp(real, 0, Most) : 0;
    }

    /// <summary>Reads a word beside the counts: <see langword="null"/> when it is none, or no text that can be read.</summary>
    public static string? ReadWord(ref Utf8JsonReader reader)
    {
        reader.Read();
        if (reader.TokenType != JsonTokenType.String)
        {
            reader.Skip();
            return null;
        }

        try
        {
            return reader.GetString();
        }
        catch (InvalidOperationException)
        {
            return null; // half a character, or bytes that are no UTF-8
        }
    }
}

using System.Text.Json;

namespace Gatehouse.Gateway.Providers;

/// <summary>The words of a usage object, beside its counts.</summary>
internal static class UsageWord
{
    /// <summary>Reads the value of the property the reader stands at.</summary>
    /// <returns><see langword="null"/> when it is no word, or no text that can be read.</returns>
    public static string? Read(ref Utf8JsonReader reader)
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

using System.Text.Json;

namespace Gatehouse.Gateway.Providers;

/// <summary>The words of a usage object, beside its counts.</summary>
internal static class UsageWord
{
    /// <summary>Reads the value of the property the reader stands at: <see langword="null"/> when it is none, or no text that can be read.</summary>
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

using System.Runtime.InteropServices;
using System.Text.Json;
using Gatehouse.Contracts;

namespace Gatehouse.Gateway.Providers.Gemini;

/// <summary>Reads and writes <c>usageMetadata</c>. Cached tokens are part of the prompt there, thoughts come beside the candidates.</summary>
internal static class GeminiUsage
{
    /// <param name="reader">At the start of the usage object; left at its end.</param>
    /// <exception cref="JsonException">The JSON is broken.</exception>
    public static TokenUsage Read(ref Utf8JsonReader reader)
    {
        long prompt = 0, tools = 0, cached = 0, candidates = 0, thoughts = 0;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            if (reader.ValueTextEquals("promptTokenCount"u8))
            {
                prompt = UsageNumber.Read(ref reader);
            }
            else if (reader.ValueTextEquals("toolUsePromptTokenCount"u8))
            {
                tools = UsageNumber.Read(ref reader);
            }
            else if (reader.ValueTextEquals("cachedContentTokenCount"u8))
            {
                cached = UsageNumber.Read(ref reader);
            }
            else if (reader.ValueTextEquals("candidatesTokenCount"u8))
            {
                candidates = UsageNumber.Read(ref reader);
            }
            else if (reader.ValueTextEquals("thoughtsTokenCount"u8))
            {
                thoughts = UsageNumber.Read(ref reader);
            }
            else
            {
                reader.Read();
                reader.Skip();
            }
        }

        cached = Math.Min(cached, prompt);
        return new TokenUsage(prompt + tools - cached, cached, 0, 0, candidates, thoughts);
    }

    public static TokenUsage Read(JsonElement usage)
    {
        var reader = new Utf8JsonReader(JsonMarshal.GetRawUtf8Value(usage));
        return reader.Read() && reader.TokenType == JsonTokenType.StartObject ? Read(ref reader) : default;
    }
}

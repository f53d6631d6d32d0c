using System.Runtime.InteropServices;
using System.Text.Json;
using Gatehouse.Contracts;
using Gatehouse.Gateway.Conversation;

namespace Gatehouse.Gateway.Providers.Gemini;

/// <summary>
/// Reads and writes <c>usageMetadata</c>. Cached tokens are part of the prompt there, thoughts come beside the candidates.
/// </summary>
internal static class GeminiUsage
{
    /// <param name="reader">At the start of the usage object; left at its end.</param>
    /// <param name="earlier">What the answer reported before: stays when this holds no count.</param>
    /// <returns><see langword="null"/> when it cannot be read.</returns>
    /// <exception cref="JsonException">The JSON is broken.</exception>
    public static TokenUsage? Read(ref Utf8JsonReader reader, TokenUsage? earlier = null)
    {
        var counts = default(UsageCounts);
        long prompt = 0, tools = 0, cached = 0, candidates = 0, thoughts = 0, total = 0;
        long heard = 0, seen = 0, heardBefore = 0, seenBefore = 0, spoken = 0, none = 0;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            if (reader.ValueTextEquals("promptTokenCount"u8))
            {
                prompt = counts.Read(ref reader);
            }
            else if (reader.ValueTextEquals("toolUsePromptTokenCount"u8))
            {
                tools = counts.Read(ref reader);
            }
            else if (reader.ValueTextEquals("cachedContentTokenCount"u8))
            {
                cached = counts.Read(ref reader);
            }
            else if (reader.ValueTextEquals("candidatesTokenCount"u8))
            {
                candidates = counts.Read(ref reader);
            }
            else if (reader.ValueTextEquals("thoughtsTokenCount"u8))
            {
                thoughts = counts.Read(ref reader);
            }
            else if (reader.ValueTextEquals("totalTokenCount"u8))
            {
                total = counts.Read(ref reader);
            }
            else if (reader.ValueTextEquals("promptTokensDetails"u8))
            {
                ReadKinds(ref reader, ref counts, ref heard, ref seen);
            }
            else if (reader.ValueTextEquals("cacheTokensDetails"u8))
            {
                ReadKinds(ref reader, ref counts, ref heardBefore, ref seenBefore);
            }
            else if (reader.ValueTextEquals("candidatesTokensDetails"u8))
            {
                ReadKinds(ref reader, ref counts, ref spoken, ref none);
            }
            else
            {
                reader.Read();
                reader.Skip();
            }
        }

        cached = Math.Min(cached, prompt);
        heard = Math.Clamp(heard - heardBefore, 0, prompt - cached);
        seen = Math.Clamp(seen - seenBefore, 0, prompt - cached - heard);
        spoken = Math.Min(spoken, candidates);
        thoughts = Math.Max(thoughts, total - prompt - tools - candidates); // of some they are in the total alone
        return counts.Else(
            earlier,
            new TokenUsage(prompt + tools - cached - heard - seen, cached, 0, 0, candidates - spoken, thoughts, heard, seen, spoken));
    }

    /// <summary>A list of <c>{"modality": "AUDIO", "tokenCount": 7}</c>.</summary>
    private static void ReadKinds(ref Utf8JsonReader reader, ref UsageCounts counts, ref long audio, ref long image)
    {
        reader.Read();
        if (reader.TokenType != JsonTokenType.StartArray)
        {
            reader.Skip();
            return;
        }

        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            if (reader.TokenType != JsonTokenType.StartObject)
            {
                reader.Skip();
                continue;
            }

            var (kind, count) = (0, 0L);
            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            {
                if (reader.ValueTextEquals("modality"u8))
                {
                    reader.Read();
                    kind = reader.TokenType != JsonTokenType.String
                        ? 0
                        : reader.ValueTextEquals("AUDIO"u8) ? 1 : reader.ValueTextEquals("IMAGE"u8) ? 2 : 0;
                    reader.Skip();
                }
                else if (reader.ValueTextEquals("tokenCount"u8))
                {
                    count = counts.Read(ref reader);
                }
                else
                {
                    reader.Read();
                    reader.Skip();
                }
            }

            audio += kind == 1 ? count : 0;
            image += kind == 2 ? count : 0;
        }
    }

    public static TokenUsage? Read(JsonElement usage)
    {
        var reader = new Utf8JsonReader(JsonMarshal.GetRawUtf8Value(usage), new JsonReaderOptions { MaxDepth = WireJson.MaxDepth });
        return reader.Read() && reader.TokenType == JsonTokenType.StartObject ? Read(ref reader) : null;
    }
}

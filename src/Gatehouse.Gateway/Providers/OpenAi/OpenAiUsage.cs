using System.Text.Json;
using Gatehouse.Contracts;
using Gatehouse.Gateway.Conversation;

namespace Gatehouse.Gateway.Providers.OpenAi;

/// <summary>
/// Reads <c>usage</c> of OpenAI's formats, which call the same by two names, into disjoint buckets. Cached tokens are part of the prompt
/// there, reasoning of the completion.
/// </summary>
internal static class OpenAiUsage
{
    /// <param name="reader">At the start of the usage object; left at its end.</param>
    /// <param name="earlier">What the answer reported before: stays when this holds no count.</param>
    /// <param name="hasOutput">Of vectors there is none: what a total has alone is input.</param>
    /// <returns><see langword="null"/> when it cannot be read.</returns>
    /// <exception cref="JsonException">The JSON is broken.</exception>
    public static TokenUsage? Read(ref Utf8JsonReader reader, TokenUsage? earlier = null, bool hasOutput = true)
    {
        var counts = default(UsageCounts);
        long prompt = 0, completion = 0, total = 0, cached = 0, hit = 0, written = 0, reasoning = 0;
        long heard = 0, seen = 0, spoken = 0, none = 0; // tokens of sound, of pictures, of spoken answers
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            if (reader.ValueTextEquals("prompt_tokens"u8) || reader.ValueTextEquals("input_tokens"u8))
            {
                prompt = Math.Max(prompt, counts.Read(ref reader));
            }
            else if (reader.ValueTextEquals("completion_tokens"u8) || reader.ValueTextEquals("output_tokens"u8))
            {
                completion = Math.Max(completion, counts.Read(ref reader));
            }
            else if (reader.ValueTextEquals("total_tokens"u8))
            {
                total = counts.Read(ref reader);
            }
            else if (reader.ValueTextEquals("prompt_cache_hit_tokens"u8))
            {
                hit = counts.Read(ref reader);
            }
            else if (reader.ValueTextEquals("prompt_tokens_details"u8) || reader.ValueTextEquals("input_tokens_details"u8))
            {
                ReadDetails(ref reader, ref counts, ref cached, ref written, ref reasoning, ref heard, ref seen);
            }
            else if (reader.ValueTextEquals("completion_tokens_details"u8) || reader.ValueTextEquals("output_tokens_details"u8))
            {
                ReadDetails(ref reader, ref counts, ref cached, ref written, ref reasoning, ref spoken, ref none);
            }
            else
            {
                reader.Read();
                reader.Skip();
            }
        }

        if (!hasOutput)
        {
            prompt = Math.Max(prompt, total - completion);
        }

        return counts.Else(
            earlier, Buckets(prompt, completion, total, Math.Max(cached, hit), written, reasoning, heard, seen, spoken));
    }

    public static TokenUsage? Read(JsonElement usage, bool hasOutput = true)
    {
        var reader = new Utf8JsonReader(
            System.Runtime.InteropServices.JsonMarshal.GetRawUtf8Value(usage), new JsonReaderOptions { MaxDepth = WireJson.MaxDepth });
        return reader.Read() && reader.TokenType == JsonTokenType.StartObject ? Read(ref reader, null, hasOutput) : null;
    }

    /// <summary>Writes a usage object whose sums hold: cached within the prompt, reasoning within the completion, total of both.</summary>
    public static void Write(Utf8JsonWriter json, in TokenUsage usage)
    {
        json.WriteStartObject();
        json.WriteNumber("prompt_tokens", usage.TotalInput);
        json.WriteNumber("completion_tokens", usage.TotalOutput);
        json.WriteNumber("total_tokens", usage.Total);
        json.WriteStartObject("prompt_tokens_details");
        json.WriteNumber("cached_tokens", usage.CacheRead);
        json.WriteNumber("cache_write_tokens", usage.CacheWrite + usage.CacheWriteLong);
        json.WriteNumber("audio_tokens", usage.AudioInput);
        json.WriteEndObject();
        json.WriteStartObject("completion_tokens_details");
        json.WriteNumber("reasoning_tokens", usage.Reasoning);
        json.WriteNumber("audio_tokens", usage.AudioOutput);
        json.WriteNumber("accepted_prediction_tokens", 0);
        json.WriteNumber("rejected_prediction_tokens", 0);
        json.WriteEndObject();
        json.WriteEndObject();
    }

    /// <summary>Reads the object of details that the reader stands before, of the prompt or of the completion.</summary>
    private static void ReadDetails(
        ref Utf8JsonReader reader, ref UsageCounts counts, ref long cached, ref long written, ref long reasoning, ref long audio,
        ref long image)
    {
        reader.Read();
        if (reader.TokenType != JsonTokenType.StartObject)
        {
            reader.Skip();
            return;
        }

        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            if (reader.ValueTextEquals("cached_tokens"u8))
            {
                cached = counts.Read(ref reader);
            }
            else if (reader.ValueTextEquals("cache_write_tokens"u8))
            {
                written = counts.Read(ref reader);
            }
            else if (reader.ValueTextEquals("reasoning_tokens"u8))
            {
                reasoning = counts.Read(ref reader);
            }
            else if (reader.ValueTextEquals("audio_tokens"u8))
            {
                audio = counts.Read(ref reader);
            }
            else if (reader.ValueTextEquals("image_tokens"u8))
            {
                image = counts.Read(ref reader);
            }
            else
            {
                reader.Read();
                reader.Skip();
            }
        }
    }

    private static TokenUsage Buckets(
        long prompt, long completion, long total, long cached, long written, long reasoning, long heard, long seen, long spoken)
    {
        cached = Math.Min(cached, prompt);
        written = Math.Min(written, prompt - cached);
        heard = Math.Min(heard, prompt - cached - written); // what of it was cached is not told, and counts as cached
        seen = Math.Min(seen, prompt - cached - written - heard);

        // Some servers count reasoning beside the completion, or in the total alone: the total gives them away.
        var beside = Math.Max(0, total - prompt - completion);
        reasoning = beside > 0 ? Math.Max(beside, Math.Min(reasoning, beside + completion)) : Math.Min(reasoning, completion);
        var output = completion + beside - reasoning;
        spoken = Math.Min(spoken, output);
        return new TokenUsage(
            prompt - cached - written - heard - seen, cached, written, 0, output - spoken, reasoning, heard, seen, spoken);
    }
}

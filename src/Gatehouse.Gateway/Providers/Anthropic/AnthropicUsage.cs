using System.Runtime.InteropServices;
using System.Text.Json;
using Gatehouse.Contracts;
using Gatehouse.Gateway.Conversation;

namespace Gatehouse.Gateway.Providers.Anthropic;

/// <summary>
/// Gathers <c>usage</c> of the messages format. A stream reports it in pieces that are cumulative: each field that comes again
/// overwrites the one before, each that does not come stays.
/// </summary>
internal struct AnthropicUsage
{
    private UsageCounts _counts;
    private long _input;
    private long _cacheRead;
    private long _cacheWrite;
    private long _cacheWrite5m;
    private long _cacheWrite1h;
    private long _output;
    private long _thinking;

    /// <summary><c>standard</c>, <c>priority</c> or <c>batch</c>.</summary>
    public string? ServiceTier { get; private set; }

    /// <summary><see langword="null"/> until anything is reported, and when a report cannot be read.</summary>
    public readonly TokenUsage? Total => _counts.AreReadable ? Sum : null;

    private readonly TokenUsage Sum
    {
        get
        {
            // The breakdown may be absent; what it does not name was written for the shorter time.
            var written = Math.Max(_cacheWrite, _cacheWrite5m + _cacheWrite1h);
            var reasoning = Math.Min(_thinking, _output);
            return new TokenUsage(_input, _cacheRead, written - _cacheWrite1h, _cacheWrite1h, _output - reasoning, reasoning);
        }
    }

    /// <param name="reader">At the start of the usage object; left at its end.</param>
    /// <exception cref="JsonException">The JSON is broken.</exception>
    public void Read(ref Utf8JsonReader reader)
    {
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            if (reader.ValueTextEquals("input_tokens"u8))
            {
                Overwrite(ref reader, ref _input);
            }
            else if (reader.ValueTextEquals("cache_read_input_tokens"u8))
            {
                Overwrite(ref reader, ref _cacheRead);
            }
            else if (reader.ValueTextEquals("cache_creation_input_tokens"u8))
            {
                Overwrite(ref reader, ref _cacheWrite);
            }
            else if (reader.ValueTextEquals("output_tokens"u8))
            {
                Overwrite(ref reader, ref _output);
            }
            else if (reader.ValueTextEquals("service_tier"u8))
            {
                ServiceTier = UsageWord.Read(ref reader) ?? ServiceTier;
            }
            else if (reader.ValueTextEquals("cache_creation"u8) || reader.ValueTextEquals("output_tokens_details"u8))
            {
                ReadDetails(ref reader);
            }
            else
            {
                reader.Read();
                reader.Skip();
            }
        }
    }

    public void Read(JsonElement usage)
    {
        var reader = new Utf8JsonReader(JsonMarshal.GetRawUtf8Value(usage), new JsonReaderOptions { MaxDepth = WireJson.MaxDepth });
        if (reader.Read() && reader.TokenType == JsonTokenType.StartObject)
        {
            Read(ref reader);
        }
    }

    public static void Write(Utf8JsonWriter json, in TokenUsage usage)
    {
        json.WriteStartObject();
        json.WriteNumber("input_tokens", usage.UncachedInput);
        json.WriteNumber("cache_creation_input_tokens", usage.CacheWrite + usage.CacheWriteLong);
        json.WriteNumber("cache_read_input_tokens", usage.CacheRead);
        if (usage.CacheWriteLong > 0)
        {
            json.WriteStartObject("cache_creation");
            json.WriteNumber("ephemeral_5m_input_tokens", usage.CacheWrite);
            json.WriteNumber("ephemeral_1h_input_tokens", usage.CacheWriteLong);
            json.WriteEndObject();
        }

        json.WriteNumber("output_tokens", usage.TotalOutput);
        if (usage.Reasoning > 0)
        {
            json.WriteStartObject("output_tokens_details");
            json.WriteNumber("thinking_tokens", usage.Reasoning);
            json.WriteEndObject();
        }

        json.WriteEndObject();
    }

    private void ReadDetails(ref Utf8JsonReader reader)
    {
        reader.Read();
        if (reader.TokenType != JsonTokenType.StartObject)
        {
            reader.Skip();
            return;
        }

        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            if (reader.ValueTextEquals("ephemeral_5m_input_tokens"u8))
            {
                Overwrite(ref reader, ref _cacheWrite5m);
            }
            else if (reader.ValueTextEquals("ephemeral_1h_input_tokens"u8))
            {
                Overwrite(ref reader, ref _cacheWrite1h);
            }
            else if (reader.ValueTextEquals("thinking_tokens"u8) || reader.ValueTextEquals("reasoning_tokens"u8))
            {
                Overwrite(ref reader, ref _thinking);
            }
            else
            {
                reader.Read();
                reader.Skip();
            }
        }
    }

    private void Overwrite(ref Utf8JsonReader reader, ref long field)
    {
        var ahead = reader;
        var isNull = ahead.Read() && ahead.TokenType == JsonTokenType.Null;
        var value = _counts.Read(ref reader);
        field = isNull ? field : value;
    }
}

using System.Text.Json;
using Gatehouse.Contracts;
using Gatehouse.Gateway.Streaming;

namespace Gatehouse.Gateway.Providers.Anthropic;

/// <summary>Listens to <c>message</c> objects and the events of their streams.</summary>
internal sealed class AnthropicTap : AnswerTap
{
    private bool _hasUsage;
    private long _input;
    private long _cacheRead;
    private long _cacheWrite; // all of it, whatever its time to live
    private long _cacheWriteLong;
    private long _output;
    private long _thinking;

    public override TokenUsage? Usage
    {
        get
        {
            if (!_hasUsage)
            {
                return null;
            }

            var writtenLong = Math.Min(_cacheWriteLong, _cacheWrite);
            var thinking = Math.Min(_thinking, _output);
            return new TokenUsage(_input, _cacheRead, _cacheWrite - writtenLong, writtenLong, _output - thinking, thinking);
        }
    }

    public override TapEvent Read(ReadOnlySpan<byte> data) => ReadObject(data) switch
    {
        { Type: Kind.Content } => TapEvent.Content,
        { Type: Kind.Stop } => TapEvent.End,
        { Error: true } => TapEvent.Error,
        { Type: Kind.None } => throw new FormatException("An event of the stream has no 'type'."),
        _ => TapEvent.Preamble,
    };

    public override TapEvent ReadWhole(ReadOnlySpan<byte> body) => ReadObject(body) switch
    {
        { Content: true } => TapEvent.End,
        { Error: true } => TapEvent.Error,
        _ => throw new FormatException("The answer has no 'content'."),
    };

    private Seen ReadObject(ReadOnlySpan<byte> json)
    {
        try
        {
            var reader = new Utf8JsonReader(json, new JsonReaderOptions { MaxDepth = 128 });
            if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject)
            {
                throw new FormatException("The answer is not a JSON object.");
            }

            var seen = default(Seen);
            ReadMembers(ref reader, ref seen);
            reader.Read(); // proves that nothing follows
            return seen;
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            throw new FormatException("The answer is not valid JSON.", e);
        }
    }

    /// <summary>The members of a message, of an event, and of the message within <c>message_start</c>: they share their names.</summary>
    private void ReadMembers(ref Utf8JsonReader reader, ref Seen seen)
    {
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            if (reader.ValueTextEquals("type"u8))
            {
                seen.Type = ReadKind(ref reader);
            }
            else if (reader.ValueTextEquals("message"u8))
            {
                reader.Read();
                if (reader.TokenType == JsonTokenType.StartObject)
                {
                    var inner = default(Seen);
                    ReadMembers(ref reader, ref inner);
                }
                else
                {
                    reader.Skip();
                }
            }
            else if (reader.ValueTextEquals("delta"u8))
            {
                ReadDelta(ref reader);
            }
            else if (reader.ValueTextEquals("usage"u8))
            {
                ReadUsage(ref reader);
            }
            else if (reader.ValueTextEquals("model"u8))
            {
                Model = ReadText(ref reader) ?? Model;
            }
            else if (reader.ValueTextEquals("stop_reason"u8))
            {
                ReadStopReason(ref reader);
            }
            else if (reader.ValueTextEquals("error"u8))
            {
                reader.Read();
                seen.Error = reader.TokenType != JsonTokenType.Null;
                reader.Skip();
            }
            else
            {
                seen.Content |= reader.ValueTextEquals("content"u8);
                SkipValue(ref reader);
            }
        }
    }

    private static Kind ReadKind(ref Utf8JsonReader reader)
    {
        reader.Read();
        if (reader.TokenType != JsonTokenType.String)
        {
            reader.Skip();
            return Kind.None;
        }

        return reader.ValueTextEquals("content_block_delta"u8) || reader.ValueTextEquals("content_block_stop"u8)
            || reader.ValueTextEquals("message_delta"u8) ? Kind.Content
            : reader.ValueTextEquals("message_stop"u8) ? Kind.Stop
            : Kind.Other;
    }

    private void ReadDelta(ref Utf8JsonReader reader)
    {
        reader.Read();
        if (reader.TokenType != JsonTokenType.StartObject)
        {
            reader.Skip();
            return;
        }

        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            if (reader.ValueTextEquals("stop_reason"u8))
            {
                ReadStopReason(ref reader);
            }
            else
            {
                SkipValue(ref reader);
            }
        }
    }

    private void ReadStopReason(ref Utf8JsonReader reader)
    {
        var reason = ReadText(ref reader);
        FinishReason = reason switch
        {
            null => FinishReason,
            "max_tokens" or "model_context_window_exceeded" => "length",
            "tool_use" => "tool_calls",
            "refusal" => "content_filter",
            _ => "stop",
        };
    }

    /// <summary>Later reports overwrite earlier ones field by field: they are totals, not increments.</summary>
    private void ReadUsage(ref Utf8JsonReader reader)
    {
        reader.Read();
        if (reader.TokenType != JsonTokenType.StartObject)
        {
            reader.Skip();
            return;
        }

        _hasUsage = true;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            if (reader.ValueTextEquals("input_tokens"u8))
            {
                TryReadTokens(ref reader, ref _input);
            }
            else if (reader.ValueTextEquals("output_tokens"u8))
            {
                TryReadTokens(ref reader, ref _output);
            }
            else if (reader.ValueTextEquals("cache_read_input_tokens"u8))
            {
                TryReadTokens(ref reader, ref _cacheRead);
            }
            else if (reader.ValueTextEquals("cache_creation_input_tokens"u8))
            {
                TryReadTokens(ref reader, ref _cacheWrite);
            }
            else if (reader.ValueTextEquals("cache_creation"u8) || reader.ValueTextEquals("output_tokens_details"u8))
            {
                ReadDetails(ref reader);
            }
            else
            {
                SkipValue(ref reader);
            }
        }
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
            if (reader.ValueTextEquals("ephemeral_1h_input_tokens"u8))
            {
                TryReadTokens(ref reader, ref _cacheWriteLong);
            }
            else if (reader.ValueTextEquals("thinking_tokens"u8) || reader.ValueTextEquals("reasoning_tokens"u8))
            {
                TryReadTokens(ref reader, ref _thinking);
            }
            else
            {
                SkipValue(ref reader);
            }
        }
    }

    private enum Kind
    {
        None,
        Other,
        Content,
        Stop,
    }

    private record struct Seen(Kind Type, bool Content, bool Error);
}

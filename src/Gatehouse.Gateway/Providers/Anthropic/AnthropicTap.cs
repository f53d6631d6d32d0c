using System.Text.Json;
using Gatehouse.Contracts;
using Gatehouse.Gateway.Streaming;

namespace Gatehouse.Gateway.Providers.Anthropic;

/// <summary>Listens to <c>message</c> objects and the events of their streams.</summary>
internal sealed class AnthropicTap : AnswerTap
{
    private AnthropicUsage _usage; // gathers, so not readonly

    public override TokenUsage? Usage => _usage.Total;

    public override bool IsFinished => FinishReason is not null;

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

    private void ReadUsage(ref Utf8JsonReader reader)
    {
        reader.Read();
        if (reader.TokenType == JsonTokenType.StartObject)
        {
            _usage.Read(ref reader);
            ServiceTier = _usage.ServiceTier;
        }
        else
        {
            reader.Skip();
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

using System.Text.Json;
using Gatehouse.Contracts;
using Gatehouse.Gateway.Streaming;

namespace Gatehouse.Gateway.Providers.OpenAi;

/// <summary>Listens to <c>response</c> objects and the events that build them.</summary>
internal sealed class ResponsesTap : AnswerTap
{
    private TokenUsage? _usage;
    private bool _calledTools;

    public override TokenUsage? Usage => _usage;

    public override bool IsFinished => FinishReason is not null;

    public override TapEvent Read(ReadOnlySpan<byte> data)
    {
        try
        {
            var reader = new Utf8JsonReader(data, new JsonReaderOptions { MaxDepth = 128 });
            if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject)
            {
                throw new FormatException("The event is not a JSON object.");
            }

            var type = default(string);
            var status = default(string);
            var item = default(string);
            var error = false;
            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            {
                if (reader.ValueTextEquals("type"u8))
                {
                    type = ReadText(ref reader);
                }
                else if (reader.ValueTextEquals("response"u8))
                {
                    status = Enter(ref reader) ? ReadResponse(ref reader).Status : null;
                }
                else if (reader.ValueTextEquals("item"u8))
                {
                    item = Enter(ref reader) ? ReadMember(ref reader, "type"u8) : null;
                }
                else if (reader.ValueTextEquals("error"u8))
                {
                    reader.Read();
                    error = reader.TokenType == JsonTokenType.StartObject;
                    reader.Skip();
                }
                else
                {
                    SkipValue(ref reader);
                }
            }

            reader.Read(); // proves that nothing follows
            return type switch
            {
                "error" or "response.failed" => TapEvent.Error,
                "response.completed" or "response.incomplete" => End(status),
                "response.created" or "response.in_progress" or "response.queued" => TapEvent.Preamble,
                "response.output_item.added" when item is "message" or "reasoning" => TapEvent.Preamble,
                "response.content_part.added" or "response.reasoning_summary_part.added" or "keepalive" => TapEvent.Preamble,
                _ when error => TapEvent.Error,
                null => throw new FormatException("The event has no 'type'."),
                _ => TapEvent.Content,
            };
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            throw new FormatException("The event is not valid JSON.", e);
        }
    }

    public override TapEvent ReadWhole(ReadOnlySpan<byte> body)
    {
        try
        {
            var reader = new Utf8JsonReader(body, new JsonReaderOptions { MaxDepth = 128 });
            if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject)
            {
                throw new FormatException("The answer is not a JSON object.");
            }

            var (status, error) = ReadResponse(ref reader);
            reader.Read(); // proves that nothing follows
            return error ? TapEvent.Error : End(status);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            throw new FormatException("The answer is not valid JSON.", e);
        }
    }

    /// <param name="status">Of the response, with the reason of an incomplete one behind a colon.</param>
    private TapEvent End(string? status)
    {
        FinishReason = status switch
        {
            "completed" => _calledTools ? "tool_calls" : "stop",
            "incomplete:content_filter" => "content_filter",
            not null when status.StartsWith("incomplete", StringComparison.Ordinal) => "length",
            _ => throw new FormatException("The response is neither complete nor incomplete."),
        };
        return TapEvent.End;
    }

    /// <returns><see langword="false"/> when the value is no object; it is then read over.</returns>
    private static bool Enter(ref Utf8JsonReader reader)
    {
        reader.Read();
        if (reader.TokenType == JsonTokenType.StartObject)
        {
            return true;
        }

        reader.Skip();
        return false;
    }

    private (string? Status, bool Error) ReadResponse(ref Utf8JsonReader reader)
    {
        var status = default(string);
        var reason = default(string);
        var error = false;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            if (reader.ValueTextEquals("status"u8))
            {
                status = ReadText(ref reader);
            }
            else if (reader.ValueTextEquals("model"u8))
            {
                Model = ReadText(ref reader) ?? Model;
            }
            else if (reader.ValueTextEquals("error"u8))
            {
                reader.Read();
                error = reader.TokenType != JsonTokenType.Null;
                reader.Skip();
            }
            else if (reader.ValueTextEquals("usage"u8))
            {
                _usage = Enter(ref reader) ? OpenAiUsage.Read(ref reader, _usage) : _usage;
            }
            else if (reader.ValueTextEquals("incomplete_details"u8))
            {
                reason = Enter(ref reader) ? ReadMember(ref reader, "reason"u8) : null;
            }
            else if (reader.ValueTextEquals("output"u8))
            {
                ReadOutput(ref reader);
            }
            else
            {
                SkipValue(ref reader);
            }
        }

        return (status == "incomplete" ? $"incomplete:{reason}" : status, error || status is "failed" or "cancelled");
    }

    private void ReadOutput(ref Utf8JsonReader reader)
    {
        reader.Read();
        if (reader.TokenType != JsonTokenType.StartArray)
        {
            reader.Skip();
            return;
        }

        while (reader.Read() && reader.TokenType == JsonTokenType.StartObject)
        {
            _calledTools |= ReadMember(ref reader, "type"u8) is "function_call" or "custom_tool_call";
        }
    }

    /// <summary>Reads the object that was entered to its end.</summary>
    private static string? ReadMember(ref Utf8JsonReader reader, ReadOnlySpan<byte> name)
    {
        var found = default(string);
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            if (reader.ValueTextEquals(name))
            {
                found = ReadText(ref reader);
            }
            else
            {
                SkipValue(ref reader);
            }
        }

        return found;
    }
}

using System.Text.Json;
using Gatehouse.Contracts;
using Gatehouse.Gateway.Streaming;

namespace Gatehouse.Gateway.Providers.OpenAi;

/// <summary>Listens to <c>chat.completion</c> and <c>text_completion</c> objects and their chunks.</summary>
internal sealed class OpenAiTap : AnswerTap
{
    private ulong _begun; // a bit for each choice index below 64
    private ulong _finished;
    private TokenUsage? _usage;

    public override TokenUsage? Usage => _usage;

    public override bool IsFinished => _begun != 0 && _begun == _finished;

    public override TapEvent Read(ReadOnlySpan<byte> data)
    {
        if (data.Trim((byte)' ').SequenceEqual("[DONE]"u8))
        {
            return TapEvent.End;
        }

        var seen = ReadObject(data);
        return seen switch
        {
            { Error: true } => TapEvent.Error,
            { Content: true } => TapEvent.Content,
            { Choices: > 0 } => TapEvent.Preamble,
            _ => TapEvent.Accounts, // without choices it is usage, content filter results, or some server's own idea
        };
    }

    public override TapEvent ReadWhole(ReadOnlySpan<byte> body)
    {
        var seen = ReadObject(body);
        return seen switch
        {
            { Choices: > 0 } => TapEvent.End,
            { Error: true } => TapEvent.Error,
            _ => throw new FormatException("The answer has no 'choices'."),
        };
    }

    private Seen ReadObject(ReadOnlySpan<byte> json)
    {
        try
        {
            var reader = new Utf8JsonReader(json, new JsonReaderOptions { MaxDepth = 128 });
            if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject)
            {
                throw new FormatException("The answer is not a JSON object.");
            }

            var seen = new Seen(-1);
            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            {
                if (reader.ValueTextEquals("choices"u8))
                {
                    ReadChoices(ref reader, ref seen);
                }
                else if (reader.ValueTextEquals("usage"u8))
                {
                    ReadUsage(ref reader);
                }
                else if (reader.ValueTextEquals("error"u8))
                {
                    reader.Read();
                    seen.Error = reader.TokenType != JsonTokenType.Null;
                    reader.Skip();
                }
                else if (Model is null && reader.ValueTextEquals("model"u8))
                {
                    Model = ReadText(ref reader);
                }
                else if (ServiceTier is null && reader.ValueTextEquals("service_tier"u8))
                {
                    ServiceTier = ReadText(ref reader);
                }
                else
                {
                    SkipValue(ref reader);
                }
            }

            reader.Read(); // proves that nothing follows
            return seen;
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            throw new FormatException("The answer is not valid JSON.", e);
        }
    }

    private void ReadChoices(ref Utf8JsonReader reader, ref Seen seen)
    {
        reader.Read();
        if (reader.TokenType != JsonTokenType.StartArray)
        {
            reader.Skip();
            return;
        }

        seen.Choices = 0;
        while (reader.Read() && reader.TokenType == JsonTokenType.StartObject)
        {
            var index = 0L;
            var finished = false;
            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            {
                if (reader.ValueTextEquals("index"u8))
                {
                    index = ReadIndex(ref reader);
                }
                else if (reader.ValueTextEquals("finish_reason"u8))
                {
                    finished |= ReadFinishReason(ref reader);
                }
                else if (reader.ValueTextEquals("delta"u8))
                {
                    seen.Content |= HasContent(ref reader);
                }
                else if (reader.ValueTextEquals("text"u8)) // of the older completions format, which is the same otherwise
                {
                    reader.Read();
                    seen.Content |= reader.TokenType == JsonTokenType.String && reader.ValueSpan.Length > 0;
                    reader.Skip();
                }
                else
                {
                    SkipValue(ref reader);
                }
            }

            seen.Choices++;
            seen.Content |= finished;
            var bit = 1UL << (int)Math.Min(index, 63);
            _begun |= bit;
            _finished |= finished ? bit : 0;
        }
    }

    private bool ReadFinishReason(ref Utf8JsonReader reader)
    {
        reader.Read();
        if (reader.TokenType != JsonTokenType.String)
        {
            reader.Skip();
            return false;
        }

        FinishReason = reader.ValueTextEquals("stop"u8) ? "stop"
            : reader.ValueTextEquals("length"u8) ? "length"
            : reader.ValueTextEquals("tool_calls"u8) ? "tool_calls"
            : reader.ValueTextEquals("content_filter"u8) ? "content_filter"
            : reader.GetString();
        return true;
    }

    /// <summary>Whether a delta says more than who speaks.</summary>
    private static bool HasContent(ref Utf8JsonReader reader)
    {
        reader.Read();
        if (reader.TokenType != JsonTokenType.StartObject)
        {
            reader.Skip();
            return false;
        }

        var content = false;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var role = reader.ValueTextEquals("role"u8);
            reader.Read();
            content |= !role && reader.TokenType switch
            {
                JsonTokenType.Null => false,
                JsonTokenType.String => reader.ValueSpan.Length > 0,
                _ => true,
            };
            reader.Skip();
        }

        return content;
    }

    private void ReadUsage(ref Utf8JsonReader reader)
    {
        reader.Read();
        if (reader.TokenType == JsonTokenType.StartObject)
        {
            _usage = OpenAiUsage.Read(ref reader, _usage);
        }
        else
        {
            reader.Skip();
        }
    }

    /// <param name="Choices">-1 when the object has none.</param>
    private record struct Seen(int Choices, bool Content = false, bool Error = false);
}

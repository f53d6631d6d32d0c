using System.Text.Json;
using Gatehouse.Contracts;
using Gatehouse.Gateway.Providers;
using Gatehouse.Gateway.Streaming;

namespace Gatehouse.Gateway.Media;

/// <summary>Listens to answers of images and audio: usage where the provider tells it. Sound that comes as bytes tells none.</summary>
internal sealed class MediaTap(MediaKind kind) : AnswerTap
{
    private TokenUsage? _usage;
    private bool _finished;

    public override TokenUsage? Usage => _usage;

    public override bool IsFinished => _finished;

    public override TapEvent Read(ReadOnlySpan<byte> data)
    {
        if (data.Trim((byte)' ').SequenceEqual("[DONE]"u8))
        {
            return TapEvent.End;
        }

        var seen = ReadObject(data);
        if (seen.Error)
        {
            return TapEvent.Error;
        }

        if (seen.Type is { } type
            && (type.EndsWith(".completed", StringComparison.Ordinal) || type.EndsWith(".done", StringComparison.Ordinal)))
        {
            Finish();
        }

        return TapEvent.Content;
    }

    public override TapEvent ReadWhole(ReadOnlySpan<byte> body)
    {
        if (body.TrimStart(" \t\r\n"u8).StartsWith("{"u8))
        {
            try
            {
                if (ReadObject(body).Error)
                {
                    return TapEvent.Error;
                }
            }
            catch (FormatException) when (kind.HasText)
            {
                // A text may begin with a brace.
            }
        }
        else if (!kind.HasText || body.IsEmpty)
        {
            throw new FormatException("The answer is not a JSON object.");
        }

        Finish();
        return TapEvent.End;
    }

    /// <summary>All bytes of an answer that is nothing but them have come.</summary>
    public void ReadBytes() => Finish();

    private void Finish() => (_finished, FinishReason) = (true, "stop");

    private Seen ReadObject(ReadOnlySpan<byte> json)
    {
        try
        {
            var seen = default(Seen);
            var reader = new Utf8JsonReader(json, new JsonReaderOptions { MaxDepth = 128 });
            if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject)
            {
                throw new FormatException("The answer is not a JSON object.");
            }

            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            {
                if (reader.ValueTextEquals("usage"u8))
                {
                    ReadUsage(ref reader);
                }
                else if (reader.ValueTextEquals("error"u8))
                {
                    reader.Read();
                    seen.Error = reader.TokenType != JsonTokenType.Null;
                    reader.Skip();
                }
                else if (reader.ValueTextEquals("type"u8))
                {
                    seen.Type = ReadText(ref reader);
                }
                else if (Model is null && reader.ValueTextEquals("model"u8))
                {
                    Model = ReadText(ref reader);
                }
                else
                {
                    SkipValue(ref reader);
                }
            }

            reader.Read(); // proves that nothing follows
            seen.Error |= seen.Type == "error";
            return seen;
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            throw new FormatException("The answer is not valid JSON.", e);
        }
    }

    /// <summary>Tokens, in disjoint buckets. A usage of seconds is none: no price of Gatehouse is by them.</summary>
    private void ReadUsage(ref Utf8JsonReader reader)
    {
        reader.Read();
        if (reader.TokenType != JsonTokenType.StartObject)
        {
            reader.Skip();
            return;
        }

        long input = 0, output = 0, heard = 0, seen = 0;
        var counts = default(UsageCounts);
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            if (reader.ValueTextEquals("input_tokens"u8))
            {
                input = counts.Read(ref reader);
            }
            else if (reader.ValueTextEquals("output_tokens"u8))
            {
                output = counts.Read(ref reader);
            }
            else if (reader.ValueTextEquals("input_tokens_details"u8) || reader.ValueTextEquals("input_token_details"u8))
            {
                ReadDetails(ref reader, ref counts, ref heard, ref seen);
            }
            else
            {
                SkipValue(ref reader);
            }
        }

        heard = Math.Min(heard, input);
        seen = Math.Min(seen, input - heard);
        _usage = counts.Else(
            _usage,
            kind == MediaKind.Speech
                ? new TokenUsage(input - heard - seen, 0, 0, 0, 0, 0, heard, seen, output)
                : new TokenUsage(input - heard - seen, 0, 0, 0, output, 0, heard, seen));
    }

    private static void ReadDetails(ref Utf8JsonReader reader, ref UsageCounts counts, ref long heard, ref long seen)
    {
        reader.Read();
        if (reader.TokenType != JsonTokenType.StartObject)
        {
            reader.Skip();
            return;
        }

        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            if (reader.ValueTextEquals("audio_tokens"u8))
            {
                heard = counts.Read(ref reader);
            }
            else if (reader.ValueTextEquals("image_tokens"u8))
            {
                seen = counts.Read(ref reader);
            }
            else
            {
                SkipValue(ref reader);
            }
        }
    }

    private record struct Seen(string? Type, bool Error);
}

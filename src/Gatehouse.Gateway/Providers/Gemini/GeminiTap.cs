using System.Text.Json;
using Gatehouse.Contracts;
using Gatehouse.Gateway.Streaming;

namespace Gatehouse.Gateway.Providers.Gemini;

/// <summary>Listens to <c>GenerateContentResponse</c>s, whole or in pieces: they have the same shape.</summary>
internal sealed class GeminiTap : AnswerTap
{
    private ulong _begun; // a bit for each candidate index below 64
    private ulong _finished;
    private bool _calls;
    private TokenUsage? _usage;

    public override TokenUsage? Usage => _usage;

    public override bool IsFinished => _begun != 0 && _begun == _finished;

    public override TapEvent Read(ReadOnlySpan<byte> data) => ReadObject(data) switch
    {
        { Error: true } => TapEvent.Error,
        { Content: true } => TapEvent.Content,
        _ => TapEvent.Preamble,
    };

    public override TapEvent ReadWhole(ReadOnlySpan<byte> body) => ReadObject(body) switch
    {
        { Candidates: true } => TapEvent.End,
        { Error: true } => TapEvent.Error,
        _ => throw new FormatException("The answer has no 'candidates'."),
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
            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            {
                ReadMember(ref reader, ref seen);
            }

            reader.Read(); // proves that nothing follows
            return seen;
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            throw new FormatException("The answer is not valid JSON.", e);
        }
    }

    private void ReadMember(ref Utf8JsonReader reader, ref Seen seen)
    {
        if (reader.ValueTextEquals("candidates"u8))
        {
            ReadCandidates(ref reader, ref seen);
        }
        else if (reader.ValueTextEquals("usageMetadata"u8))
        {
            reader.Read();
            if (reader.TokenType == JsonTokenType.StartObject)
            {
                _usage = GeminiUsage.Read(ref reader, _usage);
            }
            else
            {
                reader.Skip();
            }
        }
        else if (reader.ValueTextEquals("modelVersion"u8))
        {
            Model = ReadText(ref reader) ?? Model;
        }
        else if (reader.ValueTextEquals("promptFeedback"u8))
        {
            ReadFeedback(ref reader, ref seen);
        }
        else if (reader.ValueTextEquals("error"u8))
        {
            reader.Read();
            seen.Error = reader.TokenType != JsonTokenType.Null;
            reader.Skip();
        }
        else
        {
            SkipValue(ref reader);
        }
    }

    private void ReadCandidates(ref Utf8JsonReader reader, ref Seen seen)
    {
        reader.Read();
        if (reader.TokenType != JsonTokenType.StartArray)
        {
            reader.Skip();
            return;
        }

        while (reader.Read() && reader.TokenType == JsonTokenType.StartObject)
        {
            var (index, finish) = (0L, (string?)null);
            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            {
                if (reader.ValueTextEquals("index"u8))
                {
                    index = ReadIndex(ref reader);
                }
                else if (reader.ValueTextEquals("finishReason"u8))
                {
                    finish = ReadText(ref reader);
                }
                else if (reader.ValueTextEquals("content"u8))
                {
                    seen.Content |= ReadContent(ref reader);
                }
                else
                {
                    SkipValue(ref reader);
                }
            }

            seen.Candidates = true;
            End(index, finish);
            seen.Content |= finish is not null;
        }
    }

    private void End(long index, string? finish)
    {
        var bit = 1UL << (int)Math.Min(index, 63);
        _begun |= bit;
        if (finish is not null)
        {
            _finished |= bit;
            FinishReason = GeminiFinish.Recorded(finish, _calls);
        }
    }

    /// <returns>Whether there is a part at all.</returns>
    private bool ReadContent(ref Utf8JsonReader reader)
    {
        reader.Read();
        if (reader.TokenType != JsonTokenType.StartObject)
        {
            reader.Skip();
            return false;
        }

        var any = false;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var parts = reader.ValueTextEquals("parts"u8);
            reader.Read();
            if (!parts || reader.TokenType != JsonTokenType.StartArray)
            {
                reader.Skip();
                continue;
            }

            while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
            {
                any = true;
                ReadPart(ref reader);
            }
        }

        return any;
    }

    private void ReadPart(ref Utf8JsonReader reader)
    {
        if (reader.TokenType != JsonTokenType.StartObject)
        {
            reader.Skip();
            return;
        }

        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            _calls |= reader.ValueTextEquals("functionCall"u8);
            SkipValue(ref reader);
        }
    }

    /// <summary>A prompt that is refused gets no candidate: that is the whole answer.</summary>
    private void ReadFeedback(ref Utf8JsonReader reader, ref Seen seen)
    {
        reader.Read();
        if (reader.TokenType != JsonTokenType.StartObject)
        {
            reader.Skip();
            return;
        }

        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            if (reader.ValueTextEquals("blockReason"u8) && ReadText(ref reader) is { } reason)
            {
                End(0, "SAFETY");
                seen.Candidates = seen.Content = reason.Length > 0;
            }
            else if (reader.TokenType == JsonTokenType.PropertyName)
            {
                SkipValue(ref reader);
            }
        }
    }

    private record struct Seen(bool Candidates, bool Content, bool Error);
}

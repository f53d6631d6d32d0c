using System.Buffers;
using System.Text;
using System.Text.Json;

namespace Gatehouse.Gateway.Calls;

/// <summary>Changes the few places of a passed-through body that must change; every other byte stays as the client sent it.</summary>
internal static class RequestPatch
{
    private const int MaxEdits = 3;

    /// <param name="model">The target's model; <see langword="null"/> keeps the client's.</param>
    /// <param name="limitName">What the provider calls the output limit; <see langword="null"/> keeps the client's name.</param>
    /// <param name="includeUsage">Ask the provider for a stream's token usage.</param>
    /// <returns><see langword="false"/> when nothing changes: send the body itself.</returns>
    public static bool TryWrite(
        ReadOnlySpan<byte> body, in RequestPeek peek, string? model, string? limitName, bool includeUsage, IBufferWriter<byte> to)
    {
        Span<Edit> edits = stackalloc Edit[MaxEdits];
        var count = 0;
        if (model is not null)
        {
            edits[count++] = Edit.Of(peek.Model, body, EditText.Model);
        }

        if (limitName is not null && !IsNamed(body[peek.LimitName], limitName))
        {
            edits[count++] = Edit.Of(peek.LimitName, body, EditText.LimitName);
        }

        if (includeUsage)
        {
            edits[count++] = UsageEdit(body, peek);
        }

        edits = edits[..count];
        edits.Sort(static (a, b) => a.Start != b.Start ? a.Start.CompareTo(b.Start) : a.Length.CompareTo(b.Length));
        var position = 0;
        foreach (var edit in edits)
        {
            to.Write(body[position..edit.Start]);
            position = edit.Start + edit.Length;
            switch (edit.Text)
            {
                case EditText.Model:
                    WriteString(model!, to);
                    break;
                case EditText.LimitName:
                    WriteString(limitName!, to);
                    break;
                default:
                    to.Write(TextOf(edit.Text));
                    break;
            }
        }

        if (count > 0)
        {
            to.Write(body[position..]);
        }

        return count > 0;
    }

    /// <param name="quoted">Empty when there is nothing to name.</param>
    private static bool IsNamed(ReadOnlySpan<byte> quoted, string name) => quoted.IsEmpty || Ascii.Equals(quoted[1..^1], name);

    private static Edit UsageEdit(ReadOnlySpan<byte> body, in RequestPeek peek)
    {
        var (optionsStart, optionsLength) = peek.StreamOptions.GetOffsetAndLength(body.Length);
        var (valueStart, valueLength) = peek.IncludeUsageValue.GetOffsetAndLength(body.Length);
        if (valueLength > 0)
        {
            return new Edit(valueStart, valueLength, EditText.True);
        }

        if (optionsLength == 0)
        {
            return new Edit(peek.BodyStart, 0, EditText.NewOptions);
        }

        if (body[optionsStart] != '{')
        {
            return new Edit(optionsStart, optionsLength, EditText.Options);
        }

        var isEmpty = body.Slice(optionsStart + 1, optionsLength - 2).IndexOfAnyExcept(" \t\r\n"u8) < 0;
        return new Edit(optionsStart + 1, 0, isEmpty ? EditText.OnlyMember : EditText.FirstMember);
    }

    private static ReadOnlySpan<byte> TextOf(EditText text) => text switch
    {
        EditText.True => "true"u8,
        EditText.NewOptions => "\"stream_options\":{\"include_usage\":true},"u8,
        EditText.Options => """{"include_usage":true}"""u8,
        EditText.OnlyMember => "\"include_usage\":true"u8,
        _ => "\"include_usage\":true,"u8,
    };

    private static void WriteString(string text, IBufferWriter<byte> to)
    {
        to.Write("\""u8);
        if (text.AsSpan().ContainsAnyExceptInRange(' ', '~') || text.AsSpan().ContainsAny('"', '\\'))
        {
            to.Write(JsonEncodedText.Encode(text).EncodedUtf8Bytes);
        }
        else
        {
            Encoding.UTF8.GetBytes(text, to);
        }

        to.Write("\""u8);
    }

    private enum EditText
    {
        Model,
        LimitName,
        True,
        NewOptions,
        Options,
        OnlyMember,
        FirstMember,
    }

    private readonly record struct Edit(int Start, int Length, EditText Text)
    {
        public static Edit Of(Range range, ReadOnlySpan<byte> body, EditText text)
        {
            var (start, length) = range.GetOffsetAndLength(body.Length);
            return new Edit(start, length, text);
        }
    }
}

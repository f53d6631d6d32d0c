using System.Buffers;
using System.Text;
using System.Text.Json;

namespace Gatehouse.Gateway.Calls;

/// <summary>Changes the two places of a passed-through body that must change; every other byte stays as the client sent it.</summary>
internal static class RequestPatch
{
    /// <param name="model">The target's model; <see langword="null"/> keeps the client's.</param>
    /// <param name="includeUsage">Ask the provider for a stream's token usage.</param>
    /// <returns><see langword="false"/> when nothing changes: send the body itself.</returns>
    public static bool TryWrite(ReadOnlySpan<byte> body, in RequestPeek peek, string? model, bool includeUsage, IBufferWriter<byte> to)
    {
        if (model is null && !includeUsage)
        {
            return false;
        }

        var options = includeUsage ? UsageEdit(body, peek) : default;
        var modelRange = peek.Model.GetOffsetAndLength(body.Length);
        if (model is null)
        {
            WriteEdit(body, options, 0, to, out var behind);
            to.Write(body[behind..]);
            return true;
        }

        // The two edits in the order in which they stand in the body.
        var position = 0;
        if (includeUsage && options.Start <= modelRange.Offset)
        {
            WriteEdit(body, options, position, to, out position);
        }

        to.Write(body[position..modelRange.Offset]);
        WriteString(model, to);
        position = modelRange.Offset + modelRange.Length;
        if (includeUsage && options.Start >= position)
        {
            WriteEdit(body, options, position, to, out position);
        }

        to.Write(body[position..]);
        return true;
    }

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

    private static void WriteEdit(ReadOnlySpan<byte> body, Edit edit, int from, IBufferWriter<byte> to, out int behind)
    {
        to.Write(body[from..edit.Start]);
        to.Write(edit.Text switch
        {
            EditText.True => "true"u8,
            EditText.NewOptions => "\"stream_options\":{\"include_usage\":true},"u8,
            EditText.Options => """{"include_usage":true}"""u8,
            EditText.OnlyMember => "\"include_usage\":true"u8,
            _ => "\"include_usage\":true,"u8,
        });
        behind = edit.Start + edit.Length;
    }

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
        True,
        NewOptions,
        Options,
        OnlyMember,
        FirstMember,
    }

    private readonly record struct Edit(int Start, int Length, EditText Text);
}

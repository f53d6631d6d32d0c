using System.Buffers;
using System.Buffers.Binary;

namespace Gatehouse.Gateway.Calls;

/// <summary>W3C trace context of one call: the caller's trace when its <c>traceparent</c> is well formed, a new one otherwise.</summary>
/// <param name="TraceId">32 lower-case hexadecimal digits; <see langword="null"/> where the trace begins here: those of the call's
/// id.</param>
/// <param name="CallId">Of version 7, so that traces that begin here are in the order of time, which is what an index takes at a tenth of
/// the cost of traces in no order.</param>
/// <param name="ParentSpanId">16 digits of the caller's span, or <see langword="null"/>.</param>
/// <param name="Flags">Two digits, passed on unchanged.</param>
internal readonly record struct TraceContext(string? TraceId, Guid CallId, string? ParentSpanId, string Flags)
{
    private const int TraceAt = 3;
    private const int SpanAt = 36;
    private const int FlagsAt = 53;
    private const int HeaderChars = 55;

    private static readonly SearchValues<char> HexDigits = SearchValues.Create("0123456789abcdef");

    public static TraceContext From(string? traceparent, Guid callId) =>
        TryParse(traceparent, callId, out var context) ? context : new TraceContext(null, callId, null, "01");

    /// <summary>The header for an upstream request, whose parent is this span.</summary>
    public string Traceparent(ulong span)
    {
        Span<char> text = stackalloc char[HeaderChars];
        "00-".CopyTo(text);
        if (TraceId is null)
        {
            CallId.TryFormat(text[TraceAt..], out _, "N");
        }
        else
        {
            TraceId.CopyTo(text[TraceAt..]);
        }

        text[SpanAt - 1] = text[FlagsAt - 1] = '-';
        Span<byte> bytes = stackalloc byte[sizeof(ulong)];
        BinaryPrimitives.WriteUInt64BigEndian(bytes, span);
        Convert.TryToHexStringLower(bytes, text[SpanAt..], out _);
        Flags.CopyTo(text[FlagsAt..]);
        return new string(text);
    }

    private static bool TryParse(string? header, Guid callId, out TraceContext context)
    {
        context = default;
        // version-trace-span-flags; a later version may append fields after another hyphen.
        if (header is null || header.Length < HeaderChars
            || (header.Length > HeaderChars && (header[HeaderChars] != '-' || header.StartsWith("00", StringComparison.Ordinal))))
        {
            return false;
        }

        var text = header.AsSpan(0, HeaderChars);
        if (text[2] != '-' || text[35] != '-' || text[52] != '-' || text.StartsWith("ff")
            || !IsHex(text[..2]) || !IsHex(text[3..35]) || !IsHex(text[36..52]) || !IsHex(text[53..])
            || text[3..35].IndexOfAnyExcept('0') < 0 || text[36..52].IndexOfAnyExcept('0') < 0)
        {
            return false;
        }

        context = new TraceContext(header.Substring(TraceAt, 32), callId, header.Substring(SpanAt, 16), header.Substring(FlagsAt, 2));
        return true;
    }

    private static bool IsHex(ReadOnlySpan<char> text) => text.IndexOfAnyExcept(HexDigits) < 0;
}

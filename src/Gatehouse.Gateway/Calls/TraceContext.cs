using System.Buffers;

namespace Gatehouse.Gateway.Calls;

/// <summary>W3C trace context of one call: the caller's trace when its <c>traceparent</c> is well formed, a new one otherwise.</summary>
/// <param name="TraceId">32 lower-case hexadecimal digits.</param>
/// <param name="ParentSpanId">16 digits of the caller's span, or <see langword="null"/>.</param>
/// <param name="Flags">Two digits, passed on unchanged.</param>
internal readonly record struct TraceContext(string TraceId, string? ParentSpanId, string Flags)
{
    private static readonly SearchValues<char> HexDigits = SearchValues.Create("0123456789abcdef");

    /// <param name="callId">32 digits of the call's id, of version 7: the id of a trace that begins here. Traces in the order of time are
    /// what an index takes at a tenth of the cost of traces in no order.</param>
    public static TraceContext From(string? traceparent, string callId) =>
        TryParse(traceparent, out var context) ? context : new TraceContext(callId, null, "01");

    /// <summary>The header for an upstream request, whose parent is the attempt's span.</summary>
    public string Traceparent(string spanId) => string.Create(null, stackalloc char[64], $"00-{TraceId}-{spanId}-{Flags}");

    private static bool TryParse(string? header, out TraceContext context)
    {
        context = default;
        // version-trace-span-flags; a later version may append fields after another hyphen.
        if (header is null || header.Length < 55
            || (header.Length > 55 && (header[55] != '-' || header.StartsWith("00", StringComparison.Ordinal))))
        {
            return false;
        }

        var text = header.AsSpan(0, 55);
        if (text[2] != '-' || text[35] != '-' || text[52] != '-' || text.StartsWith("ff")
            || !IsHex(text[..2]) || !IsHex(text[3..35]) || !IsHex(text[36..52]) || !IsHex(text[53..])
            || text[3..35].IndexOfAnyExcept('0') < 0 || text[36..52].IndexOfAnyExcept('0') < 0)
        {
            return false;
        }

        context = new TraceContext(header.Substring(3, 32), header.Substring(36, 16), header.Substring(53, 2));
        return true;
    }

    private static bool IsHex(ReadOnlySpan<char> text) => text.IndexOfAnyExcept(HexDigits) < 0;
}

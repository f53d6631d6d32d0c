using System.Globalization;

namespace Gatehouse.Gateway.Calls;

/// <summary>The spans of a call's attempts are not stored: their ids follow from the call's span and the attempt's number.</summary>
public static class AttemptSpan
{
    /// <param name="callSpanId">16 hexadecimal digits.</param>
    /// <param name="attempt">0 for the first attempt.</param>
    /// <returns>16 hexadecimal digits: the id that the provider sees as its parent.</returns>
    public static string Id(string callSpanId, int attempt)
    {
        _ = ulong.TryParse(callSpanId, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var span);
        return Id(span, attempt).ToString("x16", CultureInfo.InvariantCulture);
    }

    /// <inheritdoc cref="Id(string, int)"/>
    internal static ulong Id(ulong callSpan, int attempt)
    {
        const ulong GoldenRatio = 0x9E3779B97F4A7C15; // neighbours differ in about half their bits
        var mixed = callSpan ^ ((ulong)(attempt + 1) * GoldenRatio);
        return mixed == 0 ? 1 : mixed;
    }
}

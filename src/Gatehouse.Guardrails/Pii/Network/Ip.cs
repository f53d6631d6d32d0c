namespace Gatehouse.Guardrails.Pii.Network;

/// <summary>Reads IP addresses without allocating.</summary>
internal static class Ip
{
    public static bool IsV4(ReadOnlySpan<char> text) => text.Length > 0 && ReadV4(text) == text.Length;

    /// <returns>The length of the dotted address at the start, or 0.</returns>
    public static int ReadV4(ReadOnlySpan<char> text)
    {
        var at = 0;
        for (var octet = 0; octet < 4; octet++)
        {
            if (octet > 0)
            {
                if (at >= text.Length || text[at] != '.')
                {
                    return 0;
                }

                at++;
            }

            var (value, digits) = (0, 0);
            while (at < text.Length && digits < 3 && char.IsAsciiDigit(text[at]))
            {
                value = (value * 10) + text[at++] - '0';
                digits++;
            }

            var isPadded = digits > 1 && text[at - digits] == '0';
            if (digits == 0 || value > 255 || isPadded || (at < text.Length && char.IsAsciiDigit(text[at])))
            {
                return 0;
            }
        }

        return at;
    }

    /// <returns>The length of the address at the start, at most one <c>::</c>, perhaps a dotted end, or 0.</returns>
    public static int ReadV6(ReadOnlySpan<char> text)
    {
        var (at, groups, gap) = (0, 0, false);
        while (at < text.Length)
        {
            if (text[at] == ':')
            {
                if (at + 1 < text.Length && text[at + 1] == ':')
                {
                    if (gap)
                    {
                        return 0;
                    }

                    gap = true;
                    at += 2;
                    if (at >= text.Length || !char.IsAsciiHexDigit(text[at]))
                    {
                        break;
                    }
                }
                else if (groups > 0 && at + 1 < text.Length && char.IsAsciiHexDigit(text[at + 1]))
                {
                    at++;
                }
                else
                {
                    break;
                }
            }
            else if (groups > 0)
            {
                break;
            }

            var dotted = ReadV4(text[at..]);
            if (dotted > 0)
            {
                groups += 2;
                at += dotted;
                break;
            }

            var digits = 0;
            while (at < text.Length && digits < 5 && char.IsAsciiHexDigit(text[at]))
            {
                at++;
                digits++;
            }

            // Digits followed by a dot and more digits were meant as a dotted end that is no address.
            if (digits is 0 or > 4 || ++groups > 8 || (at + 1 < text.Length && text[at] == '.' && char.IsAsciiDigit(text[at + 1])))
            {
                return 0;
            }
        }

        return (gap ? groups <= 7 : groups == 8) && (gap || groups > 0) ? at : 0;
    }
}

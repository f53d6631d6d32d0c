using System.Security.Cryptography;

namespace Gatehouse.Guardrails.Pii.Identifiers;

/// <summary>Bitcoin addresses. Their case matters, so the check gets the original text.</summary>
internal static class CryptoChecks
{
    private const string Base58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
    private const string Bech32 = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";

    public static bool Bitcoin(ReadOnlySpan<char> text) =>
        text.StartsWith("bc1", StringComparison.OrdinalIgnoreCase) ? IsBech32(text) : IsBase58Check(text);

    private static bool IsBase58Check(ReadOnlySpan<char> text)
    {
        Span<byte> bytes = stackalloc byte[25];
        bytes.Clear();
        foreach (var c in text)
        {
            var carry = Base58.IndexOf(c, StringComparison.Ordinal);
            if (carry < 0)
            {
                return false;
            }

            for (var i = 24; i >= 0; i--)
            {
                carry += bytes[i] * 58;
                bytes[i] = (byte)carry;
                carry >>= 8;
            }

            if (carry != 0)
            {
                return false;
            }
        }

        Span<byte> hash = stackalloc byte[32];
        SHA256.HashData(bytes[..21], hash);
        SHA256.HashData(hash, hash);
        return hash[..4].SequenceEqual(bytes[21..]);
    }

    private static bool IsBech32(ReadOnlySpan<char> text)
    {
        ReadOnlySpan<uint> generator = [0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3];
        // The checksum of "bc" spread over its high and low bits, then the characters after the 1.
        uint check = 1;
        foreach (var value in (ReadOnlySpan<byte>)[3, 3, 0, 2, 3])
        {
            check = Step(check, value, generator);
        }

        foreach (var c in text[3..])
        {
            var value = Bech32.IndexOf(char.ToLowerInvariant(c), StringComparison.Ordinal);
            if (value < 0)
            {
                return false;
            }

            check = Step(check, (byte)value, generator);
        }

        return check is 1 or 0x2bc830a3; // bech32, bech32m
    }

    private static uint Step(uint check, byte value, ReadOnlySpan<uint> generator)
    {
        var top = check >> 25;
        check = ((check & 0x1ffffff) << 5) ^ value;
        for (var i = 0; i < 5; i++)
        {
            check ^= ((top >> i) & 1) == 0 ? 0 : generator[i];
        }

        return check;
    }
}

using System.Security.Cryptography;
using System.Text;

namespace Gatehouse.Governance;

/// <summary>Text encrypted at rest with AES-256-GCM: a nonce, a tag, then the cipher.</summary>
internal static class SealedText
{
    private static readonly int NonceBytes = AesGcm.NonceByteSizes.MaxSize;
    private static readonly int TagBytes = AesGcm.TagByteSizes.MaxSize;

    /// <param name="key">32 bytes.</param>
    /// <param name="of">What the text belongs to: it opens as that and nothing else.</param>
    public static byte[] Seal(byte[] key, string text, string of)
    {
        var plain = Encoding.UTF8.GetBytes(text);
        var bytes = new byte[NonceBytes + TagBytes + plain.Length];
        var nonce = bytes.AsSpan(0, NonceBytes);
        RandomNumberGenerator.Fill(nonce);
        using var aes = new AesGcm(key, TagBytes);
        aes.Encrypt(nonce, plain, bytes.AsSpan(NonceBytes + TagBytes), bytes.AsSpan(NonceBytes, TagBytes), Encoding.UTF8.GetBytes(of));
        return bytes;
    }

    /// <exception cref="CryptographicException">Another key, another owner, or somebody changed it.</exception>
    public static string Open(byte[] key, byte[] bytes, string of)
    {
        if (bytes.Length < NonceBytes + TagBytes)
        {
            throw new CryptographicException("It is too short to be sealed text.");
        }

        var plain = new byte[bytes.Length - NonceBytes - TagBytes];
        using var aes = new AesGcm(key, TagBytes);
        aes.Decrypt(bytes.AsSpan(0, NonceBytes), bytes.AsSpan(NonceBytes + TagBytes), bytes.AsSpan(NonceBytes, TagBytes), plain,
            Encoding.UTF8.GetBytes(of));
        return Encoding.UTF8.GetString(plain);
    }
}

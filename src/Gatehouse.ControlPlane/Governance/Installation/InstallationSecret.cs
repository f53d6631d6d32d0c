using System.Security.Cryptography;
using System.Text;

namespace Gatehouse.Governance;

/// <summary>
/// 32 random bytes that every stored hash and encrypted value depends on: from the environment, or from a file that only this user may
/// read. Nodes of one installation share it.
/// </summary>
public sealed class InstallationSecret
{
    /// <summary>Base64 of 32 bytes; wins over the files.</summary>
    public const string Variable = "GATEHOUSE_SECRET";

    /// <summary>Path of a file that holds it, as container platforms mount one; wins over the data directory's.</summary>
    public const string FileVariable = "GATEHOUSE_SECRET_FILE";

    private const int Length = 32;

    private readonly byte[] _secret;

    /// <exception cref="ArgumentException">The secret is not 32 bytes.</exception>
    public InstallationSecret(byte[] secret)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(secret.Length, Length, nameof(secret));
        _secret = secret;
    }

    /// <summary>Reads the secret, or makes the file <c>secret</c> in the data directory at the first start.</summary>
    /// <exception cref="InvalidOperationException">What is there is not base64 of 32 bytes; the message says where.</exception>
    public static InstallationSecret Load(string dataDirectory) =>
        Environment.GetEnvironmentVariable(Variable) is { Length: > 0 } given
            ? new InstallationSecret(Decode(given, $"The environment variable {Variable}"))
            : Environment.GetEnvironmentVariable(FileVariable) is { Length: > 0 } path
                ? new InstallationSecret(Decode(File.ReadAllText(path), $"The file {path}"))
                : new InstallationSecret(FromFile(Path.Combine(dataDirectory, "secret")));

    /// <summary>A key for one purpose; keys of different purposes say nothing about each other.</summary>
    /// <returns>32 bytes.</returns>
    public byte[] Derive(string purpose) =>
        HKDF.DeriveKey(HashAlgorithmName.SHA256, _secret, Length, info: Encoding.UTF8.GetBytes(purpose));

    public override string ToString() => nameof(InstallationSecret);

    private static byte[] FromFile(string path)
    {
        if (!File.Exists(path))
        {
            OwnerFile.TryCreate(path, Convert.ToBase64String(RandomNumberGenerator.GetBytes(Length)));
        }

        return Decode(File.ReadAllText(path), $"The file {path}");
    }

    private static byte[] Decode(string text, string where)
    {
        var secret = new byte[Length + 3];
        return Convert.TryFromBase64String(text.Trim(), secret, out var length) && length == Length
            ? secret[..Length]
            : throw new InvalidOperationException($"{where} must hold {Length} bytes in base64 (openssl rand -base64 {Length}).");
    }
}

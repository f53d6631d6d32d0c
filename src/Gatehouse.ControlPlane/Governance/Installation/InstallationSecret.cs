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

    private const string Give =
        "Give it the secret that the other nodes and the data of this installation have; a new installation's is made by openssl rand -base64 32.";

    private const string Restore =
        "Restore it from a backup, or from another node: keys, tokens and stored secrets in the database are of no use without it. "
        + "Where the database is new as well, remove this file, and the next start makes another.";

    private readonly byte[] _secret;

    /// <exception cref="ArgumentException">The secret is not 32 bytes.</exception>
    public InstallationSecret(byte[] secret)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(secret.Length, Length, nameof(secret));
        _secret = secret;
    }

    /// <summary>Reads the secret, or makes the file <c>secret</c> in the data directory at the first start.</summary>
    /// <exception cref="SecretUnusableException">What is there cannot be read, or is not base64 of 32 bytes; the message says
    /// where.</exception>
    public static InstallationSecret Load(string dataDirectory) => Load(dataDirectory, mayMake: true);

    /// <summary>For looking only: makes none.</summary>
    /// <returns>Why a start could not use the secret; <see langword="null"/>: it could, or would make one.</returns>
    public static string? FaultOf(string dataDirectory)
    {
        try
        {
            _ = Load(dataDirectory, mayMake: false);
            return null;
        }
        catch (SecretUnusableException e)
        {
            return e.InnerException is FileNotFoundException or DirectoryNotFoundException
                && string.IsNullOrEmpty(Environment.GetEnvironmentVariable(FileVariable)) ? null : e.Message;
        }
    }

    private static InstallationSecret Load(string dataDirectory, bool mayMake) =>
        Environment.GetEnvironmentVariable(Variable) is { Length: > 0 } given
            ? new InstallationSecret(Decode(given, $"The environment variable {Variable}", Give))
            : Environment.GetEnvironmentVariable(FileVariable) is { Length: > 0 } path
                ? new InstallationSecret(FromFile(path, $"The file {path} of {FileVariable}", Give, mayMake: false))
                : FromFolder(dataDirectory, mayMake);

    /// <summary>A key for one purpose; keys of different purposes say nothing about each other.</summary>
    /// <returns>32 bytes.</returns>
    public byte[] Derive(string purpose) =>
        HKDF.DeriveKey(HashAlgorithmName.SHA256, _secret, Length, info: Encoding.UTF8.GetBytes(purpose));

    public override string ToString() => nameof(InstallationSecret);

    private static InstallationSecret FromFolder(string dataDirectory, bool mayMake)
    {
        var path = Path.Combine(dataDirectory, "secret");
        return new(FromFile(path, $"The file {path}", Restore, mayMake));
    }

    private static byte[] FromFile(string path, string where, string mend, bool mayMake)
    {
        try
        {
            if (mayMake && !Path.Exists(path))
            {
                // It stays when the start then fails: the next one takes it, and the database may have things under it by then.
                OwnerFile.TryCreate(path, Convert.ToBase64String(RandomNumberGenerator.GetBytes(Length)));
            }

            return Decode(File.ReadAllText(path), where, mend);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new SecretUnusableException($"{where} cannot be read: {e.Message} Let the user that runs Gatehouse read it. {mend}", e);
        }
    }

    private static byte[] Decode(string text, string where, string mend)
    {
        var secret = new byte[Length + 3];
        return Convert.TryFromBase64String(text.Trim(), secret, out var length) && length == Length
            ? secret[..Length]
            : throw new SecretUnusableException($"{where} must hold {Length} bytes in base64. {mend}");
    }
}

/// <summary>The installation's secret cannot be read; the message says where it is looked for and how to mend it.</summary>
public sealed class SecretUnusableException(string message, Exception? inner = null) : InvalidOperationException(message, inner);

using System.Security.Cryptography;
using System.Text;
using Gatehouse.Contracts;
using Gatehouse.Gateway.Routing;

namespace Gatehouse.Governance;

/// <summary>Makes keys, tokens and one-time links, and the hashes under which they are stored.</summary>
public sealed class Secrets
{
    private const string Alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

    /// <summary>190 bits.</summary>
    private const int RandomChars = 32;

    private const int VisibleChars = 4;

    private readonly byte[] _keys;
    private readonly byte[] _tokens;
    private readonly byte[] _links;

    public Secrets(InstallationSecret secret)
    {
        _keys = secret.Derive("keys");
        _tokens = secret.Derive("tokens");
        _links = secret.Derive("links");
        GuardKey = secret.Derive("guard");
        Check = Convert.ToHexStringLower(secret.Derive("check"));
    }

    /// <summary>Under which guards hash values, and make up others in their place.</summary>
    public ReadOnlyMemory<byte> GuardKey { get; }

    /// <summary>Stored with the data, so that a start with another secret is noticed before every key seems wrong.</summary>
    internal string Check { get; }

    /// <summary>The table that the gateway looks keys up in.</summary>
    public KeyTable Table(IReadOnlyDictionary<KeyHash, Principal> keys) => new(_keys, keys);

    internal NewSecret Key(SystemEnvironment environment)
    {
        var mark = environment switch
        {
            SystemEnvironment.Development => "gh_dev_",
            SystemEnvironment.Staging => "gh_stg_",
            _ => "gh_prod_",
        };
        return Make(mark, _keys);
    }

    internal NewSecret Token() => Make("ght_", _tokens);

    internal NewSecret Link() => Make("", _links);

    internal KeyHash HashOfKey(string key) => Hash(_keys, key);

    internal KeyHash HashOfToken(string token) => Hash(_tokens, token);

    internal KeyHash HashOfLink(string link) => Hash(_links, link);

    private static NewSecret Make(string mark, byte[] under)
    {
        var text = mark + RandomNumberGenerator.GetString(Alphabet, RandomChars);
        return new NewSecret(text, text[..(mark.Length + VisibleChars)], Hash(under, text));
    }

    private static KeyHash Hash(byte[] under, string text) => KeyHash.Of(under, Encoding.UTF8.GetBytes(text));
}

/// <summary>A secret just made: shown once, stored as its hash.</summary>
internal sealed record NewSecret(string Text, string Prefix, KeyHash Hash)
{
    public override string ToString() => Prefix;
}

using System.Security.Cryptography;
using System.Text;

namespace Gatehouse.Guardrails.Anonymising;

/// <summary>What to put in place of a finding.</summary>
public enum Anonymisation
{
    /// <summary><c>[PERSON]</c>: gone for good.</summary>
    Mask,

    /// <summary>
    /// <c>[PERSON:3f9ac2…]</c>: the same value gives the same hash under the same key; joins work, guessing needs the key.
    /// </summary>
    Hash,

    /// <summary>A made-up value of the same form: a card with a right check digit, an address at example.com.</summary>
    Synthetic,

    /// <summary><c>&lt;PERSON_1&gt;</c>: comes back in the answer.</summary>
    Pseudonym,
}

/// <summary>Replaces findings in a text.</summary>
/// <param name="key">Key of hashes and made-up values: at least 16 bytes, of the installation or the team.</param>
/// <param name="vault">The conversation's pseudonyms.</param>
public sealed class Anonymiser(ReadOnlyMemory<byte> key, PseudonymVault vault)
{
    private const int HashBytes = 6;

    private readonly SyntheticValues _synthetic = new(key);

    /// <param name="text">The text.</param>
    /// <param name="findings">In order and without overlaps, as <see cref="FindingList.ResolveOverlaps"/> leaves them.</param>
    /// <param name="how">What to do with each.</param>
    public string Replace(ReadOnlySpan<char> text, ReadOnlySpan<Finding> findings, Anonymisation how)
    {
        var replaced = new StringBuilder(text.Length);
        var at = 0;
        foreach (var finding in findings)
        {
            if (finding.Start < at)
            {
                throw new ArgumentException("Findings overlap or are out of order.", nameof(findings));
            }

            replaced.Append(text[at..finding.Start]);
            replaced.Append(ValueFor(finding.Type, text.Slice(finding.Start, finding.Length), how));
            at = finding.End;
        }

        return replaced.Append(text[at..]).ToString();
    }

    /// <summary>What stands in place of one value.</summary>
    /// <param name="type">Of the finding.</param>
    /// <param name="value">As it was written.</param>
    /// <param name="how">What to make of it.</param>
    /// <param name="where">Where a pseudonym becomes the value again.</param>
    public string ValueFor(
        string type, ReadOnlySpan<char> value, Anonymisation how, PseudonymReturn where = PseudonymReturn.Everywhere) => how switch
    {
        Anonymisation.Mask => $"[{type}]",
        Anonymisation.Hash => $"[{type}:{HashOf(type, value)}]",
        Anonymisation.Synthetic => _synthetic.For(type, value),
        _ => vault.TokenFor(type, value, where),
    };

    private string HashOf(string type, ReadOnlySpan<char> value)
    {
        Span<byte> hash = stackalloc byte[32];
        HMACSHA256.HashData(key.Span, Encoding.UTF8.GetBytes($"{type}\n{value}"), hash);
        return Convert.ToHexStringLower(hash[..HashBytes]);
    }
}

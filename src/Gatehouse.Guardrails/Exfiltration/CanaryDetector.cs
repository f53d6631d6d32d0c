using System.Buffers;
using System.Security.Cryptography;
using System.Text;

namespace Gatehouse.Guardrails.Exfiltration;

/// <summary>
/// Finds tokens that must not leave: the canary of a system prompt and the markers of other teams. Also when they are reversed, spelled in
/// hex, or inside base64 at any of its three alignments. A check is one vectorised search.
/// </summary>
public sealed class CanaryDetector : IDetector
{
    private const int MinTokenLength = 8;
    private readonly SearchValues<string> _folded;
    private readonly SearchValues<string> _exact;
    private readonly string[] _foldedForms;
    private readonly string[] _exactForms;
    private readonly string _rule;
    private readonly string _type;

    private CanaryDetector(IEnumerable<string> tokens, string rule, string type)
    {
        var all = tokens.Distinct(StringComparer.Ordinal).ToList();
        if (all.Exists(t => t.Length < MinTokenLength))
        {
            throw new ArgumentException($"A token shorter than {MinTokenLength} characters would be found by chance.", nameof(tokens));
        }

        (_rule, _type) = (rule, type);
        _foldedForms = [.. all.SelectMany(Folded).Distinct(StringComparer.OrdinalIgnoreCase)];
        _exactForms = [.. all.SelectMany(Base64Forms).Distinct(StringComparer.Ordinal)];
        _folded = SearchValues.Create(_foldedForms, StringComparison.OrdinalIgnoreCase);
        _exact = SearchValues.Create(_exactForms, StringComparison.Ordinal);
    }

    public DetectorKind Kind => DetectorKind.Exfiltration;

    /// <summary>Longest form in UTF-16 units: what a stream holds back.</summary>
    public int HoldBack => _foldedForms.Concat(_exactForms).Select(f => f.Length).DefaultIfEmpty(0).Max();

    /// <summary>Looks for the canary that was put into a system prompt.</summary>
    public static CanaryDetector ForCanary(string canary) => new([canary], "exfiltration.prompt.canary", FindingTypes.PromptLeak);

    /// <summary>Looks for words that only another team's data has.</summary>
    /// <exception cref="ArgumentException">A marker is too short.</exception>
    public static CanaryDetector ForMarkers(IEnumerable<string> markers) =>
        new(markers, "exfiltration.tenant.marker", FindingTypes.TenantMarker);

    /// <summary>A token for a system's prompt that nobody can guess and that changes with the period.</summary>
    /// <param name="period">For example the hours since the epoch.</param>
    public static string Make(ReadOnlySpan<byte> secret, Guid system, long period)
    {
        Span<byte> hash = stackalloc byte[32];
        HMACSHA256.HashData(secret, Encoding.UTF8.GetBytes($"canary:{system:N}:{period}"), hash);
        return "ghc" + Convert.ToHexStringLower(hash[..8]);
    }

    public void Find(ReadOnlySpan<char> text, in DetectionContext context, FindingList findings)
    {
        Search(text, _folded, _foldedForms, StringComparison.OrdinalIgnoreCase, findings);
        Search(text, _exact, _exactForms, StringComparison.Ordinal, findings);
    }

    private void Search(
        ReadOnlySpan<char> text, SearchValues<string> values, string[] forms, StringComparison comparison, FindingList findings)
    {
        for (var at = 0; text[at..].IndexOfAny(values) is var next and >= 0;)
        {
            var start = at + next;
            var length = 1;
            foreach (var form in forms)
            {
                if (form.Length > length && text[start..].StartsWith(form, comparison))
                {
                    length = form.Length;
                }
            }

            findings.Add(new Finding(DetectorKind.Exfiltration, _rule, _type, start, length, 1));
            at = start + length;
        }
    }

    private static IEnumerable<string> Folded(string token) =>
    [
        token,
        new string([.. token.Reverse()]),
        Convert.ToHexStringLower(Encoding.UTF8.GetBytes(token)),
        string.Join(' ', token.ToCharArray()),
        string.Join('-', token.ToCharArray()),
    ];

    /// <summary>The characters of base64 that do not depend on what stands before and after the token.</summary>
    private static IEnumerable<string> Base64Forms(string token)
    {
        var bytes = Encoding.UTF8.GetBytes(token);
        for (var shift = 0; shift < 3; shift++)
        {
            var encoded = Convert.ToBase64String([.. new byte[shift], .. bytes]);
            var from = shift switch { 0 => 0, 1 => 2, _ => 3 };
            var whole = (shift + bytes.Length) * 8 / 6;
            yield return encoded[from..whole];
        }
    }
}

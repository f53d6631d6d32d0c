using System.Buffers;
using System.Collections.Frozen;
using Gatehouse.Guardrails.Pii.Identifiers;
using Gatehouse.Guardrails.Pii.Names;
using Gatehouse.Guardrails.Pii.Network;
using Gatehouse.Guardrails.Pii.Numbers;
using Gatehouse.Guardrails.Text;

namespace Gatehouse.Guardrails.Pii;

/// <summary>Finds personal data. Build once, use from any thread.</summary>
public sealed class PiiDetector : IDetector
{
    private const string Denied = "DENIED";

    private readonly float _minScore;
    private readonly IdentifierScanner? _identifiers;
    private readonly NetworkScanner? _network;
    private readonly PhoneScanner? _phones;
    private readonly DateScanner? _dates;
    private readonly NameScanner? _names;
    private readonly CustomScanner[] _custom;
    private readonly FrozenSet<string>.AlternateLookup<ReadOnlySpan<char>>? _allow;
    private readonly SearchValues<string>? _deny;
    private readonly string[] _denied;
    private readonly FrozenSet<string>? _types;

    /// <exception cref="CustomRecogniserException">A custom recogniser is malformed or fails its own examples.</exception>
    public PiiDetector(PiiOptions options)
        : this(options, null)
    {
    }

    /// <param name="options">What to look for.</param>
    /// <param name="model">Another tagger than the one in the assembly: training measures what it has made.</param>
    internal PiiDetector(PiiOptions options, NameModel? model)
    {
        _minScore = options.MinScore > 0 ? options.MinScore : -1;
        _types = options.Types.Count > 0 ? options.Types.ToFrozenSet(StringComparer.Ordinal) : null;
        var rules = IdentifierRules.All.Where(r => Wants(r.Type)).ToList();
        _identifiers = rules.Count > 0 ? new IdentifierScanner(rules, _minScore) : null;
        _network = Wants(PiiTypes.Email) || Wants(PiiTypes.Url) || Wants(PiiTypes.Ip) || Wants(PiiTypes.Mac)
            ? new NetworkScanner(Wants(PiiTypes.Email), Wants(PiiTypes.Url), Wants(PiiTypes.Ip), Wants(PiiTypes.Mac))
            : null;
        _phones = Wants(PiiTypes.Phone) ? new PhoneScanner(_minScore) : null;
        _dates = Wants(PiiTypes.DateTime) ? new DateScanner(_minScore) : null;
        _names = options.Names && NameScanner.Types.Any(Wants) ? new NameScanner(_minScore, model ?? NameModel.Shared) : null;
        _custom = [.. options.Custom.Select(c => new CustomScanner(c))];
        if (options.Allow.Count > 0)
        {
            _allow = options.Allow.ToFrozenSet(StringComparer.OrdinalIgnoreCase).GetAlternateLookup<ReadOnlySpan<char>>();
        }

        _denied = [.. options.Deny.Where(d => d.Length > 0)];
        _deny = _denied.Length > 0 ? SearchValues.Create(_denied, StringComparison.OrdinalIgnoreCase) : null;
    }

    /// <summary>The detector with default options.</summary>
    public static PiiDetector Default { get; } = new(new PiiOptions());

    /// <summary>Every type that it finds by itself; custom recognisers have more.</summary>
    public static IReadOnlyList<string> Types { get; } =
    [
        .. NameScanner.Types.Union(
            [PiiTypes.DateTime, PiiTypes.Email, PiiTypes.Url, PiiTypes.Ip, PiiTypes.Mac, PiiTypes.Phone]).Union(
            IdentifierRules.All.Select(r => r.Type)),
        Denied,
    ];

    public DetectorKind Kind => DetectorKind.Pii;

    public void Find(ReadOnlySpan<char> text, in DetectionContext context, FindingList findings)
    {
        var first = findings.Count;
        FindNumbers(text, findings);
        FindOwn(text, findings);
        if (FoldedText.IsNeeded(text))
        {
            FindFolded(text, findings, first);
        }

        findings.ResolveOverlaps(first);
        _names?.Find(text, findings, first);
        Filter(text, findings, first);
    }

    /// <summary>What is seen when the text is folded, on top: folding may also join a finding to what stands behind it.</summary>
    private void FindFolded(ReadOnlySpan<char> text, FindingList findings, int first)
    {
        using var folded = FoldedText.Read(text);
        if (!folded.IsChanged)
        {
            return;
        }

        var second = findings.Count;
        FindNumbers(folded.Chars, findings);
        FindOwn(folded.Chars, findings);
        folded.ToOriginal(findings, second);
        var kept = second;
        for (var i = second; i < findings.Count; i++)
        {
            if (!IsJoined(text, findings.Items[first..second], findings[i]))
            {
                findings.Set(kept++, findings[i]);
            }
        }

        findings.Truncate(kept);
    }

    /// <summary>An address of mail that was whole before a space without width: a word follows there.</summary>
    private static bool IsJoined(ReadOnlySpan<char> text, ReadOnlySpan<Finding> plain, in Finding folded)
    {
        foreach (var finding in plain)
        {
            if (finding.Type == PiiTypes.Email && folded.Type == PiiTypes.Email && finding.Start == folded.Start
                && finding.End < folded.End && text[finding.End] == '\u200B')
            {
                return true;
            }
        }

        return false;
    }

    private void FindNumbers(ReadOnlySpan<char> text, FindingList findings)
    {
        var signs = PiiSigns.Of(text);
        if ((signs & PiiSign.Network) != 0)
        {
            _network?.Find(text, findings);
        }

        if ((signs & PiiSign.Digit) != 0)
        {
            _identifiers?.Find(text, findings);
            _phones?.Find(text, findings);
            _dates?.Find(text, findings);
        }
        else if ((signs & PiiSign.Day) != 0)
        {
            _dates?.FindWeekdays(text, findings);
        }
    }

    /// <summary>What the organisation has named itself may be of any characters.</summary>
    private void FindOwn(ReadOnlySpan<char> text, FindingList findings)
    {
        foreach (var custom in _custom)
        {
            custom.Find(text, _minScore, findings);
        }

        FindDenied(text, findings);
    }

    private bool Wants(string type) => _types is null || _types.Contains(type);

    private void FindDenied(ReadOnlySpan<char> text, FindingList findings)
    {
        if (_deny is null)
        {
            return;
        }

        for (var at = 0; at < text.Length; at++)
        {
            var next = text[at..].IndexOfAny(_deny);
            if (next < 0)
            {
                return;
            }

            at += next;
            foreach (var value in _denied)
            {
                var end = at + value.Length;
                if (text[at..].StartsWith(value, StringComparison.OrdinalIgnoreCase)
                    && (at == 0 || !char.IsLetterOrDigit(text[at - 1])) && (end >= text.Length || !char.IsLetterOrDigit(text[end])))
                {
                    findings.Add(new(DetectorKind.Pii, "pii.denied", Denied, at, value.Length, 1));
                }
            }
        }
    }

    /// <summary>Drops what is allowed, not wanted, or not sure enough.</summary>
    private void Filter(ReadOnlySpan<char> text, FindingList findings, int first)
    {
        var kept = first;
        for (var i = first; i < findings.Count; i++)
        {
            var finding = findings[i];
            var isWanted = finding.Score >= _minScore
                && (_types is null || _types.Contains(finding.Type) || finding.Rule.StartsWith("pii.custom.", StringComparison.Ordinal)
                    || finding.Type == Denied)
                && !(_allow is { } allow && finding.Type != Denied && allow.Contains(text.Slice(finding.Start, finding.Length)));
            if (isWanted)
            {
                findings.Set(kept++, finding);
            }
        }

        findings.Truncate(kept);
    }
}

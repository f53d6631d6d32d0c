using System.Runtime.CompilerServices;

namespace Gatehouse.Guardrails.Injection;

/// <summary>
/// Rules over concepts: sequences with a few words between. They say why a text is an injection; whether it is one, the model decides,
/// which has the same sequences among its features.
/// </summary>
internal struct ConceptRules
{
    private const int Reach = 7;

    private static readonly Rule[] All =
    [
        new("injection.rule.ignore-instructions", FindingTypes.Injection, Injection.Concept.Ignore, Injection.Concept.Instr),
        new("injection.rule.ignore-prior", FindingTypes.Injection, Injection.Concept.Ignore, Injection.Concept.Prior),
        new("injection.rule.ignore-everything", FindingTypes.Injection, Injection.Concept.Ignore, Injection.Concept.All,
            Injection.Concept.Text),
        new("injection.rule.prior-instructions-ignored", FindingTypes.Injection, Injection.Concept.Prior, Injection.Concept.Instr,
            Injection.Concept.Ignore),
        new("injection.rule.instructions-ignored", FindingTypes.Injection, Injection.Concept.All, Injection.Concept.Instr,
            Injection.Concept.Ignore),
        new("injection.rule.new-instructions", FindingTypes.Injection, Injection.Concept.New, Injection.Concept.Instr),
        new("injection.rule.new-task", FindingTypes.Injection, Injection.Concept.Ignore, Injection.Concept.Task),
        new("injection.rule.reveal-system-prompt", FindingTypes.PromptExtraction, Injection.Concept.Reveal, Injection.Concept.System,
            Injection.Concept.Prompt),
        new("injection.rule.reveal-instructions", FindingTypes.PromptExtraction, Injection.Concept.Reveal, Injection.Concept.Instr),
        new("injection.rule.reveal-prior-text", FindingTypes.PromptExtraction, Injection.Concept.Reveal, Injection.Concept.Prior),
        new("injection.rule.reveal-text-above", FindingTypes.PromptExtraction, Injection.Concept.Reveal, Injection.Concept.Text,
            Injection.Concept.Prior),
        new("injection.rule.reveal-secret", FindingTypes.PromptExtraction, Injection.Concept.Reveal, Injection.Concept.Secret),
        new("injection.rule.ask-secret", FindingTypes.PromptExtraction, Injection.Concept.What, Injection.Concept.Secret),
        new("injection.rule.ask-personal", FindingTypes.Injection, Injection.Concept.User, Injection.Concept.Personal),
        new("injection.rule.say-granted", FindingTypes.Injection, Injection.Concept.Say, Injection.Concept.Grant),
        new("injection.rule.say-pwned", FindingTypes.Injection, Injection.Concept.Say, Injection.Concept.Pwn),
        new("injection.rule.persona-without-limits", FindingTypes.Jailbreak, Injection.Concept.Pretend, Injection.Concept.Free),
        new("injection.rule.persona-no-rules", FindingTypes.Jailbreak, Injection.Concept.Ai, Injection.Concept.Not,
            Injection.Concept.Instr),
        new("injection.rule.no-ethics", FindingTypes.Jailbreak, Injection.Concept.Not, Injection.Concept.Ethic),
        new("injection.rule.never-refuse", FindingTypes.Jailbreak, Injection.Concept.Not, Injection.Concept.Refuse),
        new("injection.rule.enable-mode", FindingTypes.Jailbreak, Injection.Concept.Grant, Injection.Concept.Mode),
        new("injection.rule.system-mode", FindingTypes.Jailbreak, Injection.Concept.System, Injection.Concept.Mode),
        new("injection.rule.unfiltered", FindingTypes.Jailbreak, Injection.Concept.Free, Injection.Concept.Ai),
        new("injection.rule.fiction-for-harm", FindingTypes.Jailbreak, Injection.Concept.Fiction, Injection.Concept.Harm),
        new("injection.rule.pretend-harm", FindingTypes.Jailbreak, Injection.Concept.Pretend, Injection.Concept.Harm),
        new("injection.rule.claims-authority", FindingTypes.Injection, Injection.Concept.Me, Injection.Concept.Admin),
        new("injection.rule.run-command", FindingTypes.Injection, Injection.Concept.Exec, Injection.Concept.Exec),
        new("injection.rule.change-answer", FindingTypes.Injection, Injection.Concept.Add, Injection.Concept.You,
            Injection.Concept.Response),
        new("injection.rule.encode-answer", FindingTypes.Injection, Injection.Concept.You, Injection.Concept.Response,
            Injection.Concept.Codec),
        new("injection.rule.add-code", FindingTypes.Injection, Injection.Concept.Add, Injection.Concept.Exec),
        new("injection.rule.send-data", FindingTypes.Injection, Injection.Concept.Send, Injection.Concept.Data),
        new("injection.rule.send-personal", FindingTypes.Injection, Injection.Concept.Send, Injection.Concept.Personal),
        new("injection.rule.tell-user-link", FindingTypes.Injection, Injection.Concept.User, Injection.Concept.Link),
    ];

    private static readonly byte[][] ByLast = Index();

    private Recent _recent;
    private int _count;
    private int _rank;

    /// <summary>The first match of the strongest rule; null when none matched.</summary>
    public string? Id { get; private set; }

    public string? Type { get; private set; }

    public int Start { get; private set; }

    public int End { get; private set; }

    public static IEnumerable<string> Ids => All.Select(r => r.Id);

    public void Next(int concept, int token, int start, int end)
    {
        foreach (var index in ByLast[concept])
        {
            // Earlier in the table is stronger; longer sequences of the same strength are not compared.
            if ((Id is null || index < _rank) && Match(All[index], token, out var from))
            {
                (_rank, Id, Type, Start, End) = (index, All[index].Id, All[index].Type, from, end);
            }
        }

        _recent[_count & 7] = (concept, token, start);
        _count++;
    }

    private readonly bool Match(in Rule rule, int token, out int start)
    {
        start = 0;
        var needed = rule.Length - 2;
        for (var k = 1; k <= Math.Min(_count, 8) && needed >= 0; k++)
        {
            var (concept, at, from) = _recent[(_count - k) & 7];
            if (token - at > Reach)
            {
                return false;
            }

            if (concept == (int)rule[needed])
            {
                token = at;
                start = from;
                needed--;
            }
        }

        return needed < 0;
    }

    private static byte[][] Index()
    {
        var index = new byte[Enum.GetValues<Concept>().Length][];
        for (var c = 0; c < index.Length; c++)
        {
            index[c] = [.. Enumerable.Range(0, All.Length).Where(r => (int)All[r][All[r].Length - 1] == c).Select(r => (byte)r)];
        }

        return index;
    }

    private readonly record struct Rule(string Id, string Type, Concept First, Concept Second, Concept Third = Injection.Concept.None)
    {
        public int Length => Third == Injection.Concept.None ? 2 : 3;

        public Concept this[int index] => index switch { 0 => First, 1 => Second, _ => Third };
    }

    [InlineArray(8)]
    private struct Recent
    {
        private (int Concept, int Token, int Start) _first;
    }
}

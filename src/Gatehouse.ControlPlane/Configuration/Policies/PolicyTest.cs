using Gatehouse.Contracts;
using Gatehouse.Gateway.Guarding.PlugIns;
using Gatehouse.Guardrails.Policies;

namespace Gatehouse.Configuration;

/// <summary>A test that stands in a policy.</summary>
/// <param name="Number">Its place among the tests, from 1.</param>
internal sealed record PolicyTest(PolicyTestOptions Options, int Number, int Line)
{
    private static readonly byte[] Key = new byte[32]; // hashes and made-up values in tests are the same everywhere

    private GuardedText About => new(Options.Side);

    public PolicyTestResult Run(GuardPolicy policy)
    {
        using var session = Begin(policy, out var becomes);
        if (Wrong(policy, becomes) is { } wrong)
        {
            return Result(policy, wrong);
        }

        var answers = session.IsBlocked ? [] : Asked(policy).Select(rule => (rule, Stated(rule, becomes)!.Value)).ToList();
        return End(session, becomes, answers);
    }

    /// <summary>Models and webhooks are asked themselves, but where the test lets them fail.</summary>
    public async Task<PolicyTestResult> RunAsync(GuardPolicy policy, AskPlugIn ask, CancellationToken ct)
    {
        using var session = Begin(policy, out var becomes);
        if (Wrong(policy, becomes) is { } wrong)
        {
            return Result(policy, wrong);
        }

        var answers = new List<(GuardRule, PlugInAnswer)>();
        foreach (var rule in session.IsBlocked ? [] : Asked(policy))
        {
            answers.Add((rule, Options.Answers[rule.Name] == PlugInTrial.Fails
                ? Stated(rule, becomes)!.Value
                : await ask(policy, rule, Options.Side, becomes, ct)));
        }

        return End(session, becomes, answers);
    }

    private GuardSession Begin(GuardPolicy policy, out string becomes)
    {
        var session = new GuardSession(policy, Key, [], TimeProvider.System);
        becomes = session.Check(Options.Text, About) ?? Options.Text;
        return session;
    }

    private PolicyTestResult End(GuardSession session, string text, List<(GuardRule, PlugInAnswer)> answers)
    {
        var becomes = answers.Count == 0 ? text : PlugInTrial.Judge(session, About, text, answers);
        return Result(session.Policy, FailureOf(session.Log, becomes));
    }

    private PolicyTestResult Result(GuardPolicy policy, string? failure) =>
        new(policy.Name, Options.Name.Length > 0 ? Options.Name : $"test {Number}", failure, Line);

    /// <summary>The rules that ask somebody and whose answers the test states, in the order of the policy.</summary>
    private IEnumerable<GuardRule> Asked(GuardPolicy policy) => policy.PlugIns.Where(rule => Options.Answers.ContainsKey(rule.Name));

    private PlugInAnswer? Stated(GuardRule rule, string text) => PlugInTrial.Stated(rule, Options.Answers[rule.Name], text);

    /// <summary>What is wrong with the answers that the test states.</summary>
    private string? Wrong(GuardPolicy policy, string text)
    {
        foreach (var name in Options.Answers.Keys)
        {
            if (policy.PlugIns.FirstOrDefault(r => r.Name == name) is not { } rule)
            {
                return $"'answers' names '{name}', which is no rule that asks a model or a webhook";
            }

            if (!rule.Sides.Contains(Options.Side))
            {
                return $"'answers' names '{name}', which does not look at '{GuardLog.NameOf(Options.Side)}'";
            }

            if (Stated(rule, text) is null)
            {
                return $"'answers.{name}' is not 'safe', 'unsafe' with types and scores ('unsafe S1 0.9, S2'), "
                    + "'fails' or the JSON of the answer";
            }
        }

        return null;
    }

    private string? FailureOf(GuardLog log, string becomes)
    {
        var found = string.Join(", ", log.Findings.Select(f => $"{f.Type} by '{f.Rule}'"));
        if (log.Verdict != Options.Expect)
        {
            var why = log.Failure is { } failure ? $" ({failure})" : found.Length > 0 ? $" ({found})" : "";
            return $"expected {Word(Options.Expect)}, but it is {Word(log.Verdict)}{why}";
        }

        if (Options.Becomes is { } expected && expected != becomes)
        {
            return $"it becomes '{becomes}'";
        }

        return Options.Finds.Count > 0
            && !Options.Finds.Order(StringComparer.Ordinal)
                .SequenceEqual(log.Findings.Select(f => f.Type).Distinct().Order(StringComparer.Ordinal))
            ? $"it finds {(found.Length > 0 ? found : "nothing")}"
            : null;
    }

    private static string Word(GuardVerdict verdict) => verdict.ToString().ToLowerInvariant();
}

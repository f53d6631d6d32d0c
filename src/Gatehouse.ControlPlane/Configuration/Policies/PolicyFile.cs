using Gatehouse.Contracts;
using Gatehouse.Guardrails.Policies;

namespace Gatehouse.Configuration;

/// <summary>A policy, where it is written, and what its tests give.</summary>
public sealed class PolicyFile
{
    private readonly Lazy<IReadOnlyList<PolicyTestResult>> _tests;

    internal PolicyFile(GuardPolicy policy, string? path, string text, Func<IReadOnlyList<PolicyTestResult>> test)
    {
        Policy = policy;
        Path = path;
        Text = text;
        _tests = new(test);
    }

    public GuardPolicy Policy { get; }

    /// <summary>Full path of the file; <see langword="null"/> for a policy that is built in or kept in Gatehouse.</summary>
    public string? Path { get; }

    /// <summary>The revision of a policy that is kept in Gatehouse, from 1; <see langword="null"/> for the others.</summary>
    public long? Number { get; init; }

    /// <summary>As it is written.</summary>
    public string Text { get; }

    /// <summary>Run when first asked for.</summary>
    public IReadOnlyList<PolicyTestResult> Tests => _tests.Value;
}

/// <summary>What a test of a policy gave.</summary>
/// <param name="Failure">What is not as expected; <see langword="null"/> when the test passed.</param>
/// <param name="Line">Where the test stands in its file.</param>
public sealed record PolicyTestResult(string Policy, string Name, string? Failure, int Line);

/// <summary>Runs the tests of a policy.</summary>
internal static class PolicyTests
{
    private static readonly byte[] Key = new byte[32]; // hashes and made-up values in tests are the same everywhere

    public static PolicyTestResult Run(GuardPolicy policy, PolicyTestOptions test, int number, int line)
    {
        using var session = new GuardSession(policy, Key, [], TimeProvider.System);
        var becomes = session.Check(test.Text, new GuardedText(test.Side)) ?? test.Text;
        var name = test.Name.Length > 0 ? test.Name : $"test {number}";
        return new PolicyTestResult(policy.Name, name, FailureOf(test, session.Log, becomes), line);
    }

    private static string? FailureOf(PolicyTestOptions test, GuardLog log, string becomes)
    {
        var found = string.Join(", ", log.Findings.Select(f => $"{f.Type} by '{f.Rule}'"));
        if (log.Verdict != test.Expect)
        {
            return $"expected {Word(test.Expect)}, but it is {Word(log.Verdict)}{(found.Length > 0 ? $" ({found})" : "")}";
        }

        if (test.Becomes is { } expected && expected != becomes)
        {
            return $"it becomes '{becomes}'";
        }

        return test.Finds.Count > 0
            && !test.Finds.Order(StringComparer.Ordinal)
                .SequenceEqual(log.Findings.Select(f => f.Type).Distinct().Order(StringComparer.Ordinal))
            ? $"it finds {(found.Length > 0 ? found : "nothing")}"
            : null;
    }

    private static string Word(GuardVerdict verdict) => verdict.ToString().ToLowerInvariant();
}

using Gatehouse.Gateway.Guarding.PlugIns;
using Gatehouse.Guardrails;
using Gatehouse.Guardrails.Policies;

namespace Gatehouse.Configuration;

/// <summary>A policy, where it is written, and what its tests give.</summary>
public sealed class PolicyFile
{
    private readonly Lazy<IReadOnlyList<PolicyTestResult>> _tests;

    private readonly IReadOnlyList<PolicyTest> _written;

    internal PolicyFile(GuardPolicy policy, string? path, string text, IReadOnlyList<PolicyTest> tests)
    {
        Policy = policy;
        Path = path;
        Text = text;
        _written = tests;
        _tests = new(() => [.. tests.Select(t => t.Run(policy))]);
    }

    public GuardPolicy Policy { get; }

    /// <summary>Full path of the file; <see langword="null"/> for a policy that is built in or kept in Gatehouse.</summary>
    public string? Path { get; }

    /// <summary>The revision of a policy that is kept in Gatehouse, from 1; <see langword="null"/> for the others.</summary>
    public long? Number { get; init; }

    /// <summary>As it is written.</summary>
    public string Text { get; }

    /// <summary>Run when first asked for, with the answers of models and webhooks that they state.</summary>
    public IReadOnlyList<PolicyTestResult> Tests => _tests.Value;

    /// <summary>Runs the tests, and asks the real models and webhooks in place of the answers that they state.</summary>
    public async Task<IReadOnlyList<PolicyTestResult>> TestLiveAsync(AskPlugIn ask, CancellationToken ct)
    {
        var results = new List<PolicyTestResult>();
        foreach (var test in _written)
        {
            results.Add(await test.RunAsync(Policy, ask, ct));
        }

        return results;
    }
}

/// <summary>What a test of a policy gave.</summary>
/// <param name="Failure">What is not as expected; <see langword="null"/> when the test passed.</param>
/// <param name="Line">Where the test stands in its file.</param>
public sealed record PolicyTestResult(string Policy, string Name, string? Failure, int Line);

/// <summary>Asks the model or the webhook of a rule about a text.</summary>
public delegate ValueTask<PlugInAnswer> AskPlugIn(
    GuardPolicy policy, GuardRule rule, DetectionSide side, string text, CancellationToken ct);

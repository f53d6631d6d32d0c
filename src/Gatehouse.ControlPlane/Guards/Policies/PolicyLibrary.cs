using System.Globalization;
using Gatehouse.Configuration;
using Gatehouse.Contracts;
using Gatehouse.Governance;
using Gatehouse.Guardrails.Policies;

namespace Gatehouse.Guards;

/// <summary>Where a policy is written.</summary>
public enum PolicySource
{
    /// <summary>It comes with Gatehouse.</summary>
    BuiltIn,

    /// <summary>In a file of the configuration.</summary>
    File,

    /// <summary>In the database.</summary>
    Kept,
}

/// <summary>A rule of a policy.</summary>
/// <param name="Words">What it does, as a sentence without a subject.</param>
public sealed record PolicyRuleView(string Name, string Detector, string Action, bool Shadow, string Words);

/// <summary>A policy as people see it.</summary>
/// <param name="Revision">Names its content, as records of calls do.</param>
/// <param name="Number">The revision of a kept policy, from 1.</param>
/// <param name="InForce">It applies to the calls of the systems that have it.</param>
/// <param name="Newest">The newest revision of a kept policy, in force or not.</param>
/// <param name="File">The name of its file.</param>
/// <param name="Settings">What applies besides the rules, as sentences.</param>
/// <param name="Tests">What its own tests gave.</param>
/// <param name="Text">As it is written; <see langword="null"/> in lists and for readers who may not see the configuration.</param>
public sealed record PolicyView(
    string Name, PolicySource Source, string Revision, long? Number, bool InForce, long? Newest, string? File, string Description,
    IReadOnlyList<PolicyRuleView> Rules, IReadOnlyList<string> Settings, IReadOnlyList<PolicyTestResult> Tests, string? Text);

/// <summary>What is to be said about a text that is to become a policy.</summary>
/// <param name="Name">As it calls itself; <see langword="null"/> when it cannot be read.</param>
/// <param name="Ready">It may be put in force.</param>
/// <param name="Changes">What it does differently from the policy of its name that is in force, as sentences.</param>
public sealed record PolicyCheck(
    string? Name, bool Ready, IReadOnlyList<ConfigurationError> Errors, IReadOnlyList<PolicyTestResult> Tests,
    IReadOnlyList<PolicyRuleView> Rules, IReadOnlyList<string> Settings, IReadOnlyList<string> Changes);

/// <summary>Every policy there is, wherever it is written: built in, in files, and kept in the database. Safe from any thread.</summary>
public sealed class PolicyLibrary(
    ConfigurationState configuration, KeptPolicies compiler, GuardPolicies kept, Snapshot<GovernanceTables> tables)
{
    /// <summary>In force, by name, built-in ones first. Everybody who is signed in may know what applies to their calls.</summary>
    public IReadOnlyList<PolicyView> List()
    {
        var inForce = tables.Current.GuardPolicies
            .Where(p => !configuration.Current.Compiled.PolicyFiles.Any(f => f.Policy.Name == p.Name))
            .Select(p => Read(p)).OfType<PolicyFile>();
        return [.. configuration.Current.Compiled.PolicyFiles.Concat(inForce)
            .Select(f => View(f, isInForce: true, newest: null, text: null))];
    }

    /// <summary>With texts, tests and the newest revisions.</summary>
    /// <exception cref="ProblemException">The person may not.</exception>
    public async Task<IReadOnlyList<PolicyView>> ListAllAsync(Person who, CancellationToken ct)
    {
        Require(who);
        var views = configuration.Current.Compiled.PolicyFiles.Select(f => View(f, isInForce: true, newest: null, f.Text)).ToList();
        foreach (var revisions in (await kept.ListAsync(who, ct)).GroupBy(r => r.Name))
        {
            var shown = revisions.FirstOrDefault(r => r.InForce) ?? revisions.First();
            if (Read(shown) is { } file)
            {
                // A file that took the name later is the policy.
                var isFile = configuration.Current.Compiled.PolicyFiles.Any(f => f.Policy.Name == shown.Name);
                views.Add(View(file, shown.InForce && !isFile, revisions.First().Number, shown.Text));
            }
        }

        return views;
    }

    /// <param name="reference">A name, for what is in force (of a kept policy that is not: the newest); or <c>name@3</c>.</param>
    /// <exception cref="ProblemException">There is no such policy, or the person may not.</exception>
    public async Task<PolicyView> GetAsync(Person who, string reference, CancellationToken ct)
    {
        Require(who);
        var (file, revision, newest) = await FindAsync(who, reference, ct);
        return View(file, revision?.InForce ?? true, newest, file.Text);
    }

    /// <summary>Reads a text as a policy and runs its tests.</summary>
    /// <param name="name">The name that it must have; <see langword="null"/>: any.</param>
    /// <exception cref="ProblemException">The person may not.</exception>
    public PolicyCheck Check(Person who, string text, string? name)
    {
        Require(who);
        var file = compiler.Check(name, text, out var errors);
        if (file is null)
        {
            return new PolicyCheck(null, false, errors, [], [], [], []);
        }

        var before = InForce(file.Policy.Name);
        return new PolicyCheck(
            file.Policy.Name, file.Tests.All(t => t.Failure is null), [], file.Tests, Rules(file.Policy.Definition),
            PolicyWords.Settings(file.Policy.Definition),
            before is null ? [] : PolicyWords.Difference(before.Policy.Definition, file.Policy.Definition));
    }

    /// <summary>What one policy or revision does that the other does not, as sentences.</summary>
    /// <exception cref="ProblemException">One is not there, or the person may not.</exception>
    public async Task<IReadOnlyList<string>> DifferenceAsync(Person who, string from, string to, CancellationToken ct) =>
        PolicyWords.Difference(
            (await FindAsync(who, from, ct)).File.Policy.Definition, (await FindAsync(who, to, ct)).File.Policy.Definition);

    /// <exception cref="ProblemException">It is not there, or the person may not.</exception>
    internal async Task<GuardPolicy> FindPolicyAsync(Person who, string reference, CancellationToken ct)
    {
        Require(who);
        return (await FindAsync(who, reference, ct)).File.Policy;
    }

    /// <summary>The policy of a name that is in force.</summary>
    internal PolicyFile? InForce(string name) =>
        configuration.Current.Compiled.PolicyFiles.FirstOrDefault(f => f.Policy.Name == name)
        ?? (tables.Current.GuardPolicies.FirstOrDefault(p => p.Name == name) is { } revision ? Read(revision) : null);

    private static void Require(Person who)
    {
        if (!who.MayEverywhere(Permission.ReadSettings))
        {
            throw new ProblemException(
                Problem.Forbidden("Policies as they are written are for admins, architects and auditors of the whole installation."));
        }
    }

    private async Task<(PolicyFile File, PolicyRevision? Revision, long? Newest)> FindAsync(
        Person who, string reference, CancellationToken ct)
    {
        Require(who);
        var at = reference.LastIndexOf('@');
        var name = at < 0 ? reference : reference[..at];
        long? number = at < 0 ? null : long.TryParse(reference.AsSpan(at + 1), CultureInfo.InvariantCulture, out var given) ? given : -1;
        if (number is null && configuration.Current.Compiled.PolicyFiles.FirstOrDefault(f => f.Policy.Name == name) is { } written)
        {
            return (written, null, null);
        }

        var (found, newest) = await kept.FindAsync(who, name, number, ct);
        if (found is null)
        {
            throw new ProblemException(Problem.NotFound("policy", reference.Length <= 100 ? reference : "…"));
        }

        var file = compiler.Read(name, found.Number, found.Text, out var errors) ?? throw new ProblemException(
            new Problem("policy_invalid", 409, $"Revision {found.Number} of '{name}' is no policy for this version: {errors[0]}"));
        return (file, found, newest!.Number);
    }

    private PolicyFile? Read(PolicyRevision revision) => compiler.Read(revision.Name, revision.Number, revision.Text, out _);

    private static PolicyView View(PolicyFile file, bool isInForce, long? newest, string? text) => new(
        file.Policy.Name,
        file.Number is not null ? PolicySource.Kept : file.Path is null ? PolicySource.BuiltIn : PolicySource.File,
        file.Policy.Revision,
        file.Number,
        isInForce,
        newest,
        file.Path is null ? null : Path.GetFileName(file.Path),
        file.Policy.Definition.Description,
        Rules(file.Policy.Definition),
        PolicyWords.Settings(file.Policy.Definition),
        text is null ? [] : file.Tests,
        text);

    private static IReadOnlyList<PolicyRuleView> Rules(GuardPolicyDefinition policy) =>
    [
        .. policy.Rules.Select(r => new PolicyRuleView(
            r.Name, GuardLog.NameOf(r.Detector), GuardLog.NameOf(r.Action), r.Shadow, PolicyWords.Of(r))),
    ];
}

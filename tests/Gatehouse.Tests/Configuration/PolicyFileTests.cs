using Gatehouse.Configuration;
using Gatehouse.Contracts;
using Gatehouse.Guardrails.Policies;

namespace Gatehouse.Tests.Configuration;

public sealed class PolicyFileTests
{
    private const string Support = """
        name: support
        extends: standard
        rules:
          - { name: mail, detect: pii, types: [ EMAIL_ADDRESS ], action: pseudonymise }
          - { name: rivals, detect: terms, terms: [ rival corp ], action: block }
        tests:
          - { text: "write to maria@example.com", expect: redacted, becomes: "write to <EMAIL_ADDRESS_1>" }
          - { text: "Is Rival Corp better?", expect: blocked }
        """;

    [Fact]
    public async Task A_policy_file_is_read_after_the_built_in_ones_and_goes_before_what_it_extends()
    {
        using var configurations = new Configurations();

        var loaded = await LoadAsync(configurations, Support, "policies: { files: [ p.yaml ], default: support }");

        var files = loaded.Loaded!.Compiled.PolicyFiles;
        Assert.Equal(["minimal", "standard", "strict", "support"], files.Select(f => f.Policy.Name));
        Assert.Equal(["mail", "rivals", "secrets"], files[3].Policy.Definition.Rules.Take(3).Select(r => r.Name));
        Assert.All(files.SelectMany(f => f.Tests), t => Assert.Null(t.Failure));
        Assert.Equal("support", loaded.Loaded.Compiled.Policies.Standard);
    }

    [Fact]
    public async Task A_changed_policy_is_another_revision_of_the_configuration()
    {
        using var configurations = new Configurations();

        var first = await LoadAsync(configurations, Support, "policies: { files: [ '*.policy.yaml' ] }", "a.policy.yaml");
        var second = await LoadAsync(configurations,
            Support.Replace("rival corp", "rival inc", StringComparison.Ordinal).Replace(
                "Rival Corp", "Rival Inc", StringComparison.Ordinal),
            "policies: { files: [ '*.policy.yaml' ] }", "a.policy.yaml");

        Assert.NotEqual(first.Loaded!.Revision, second.Loaded!.Revision);
        Assert.NotEqual(
            first.Loaded.Compiled.Policies.Find("support")!.Revision, second.Loaded.Compiled.Policies.Find("support")!.Revision);
    }

    [Theory]
    [InlineData("expect: blocked", "expect: passed",
        "The test 'test 2' fails: expected passed, but it is blocked (BANNED_TOPIC by 'rivals')", 8)]
    [InlineData("<EMAIL_ADDRESS_1>", "<MAIL>", "The test 'test 1' fails: it becomes 'write to <EMAIL_ADDRESS_1>'", 7)]
    [InlineData("action: block }", "action: blok }", "Did you mean 'block'?", 5)]
    [InlineData("extends: standard", "extends: standart", "'standart' is no built-in policy", 2)]
    [InlineData("detect: terms, terms: [ rival corp ]", "detect: terms", "'terms' needs words to look for", 5)]
    [InlineData("action: pseudonymise }", "action: pseudonymise, sides: [ output ] }", "'pseudonymise' is for requests", 4)]
    [InlineData("action: pseudonymise }", "action: escalte }", "must be one of: allow, flag, redact, pseudonymise, route, escalate, block", 4)]
    [InlineData("action: pseudonymise }", "action: flag, escalate: { timeout: 1m } }", "'escalate' is for the action 'escalate' only", 4)]
    [InlineData("action: pseudonymise }", "action: flag, sides: [ outside ] }", "'outside' is no side of a call", 4)]
    [InlineData("name: support", "name: strict", "The name 'strict' is taken", 1)]
    public async Task A_mistake_in_a_policy_is_named_with_its_place(string what, string wrong, string message, int line)
    {
        using var configurations = new Configurations();

        var outcome = await LoadAsync(
            configurations, Support.Replace(what, wrong, StringComparison.Ordinal), "policies: { files: [ p.yaml ], default: support }");

        Assert.Null(outcome.Loaded);
        var error = Assert.Single(outcome.Errors);
        Assert.EndsWith("p.yaml", error.File, StringComparison.Ordinal);
        Assert.Contains(message, error.ToString(), StringComparison.Ordinal);
        Assert.Equal(line, error.Line);
    }

    [Theory]
    [InlineData("policies: { default: standart }", "Did you mean 'standard'?")]
    [InlineData("policies: { files: [ none.yaml ] }", "There is no policy file 'none.yaml'")]
    [InlineData("policies: { by_classification: { secret: strict } }", "'secret' is no classification")]
    [InlineData("policies: { exceptions: [ { system: a, until: soon, approved_by: b, reason: c } ] }", "'until' must be a day")]
    [InlineData("policies: { exceptions: [ { system: a, until: 2027-01-01, reason: c } ] }", "approved_by' is missing")]
    public async Task A_mistake_in_the_section_is_named(string section, string message)
    {
        using var configurations = new Configurations();

        var outcome = await configurations.LoadAsync(section + "\n");

        Assert.Contains(message, Assert.Single(outcome.Errors).ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Sensitive_data_gets_a_policy_by_itself_and_everybody_else_the_default()
    {
        using var configurations = new Configurations();

        var policies = (await configurations.LoadGoodAsync("policies: { by_classification: { internal: minimal } }\n")).Compiled.Policies;

        Assert.Equal("none", policies.Standard);
        Assert.Equal(
            [(DataClassification.Internal, "minimal"), (DataClassification.Confidential, "standard"),
                (DataClassification.Restricted, "strict")],
            policies.ByClassification.Select(p => (p.Key, p.Value)).Order());
    }

    [Fact]
    public void Every_built_in_policy_passes_its_tests()
    {
        Assert.Equal(["minimal", "standard", "strict"], PolicyCompiler.BuiltInPolicies.Select(f => f.Policy.Name));
        Assert.All(PolicyCompiler.BuiltInPolicies.SelectMany(f => f.Tests), t => Assert.Null(t.Failure));
        Assert.All(PolicyCompiler.BuiltInPolicies[0].Policy.Definition.Rules, r => Assert.Equal(GuardAction.Flag, r.Action));
    }

    private static Task<ConfigurationOutcome> LoadAsync(
        Configurations configurations, string policy, string configuration, string name = "p.yaml")
    {
        File.WriteAllText(Path.Combine(configurations.Folder, name), policy);
        return configurations.LoadAsync(configuration + "\n");
    }
}

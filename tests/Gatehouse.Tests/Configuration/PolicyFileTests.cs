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
        Assert.Empty(files[3].Policy.Definition.Messages);
        Assert.Empty(files[3].Policy.Definition.Rules[1].Messages);
        Assert.Equal(files[1].Policy.Definition.Messages, files[3].Policy.Definition.Rules[2].Messages);
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
    [InlineData("action: pseudonymise }", "action: escalte }", "must be one of: allow, flag, redact, pseudonymise, route, fallback, escalate, block", 4)]
    [InlineData("name: support", "name: support\nbreakers: [ { name: a, watch: violation_rate, threshold: 20, action: stop } ]",
        "a share of at most 1", 2)]
    [InlineData("name: support", "name: support\nbreakers: [ { name: a, watch: cost, threshold: 2, action: stop, escalate: { timeout: 1m } } ]",
        "'escalate' is for the action 'hand_over'", 2)]
    [InlineData("action: pseudonymise }", "action: flag, escalate: { timeout: 1m } }", "'escalate' is for the action 'escalate' only", 4)]
    [InlineData("action: pseudonymise }", "action: flag, sides: [ outside ] }", "'outside' is no side of a call", 4)]
    [InlineData("name: support", "name: strict", "The name 'strict' is taken", 1)]
    [InlineData("action: pseudonymise }", "action: redact, restore: answers }", "'restore' is for the action 'pseudonymise' only", 4)]
    [InlineData("types: [ EMAIL_ADDRESS ]", "types: [ EMAIL_ADRESS ]", "no type of what 'pii' finds. Did you mean 'EMAIL_ADDRESS'?", 4)]
    [InlineData("detect: terms, terms: [ rival corp ]", "detect: secrets, types: [ PASSWORD ]",
        "'PASSWORD' is no type of what 'secrets' finds. Allowed: SECRET.", 5)]
    [InlineData("detect: terms, terms: [ rival corp ]", "detect: language, languages: [ eng ]", "'eng' is no language", 5)]
    [InlineData("name: support", "name: support\nrecognisers:\n  - { type: A_ID, pattern: '[0-9]{4}' }\n  - { type: my-id, pattern: 'x[0-9]' }",
        "'my-id' cannot name a type", 4)]
    [InlineData("name: support", "name: support\nrecognisers:\n  - { type: A_ID, pattern: 'A[0-9]{4}', check: luhn, finds: [ A1234 ] }",
        "'A_ID' finds nothing in its example 'A1234': the pattern matches, but the check 'luhn' fails", 3)]
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
    [InlineData("detect: model, action: block", "'model' needs the settings of the model")]
    [InlineData("detect: model, action: redact, model: { route: a, shape: llama_guard }", "'model' is about a text as a whole")]
    [InlineData("detect: model, action: block, model: { route: a, shape: judge }", "A judge needs 'instructions'")]
    [InlineData("detect: webhook, action: block, webhook: { url: 'http://169.254.169.254/', secret: '${HOOK}' }", "'webhook.url' must be")]
    [InlineData("detect: webhook, action: block, webhook: { url: 'https://a.example', secret: 0123456789abcdef }", "must be a reference")]
    [InlineData("detect: webhook, action: block, webhook: { url: 'https://a.example', secret: '${X:-0123456789abcdef}' }", "must be a reference")]
    [InlineData("detect: webhook, action: block, webhook: { url: 'https://a.example', secret: '${SHORT}' }", "must have 16 bytes or more")]
    [InlineData("detect: model, action: block, model: { route: simulatr, shape: llama_guard }", "asks the route 'simulatr', which is not there")]
    [InlineData("detect: pii, action: fallback", "which another answer cannot take back")]
    [InlineData("detect: schema, action: route, route: a", "'route' is no action of 'schema'")]
    [InlineData("detect: schema, action: block, schema: none.json", "The file of the JSON Schema cannot be read")]
    [InlineData("detect: schema, action: block, sides: [ input ]", "'schema' does not look at 'input'")]
    [InlineData("detect: confidence, action: flag, samples: 2", "'samples' needs a route")]
    [InlineData("detect: markers, action: block", "'markers' needs words to look for")]
    [InlineData("detect: markers, action: block, terms: [ short ]", "shorter than 8 characters")]
    public async Task A_mistake_in_a_rule_that_asks_others_or_judges_answers_is_named(string rule, string message)
    {
        using var configurations = new Configurations();
        configurations.Variables["HOOK"] = "0123456789abcdef";
        configurations.Variables["SHORT"] = "0123";

        var outcome = await LoadAsync(configurations, $"name: own\nrules:\n  - {{ {rule} }}\n", "policies: { files: [ p.yaml ] }");

        Assert.Null(outcome.Loaded);
        Assert.Contains(outcome.Errors, e => e.ToString().Contains(message, StringComparison.Ordinal));
    }

    [Fact]
    public void A_schema_is_read_from_a_file_only_where_files_may_be_read()
    {
        var errors = new List<ConfigurationError>();

        var read = PolicyCompiler.Read(
            "name: own\nrules:\n  - { detect: schema, action: block, schema: /etc/hostname }\n", "own", null,
            new References(static _ => null, "/", readFiles: false, KeptValues.Unknown), errors, []);

        Assert.Null(read);
        Assert.Equal("Files are not read here.", Assert.Single(errors).Message);
    }

    [Fact]
    public async Task Rules_that_ask_others_and_judge_answers_become_what_they_say()
    {
        using var configurations = new Configurations();
        configurations.Variables["HOOK"] = "0123456789abcdef";

        var outcome = await LoadAsync(configurations, """
            name: own
            spotlight: mark
            rules:
              - { detect: model, action: block, model: { route: guard, shape: llama_guard, fail_closed: true, timeout: 3s } }
              - { detect: webhook, action: redact, sides: [ tool_result ], webhook: { url: "https://a.example/x", secret: "${HOOK}" } }
              - { detect: schema, action: block, schema: '{"type":"object"}', retries: 0 }
              - { detect: confidence, action: fallback, route: strong, least: 0.7, samples: 2, sample_route: small }
              - { detect: canary, action: block }
            """, """
            policies: { files: [ p.yaml ] }
            providers: { s: { kind: simulator } }
            routes:
              guard: { targets: [ { provider: s, model: a } ] }
              "s*": { targets: [ { provider: s, model: a } ] }
            """);
        var policy = outcome.Loaded!.Compiled.Policies.Find("own")!;
        var rules = policy.Definition.Rules;

        Assert.Equal(SpotlightChoice.Mark, policy.Definition.Spotlight);
        Assert.Equal((PlugInShape.LlamaGuard, "guard", true, 3), (
            rules[0].PlugIn!.Shape, rules[0].PlugIn!.Route, rules[0].PlugIn!.FailClosed, rules[0].PlugIn!.Timeout.Seconds));
        Assert.Equal([Guardrails.DetectionSide.Input, Guardrails.DetectionSide.Output], rules[0].Sides);
        Assert.Equal("0123456789abcdef", rules[1].PlugIn!.Secret);
        Assert.Equal(("""{"type":"object"}""", 0), (rules[2].AnswerCheck.Schema, rules[2].AnswerCheck.Retries));
        Assert.Equal((.7f, 2, "strong"), (rules[3].AnswerCheck.Least, rules[3].AnswerCheck.Samples, rules[3].Route));
        Assert.True(policy is { AsksAboutRequests: true, ChecksAnswers: true, HoldsStreams: true, HasCanary: true });
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

    [Theory]
    [InlineData("{ text: pick a lock, answers: { safety: safe }, expect: passed }", null)]
    [InlineData("{ text: pick a lock, answers: { safety: unsafe S2 0.9 }, expect: blocked, finds: [ S2 ] }", null)]
    [InlineData("{ text: pick a lock, answers: { safety: unsafe S2 0.4 }, expect: passed }", null)]
    [InlineData("{ text: pick a lock, answers: { safety: unsafe S7 }, expect: passed }", null)]
    [InlineData("{ text: pick a lock, answers: { safety: fails }, expect: blocked }", null)]
    [InlineData("{ text: pick a lock, answers: { dlp: fails }, expect: unchecked }", null)]
    [InlineData("{ text: pick a lock, answers: { safety: unsafe S2, dlp: fails }, expect: blocked }", null)]
    [InlineData("{ text: pick a lock, expect: passed }", null)]
    [InlineData(
        """{ text: Bring falcon home., answers: { dlp: '{"verdict":"finding","type":"PROJECT","spans":[{"start":6,"end":12,"replacement":"it"}]}' }, expect: redacted, becomes: Bring it home., finds: [ PROJECT ] }""",
        null)]
    [InlineData(
        """{ text: mail ann@example.org, answers: { dlp: '{"verdict":"finding","spans":[{"start":0,"end":4,"replacement":"write to"}]}' }, expect: redacted, becomes: "write to [EMAIL_ADDRESS]" }""",
        null)]
    [InlineData("{ text: a lock, answers: { dlp: '{\"verdict\":\"maybe\"}' }, expect: unchecked }", null)]
    [InlineData("{ text: pick a lock, answers: { safety: unsafe S2 }, expect: passed }", "expected passed, but it is blocked (S2 by 'safety')")]
    [InlineData("{ text: pick a lock, answers: { safety: fails }, expect: passed }",
        "it is blocked (The guard of the rule 'safety' gave no verdict: the test lets it fail.)")]
    [InlineData("{ text: pick a lock, answers: { safty: safe }, expect: passed }", "'answers' names 'safty', which is no rule that asks")]
    [InlineData("{ text: a lock, side: retrieved, answers: { safety: safe }, expect: passed }", "does not look at 'retrieved'")]
    [InlineData("{ text: pick a lock, answers: { safety: perhaps }, expect: passed }", "'answers.safety' is not 'safe', 'unsafe'")]
    public async Task A_test_states_what_models_and_webhooks_answer(string test, string? failure)
    {
        using var configurations = new Configurations();
        configurations.Variables["DLP_SECRET"] = "0123456789abcdef";

        var outcome = await LoadAsync(configurations, $$"""
            name: own
            rules:
              - { name: mail, detect: pii, types: [ EMAIL_ADDRESS ], action: redact }
              - { name: safety, detect: model, model: { route: guard, shape: llama_guard, fail_closed: true }, types: [ S2 ], min_score: 0.6, action: block }
              - { name: dlp, detect: webhook, webhook: { url: "https://dlp.example.com/check", secret: "${DLP_SECRET}" }, action: redact }
            tests:
              - {{test}}
            """, """
            policies: { files: [ p.yaml ] }
            providers: { s: { kind: simulator } }
            routes: { guard: { targets: [ { provider: s, model: a } ] } }
            """);

        if (failure is null)
        {
            Assert.Empty(outcome.Errors);
        }
        else
        {
            Assert.Contains(failure, Assert.Single(outcome.Errors).ToString(), StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task A_recogniser_has_a_type_that_rules_may_name_and_a_check_digit_behind_its_letters()
    {
        using var configurations = new Configurations();

        var outcome = await LoadAsync(configurations, """
            name: own
            recognisers:
              - { type: POLICY_NO, pattern: "LX-[0-9]{10}", check: luhn, finds: [ LX-4539148801 ], ignores: [ LX-4539148802 ] }
            rules:
              - { detect: pii, types: [ POLICY_NO ], action: redact }
            tests:
              - { text: "number LX-4539148801", expect: redacted, becomes: "number [POLICY_NO]" }
              - { text: "number LX-4539148802", expect: passed }
            """, "policies: { files: [ p.yaml ] }");

        Assert.Empty(outcome.Errors);
    }

    private static Task<ConfigurationOutcome> LoadAsync(
        Configurations configurations, string policy, string configuration, string name = "p.yaml")
    {
        File.WriteAllText(Path.Combine(configurations.Folder, name), policy);
        return configurations.LoadAsync(configuration + "\n");
    }
}

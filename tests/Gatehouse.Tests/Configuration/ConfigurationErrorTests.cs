using Gatehouse.Configuration;

namespace Gatehouse.Tests.Configuration;

/// <summary>Each case: the file, the place that the error names, a part of what it says, and the whole of how to mend it.</summary>
public sealed class ConfigurationErrorTests
{
    private const string Simulated = "providers:\n  sim: { kind: simulator }\n";

    private static string Cached(string cache) =>
        Simulated + "routes:\n  a:\n    cache: " + cache + "\n    targets: [ { provider: sim } ]\n";

    public static TheoryData<string, int, int, string, string?> Wrong => new()
    {
        // Names.
        { "servr:\n  address: 127.0.0.1:1\n", 1, 1, "'servr' is not a setting at the top", "Did you mean 'server'?" },
        { "server:\n  adress: 127.0.0.1:1\n", 2, 3, "'adress' is not a setting in 'server'", "Did you mean 'address'?" },
        { "server:\n  max-body: 1MiB\n", 2, 3, "'max-body' is not a setting in 'server'", "Did you mean 'max_body'?" },
        { "server:\n  colour: red\n", 2, 3, "'colour' is not a setting",
            "Allowed: address, public_url, trusted_proxies, data, keys, durability, polling_threads, max_body, max_body_memory, max_answer." },
        { "server:\n  data: a\n  data: b\n", 3, 3, "'data' is here a second time; the first is on line 2", "Keep one of them." },
        { Simulated + "routes:\n  a:\n    targets:\n      - { providr: sim }\n", 6, 11,
            "'providr' is not a setting in 'routes.a.targets[0]'", "Did you mean 'provider'?" },
        { "providers:\n  a: { kind: simulator }\n  a: { kind: simulator }\n", 3, 3, "'a' is here a second time", "Keep one of them." },
        { Simulated + "routes:\n  a: { targets: [ { provider: sim } ] }\n  a: { targets: [ { provider: sim } ] }\n", 5, 3,
            "'a' is here a second time", "Keep one of them." },

        { Simulated + "routes:\n  a:\n    targets:\n      - { provider: sim, lacks: [ image ] }\n", 6, 35,
            "A target of 'routes.a' lacks something unknown", "Did you mean 'images'?" },
        { Simulated + "routes:\n  a:\n    targets:\n      - { provider: sim, canary: 0.6 }\n      - { provider: simulator, canary: 0.6 }\n",
            5, 5, "The canary shares of 'a' add up to more than 1", "0.05 is one user in twenty." },
        { Simulated + "routes:\n  a:\n    targets:\n      - provider: sim\n        when: { min_request: 2KiB, max_request: 1KiB }\n", 7, 17,
            "'min_request' is larger than 'max_request'", null },
        { Simulated + "routes:\n  a:\n    strategy: latency\n    targets: [ { provider: sim } ]\n", 5, 15,
            "'routes.a.strategy' must be one of: weighted, ordered, lowest_latency, lowest_cost, least_busy", "The default is weighted." },

        { Cached("{ ttl: 10m, when_down: 5m }"), 5, 24, "'routes.a.cache.when_down' is not longer than its 'ttl'",
            "Answers younger than 'ttl' are served anyway." },
        { Cached("{ ttl: 10m, max_entry: 32MiB }"), 5, 24, "'routes.a.cache.max_entry' is more than a tenth of 'caches.answers'",
            "One answer never takes more than a tenth of the room." },
        { Cached("{ ttl: 10m, ignore: [ users ] }"), 5, 34, "'routes.a.cache.ignore' names what an answer may depend on",
            "Did you mean 'user'?" },
        { Cached("{ ttl: 10m, ignore: [ messages ] }"), 5, 34, "'routes.a.cache.ignore' names what an answer may depend on",
            "Allowed: user, safety_identifier, metadata, labels, prompt_cache_key, service_tier, seed." },
        { Cached("{ ttl: 10m, scope: team, semantic: { route: simulator, threshold: 0.9 } }"), 5, 37,
            "would give answers of one system to similar questions of another", "Use 'scope: system' or 'scope: end_user' with it." },
        { Cached("{ ttl: 10m, semantic: { route: a, threshold: 0.9 } }"), 5, 36, "'routes.a.cache.semantic.route' is the route itself",
            "Name a route that leads to an embedding model." },
        { Cached("{ ttl: 10m, semantic: { route: simulatr, threshold: 0.9 } }"), 5, 36,
            "'routes.a.cache.semantic.route' is no model that a route serves", "Did you mean 'simulator'?" },
        { Cached("{ ttl: 10m, semantic: { route: simulator } }"), 5, 34, "'routes.a.cache.semantic.threshold' is missing",
            "For example 'threshold: 0.95'." },
        { Cached("{ scope: system }"), 5, 12, "'routes.a.cache.ttl' is missing", "For example 'ttl: 10m'." },

        // Types and ranges.
        { "server: 8080\n", 1, 9, "'server' must be a mapping of settings; this is one value", null },
        { "server:\n  address: [a]\n", 2, 12, "'server.address' must be one value; this is a list", null },
        { "server:\n  address: nowhere\n", 2, 3, "must be 'host:port'", "For example 'address: 127.0.0.1:8080'." },
        { "server:\n  address: 127.0.0.1:70000\n", 2, 3, "with a port from 0 to 65535", "For example 'address: 127.0.0.1:8080'." },
        { "server:\n  max_body: lots\n", 2, 13, "must be a size such as 64KiB or 32MiB from 1KiB to 1GiB", "The default is 32MiB." },
        { "server:\n  max_body: 4GiB\n", 2, 13, "from 1KiB to 1GiB", "The default is 32MiB." },
        { "server:\n  trusted_proxies: 10.0.0.0/8, proxy\n", 2, 3, "must be addresses or networks",
            "For example 'trusted_proxies: 127.0.0.1, 10.0.0.0/8'." },
        { "server:\n  public_url: example.com\n", 2, 15, "an absolute http or https address",
            "For example 'public_url: https://gatehouse.example.com'." },
        { "telemetry:\n  otlp: http://user:hunter2@collector\n", 2, 9, "without credentials",
            "For example 'otlp: http://127.0.0.1:4318'." },
        { Simulated + "routes:\n  a:\n    targets: { provider: sim }\n", 5, 14, "'routes.a.targets' must be a list", null },
        { Simulated + "routes:\n  a:\n    targets: [ sim ]\n", 5, 16,
            "'routes.a.targets[0]' must be a mapping of settings; this is one value", null },
        { Simulated + "routes:\n  a:\n    strict: yes\n    targets: [ { provider: sim } ]\n", 5, 13, "must be true or false",
            "The default is false." },
        { Simulated + "routes:\n  a:\n    attempts: 0\n    targets: [ { provider: sim } ]\n", 5, 15, "a whole number from 1 to 10",
            "The default is 2." },
        { Simulated + "routes:\n  a:\n    attempts: 2.5\n    targets: [ { provider: sim } ]\n", 5, 15, "a whole number from 1 to 10",
            "The default is 2." },
        { Simulated + "routes:\n  a:\n    timeouts: { first_byte: 30s, total: 10s }\n    targets: [ { provider: sim } ]\n", 5, 34,
            "'routes.a.timeouts.total' is shorter than 'first_byte'", "Raise 'total', or lower 'first_byte'." },
        { Simulated + "routes:\n  a:\n    timeouts: { stream: 10s, first_byte: 30s }\n    targets: [ { provider: sim } ]\n", 5, 17,
            "'routes.a.timeouts.stream' is shorter than 'first_byte'", "Raise 'stream', or lower 'first_byte'." },
        { Simulated + "routes:\n  a:\n    timeouts: { idle: 5 }\n    targets: [ { provider: sim } ]\n", 5, 23,
            "a duration such as 200ms, 5s, 2m or 1h from 10ms to 1h", "The default is 1m." },
        { "providers:\n  a: { kind: simulator, simulator: { faults: [ { kind: rate_limitd } ] } }\n", 2, 56, "must be one of: rate_limited",
            "Did you mean 'rate_limited'?" },
        { "providers:\n  a: { kind: simulator, simulator: { faults: [ { kind: timeout, share: 1.5 } ] } }\n", 2, 72, "a number from 0 to 1",
            "The default is 1." },
        { "providers:\n  a: { kind: simulator, simulator: { faults: [ { kind: timeout, every: 10s } ] } }\n", 2, 48,
            "'every' and 'for' go together", "For example 'every: 10m' with 'for: 30s'." },
        { "prices:\n  models:\n    x: { input: -1, output: 1 }\n", 3, 17, "a number from 0 to 10000", null },

        // What is missing.
        { "providers:\n  a: { base_url: http://localhost:1 }\n", 2, 6, "'providers.a.kind' is missing", "For example 'kind: openai'." },
        { "providers:\n  a:\n", 2, 3, "'providers.a' has no settings", "Give it at least 'kind', or remove it." },
        { Simulated + "routes:\n  a: { strict: true }\n", 4, 6, "'routes.a.targets' is missing",
            "For example 'targets: [ { provider: openai, model: gpt-5-mini } ]'." },
        { Simulated + "routes:\n  a: { targets: [] }\n", 4, 8, "'routes.a.targets' is empty",
            "For example 'targets: [ { provider: openai, model: gpt-5-mini } ]'." },
        { "prices:\n  models:\n    x: { input: 1 }\n", 3, 8, "'prices.models.x.output' is missing", null },

        // Between settings.
        { "providers:\n  a: { kind: opnai }\n", 2, 14, "'providers.a.kind' must be one of: openai, anthropic", "Did you mean 'openai'?" },
        { "providers:\n  a: { kind: openai }\n", 2, 3, "'providers.a' has no credential",
            "Set the environment variable OPENAI_API_KEY, or write 'api_key: ${YOUR_VARIABLE}'." },
        { "providers:\n  a: { kind: openai-compatible }\n", 2, 3, "'providers.a' needs 'base_url'",
            "For example 'base_url: http://127.0.0.1:8000/v1'." },
        { "providers:\n  a: { kind: ollama, deployment: x }\n", 2, 22, "'providers.a.deployment' is for kind 'azure' only", "Remove it." },
        { "providers:\n  a: { kind: ollama, simulator: { seed: 1 } }\n", 2, 22, "is for kind 'simulator' only", "Remove it." },
        { "providers:\n  a: { kind: ollama, headers: { Host: x } }\n", 2, 33, "'providers.a.headers.Host' is set by Gatehouse itself",
            "Remove it." },
        { "providers:\n  a b: { kind: ollama }\n", 2, 3, "The name of a provider has", null },
        { "providers:\n  simulator: { kind: ollama }\n", 2, 16, "The provider named 'simulator' is always the simulator",
            "Give this provider another name." },
        { Simulated + "routes:\n  a: { targets: [ { provider: sym } ] }\n", 4, 21, "the provider 'sym', which is not in 'providers'",
            "Did you mean 'sim'?" },
        { Simulated + "routes:\n  a: { targets: [ { provider: elsewhere } ] }\n", 4, 21, "which is not in 'providers'",
            "There are: sim, simulator." },
        { Simulated + "routes:\n  a: { targets: [ { provider: sim, weight: 0 } ] }\n", 4, 8, "The weights of 'a' add up to 0",
            "Give at least one target a weight above 0." },
        { Simulated + "routes:\n  a: { targets: [ { provider: sim, weight: -1 } ] }\n", 4, 44, "a whole number from 0 to 1000000",
            "The default is 1." },
        { Simulated + "routes:\n  a: { targets: [ { provider: sim }, { provider: sim } ] }\n", 4, 38,
            "has the target 'sim' with this model twice", "Keep one, with the weight of both." },
        { Simulated + "routes:\n  a*b: { targets: [ { provider: sim } ] }\n", 4, 3, "has a '*' before its end",
            "'*' stands only at the end, for every model whose name begins so." },
        { "storage:\n  sqlite: a.db\n  postgres: Host=x\n", 3, 3, "names both 'sqlite' and 'postgres'",
            "Keep the one that holds your data." },

        // References.
        { "server:\n  data: ${NOT_SET}\n", 2, 9, "The environment variable NOT_SET is not set",
            "Set NOT_SET before the start, or give a default with ${NOT_SET:-…}." },
        { "server:\n  data: ${NOT SET}\n", 2, 9, "is not the name of an environment variable",
            "Write ${NAME}, ${NAME:-default}, ${file:path}, ${secret:NAME} or ${vault:path#field}; a literal '${' is written '$${'." },
        { "server:\n  data: ${NOT_SET\n", 2, 9, "has no closing '}'",
            "Write ${NAME}, ${NAME:-default}, ${file:path}, ${secret:NAME} or ${vault:path#field}; a literal '${' is written '$${'." },
        { "server:\n  data: ${file:missing.txt}\n", 2, 9, "The file 'missing.txt' does not exist",
            "Create it, or let the user that runs Gatehouse read it." },

        // YAML itself.
        { "server: &a\n  data: x\n", 1, 9, "Anchors ('&name') are not allowed",
            "Remove the anchor and write values out where they are used." },
        { "server:\n  data: *a\n", 2, 9, "Aliases ('*name') are not allowed", "Write the value out." },
        { "server:\n  data: !!str x\n", 2, 9, "Tags ('!name') are not allowed", "Remove the tag." },
        { "server:\n  data: x\n---\nserver:\n", 3, 1, "There is a second document", "Remove everything from this '---' on." },
        { "- a\n", 1, 1, "The configuration must be a mapping of sections", "Begin with a section such as 'providers:'." },
        { "server:\n\tdata: x\n", 2, 1, "A line is indented with a tab", "Indent with spaces." },
        { "server: { data: x\n", 2, 1, "This is not valid YAML", "Check indentation, colons and quotes here." },
    };

    [Theory]
    [MemberData(nameof(Wrong))]
    public void A_wrong_file_is_told_where_what_and_how_to_mend_it(string text, int line, int column, string says, string? mend)
    {
        using var configurations = new Configurations();

        var error = Assert.Single(configurations.Check(text));

        Assert.Contains(says, error.Message, StringComparison.Ordinal);
        Assert.Equal((line, column, mend), (error.Line, error.Column, error.Suggestion));
        Assert.Equal("gatehouse.yaml", error.File);
    }

    [Fact]
    public void Every_error_is_reported_at_once_in_the_order_of_the_file_and_rules_between_settings_last()
    {
        using var configurations = new Configurations();

        var errors = configurations.Check("""
            server:
              max_body: lots
              colour: red
            providers:
              a: { kind: opnai }
              b: { kind: openai }
            routes:
              x: { targets: [ { provider: c } ] }
            """);

        Assert.Equal([(2, 13), (3, 3), (5, 14), (6, 3), (8, 21)], errors.Select(e => (e.Line, e.Column)));
        Assert.Equal(
            "gatehouse.yaml:5:14: 'providers.a.kind' must be one of: " + string.Join(
                ", ", ProviderPresets.Kinds) + ". Did you mean 'openai'?",
            errors[2].ToString());
    }

    [Fact]
    public void Nesting_size_and_number_of_values_are_bounded()
    {
        using var configurations = new Configurations();

        Assert.NotEmpty(configurations.Check("server: " + new string('[', 200_000)));
        Assert.NotEmpty(configurations.Check("server: " + string.Concat(Enumerable.Repeat("{ a: ", 50_000))));
        Assert.Contains(
            "nested deeper",
            Assert.Single(configurations.Check("server: " + new string('[', 18) + new string('[', 3) + new string(']', 21))).Message,
            StringComparison.Ordinal);
        Assert.Contains("larger than", Assert.Single(configurations.Check(new string('#', 2 << 20))).Message, StringComparison.Ordinal);
        Assert.Contains(
            "more than", Assert.Single(configurations.Check("server: [" + string.Concat(Enumerable.Repeat("a,", 200_000)) + "]")).Message,
            StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("")]
    [InlineData("# nothing but a comment\n")]
    [InlineData("server:\nproviders:\n")]
    [InlineData("~")]
    public void An_empty_file_is_the_defaults(string text)
    {
        using var configurations = new Configurations();

        Assert.Empty(configurations.Check(text));
    }
}

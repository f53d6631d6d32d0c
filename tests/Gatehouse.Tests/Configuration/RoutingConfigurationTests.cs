using Gatehouse.Contracts;
using Gatehouse.Gateway.Caching;
using Gatehouse.Gateway.Resilience;
using Gatehouse.Gateway.Routing;
using Gatehouse.Tests.House;

namespace Gatehouse.Tests.Configuration;

public sealed class RoutingConfigurationTests
{
    [Fact]
    public async Task Targets_get_their_conditions()
    {
        using var files = new Configurations();

        var loaded = await files.LoadGoodAsync("""
            providers:
              a: { kind: simulator, region: eu-west-1, max_data: confidential }
            routes:
              fast:
                strategy: lowest_latency
                targets:
                  - provider: a
                    model: m
                    lacks: [ images, tools ]
                    canary: 0.25
                    when: { metadata: { tier: "gold, silver" }, min_request: 1KiB, max_request: 64KiB }
                  - { provider: a, model: n }
            """);

        var route = Route(loaded.Compiled.Routes, "fast");
        var conditions = route.Targets[0].Conditions!;
        Assert.Equal(RoutingStrategy.LowestLatency, route.Strategy);
        Assert.Equal(ModelFeatures.Images | ModelFeatures.Tools, conditions.Lacks);
        Assert.Equal((0.25, 1024L, 65536L), (conditions.Canary, conditions.MinRequestBytes, conditions.MaxRequestBytes));
        Assert.Equal(["gold", "silver"], Assert.Single(conditions.Metadata).Values);
        Assert.Null(route.Targets[1].Conditions);
        Assert.Equal(DataClassification.Confidential, route.Targets[0].Provider.Settings.MaxData);
        Assert.Equal("eu-west-1", route.Targets[0].Provider.Settings.Region);
    }

    [Fact]
    public async Task Names_of_models_and_routes_may_be_long()
    {
        using var files = new Configurations();
        var model = "anthropic.claude-sonnet-4-5-20250929-v1:0-" + new string('x', 150);

        var loaded = await files.LoadGoodAsync($$"""
            providers:
              a: { kind: simulator }
            routes:
              {{model}}:
                targets: [ { provider: a, model: "{{model}}" } ]
            prices:
              models:
                a/{{model}}: { input: 1, output: 2 }
                "a/quoted-{{model}}":
                  input: 1
                  output: 2
            """);

        Assert.Equal(model, Assert.Single(Route(loaded.Compiled.Routes, model).Targets).Model);
    }

    [Fact]
    public async Task A_cache_reaches_the_route_and_its_revision_follows_what_answers_depend_on()
    {
        using var files = new Configurations();
        const string Text = """
            caches: { answers: 128MiB, vectors: 16MiB }
            providers:
              a: { kind: simulator }
            routes:
              plain: { targets: [ { provider: a, model: m } ] }
              fast:
                targets: [ { provider: a, model: m, weight: 2 } ]
                cache:
                  ttl: 10m
                  scope: end_user
                  when_down: 1d
                  max_entry: 64KiB
                  ignore: [ user, metadata ]
                  when: { max_temperature: 0.3 }
                  semantic: { route: simulator, threshold: 0.93 }
            """;

        var loaded = await files.LoadGoodAsync(Text);

        var policy = Route(loaded.Compiled.Routes, "fast").Cache!;
        Assert.Equal(
            (TimeSpan.FromMinutes(10), CacheSharing.EndUser, TimeSpan.FromDays(1), 65536),
            (policy.Ttl, policy.Scope, policy.WhenDown, policy.MaxEntryBytes));
        Assert.Equal((0.3, new SemanticPolicy("simulator", 0.93, TimeSpan.FromMinutes(10))), (policy.MaxTemperature, policy.Semantic));
        Assert.Equal(["user", "metadata"], policy.Ignore);
        Assert.Null(Route(loaded.Compiled.Routes, "plain").Cache);
        Assert.Equal((128L << 20, 16L << 20), (loaded.Compiled.MaxCachedAnswerBytes, loaded.Compiled.MaxCachedVectorBytes));
        Assert.Equal(policy.Revision, await RevisionAsync(Text.Replace("weight: 2", "weight: 3")));
        foreach (var (what, by) in ((string, string)[])[
            ("model: m, w", "model: n, w"), ("[ user, metadata ]", "[ user ]"), ("10m", "11m"), ("0.93", "0.94"), ("end_user", "system")])
        {
            Assert.NotEqual(policy.Revision, await RevisionAsync(Text.Replace(what, by)));
        }

        async Task<ulong> RevisionAsync(string text) => Route((await files.LoadGoodAsync(text)).Compiled.Routes, "fast").Cache!.Revision;
    }

    [Fact]
    public async Task What_is_switched_off_says_by_which_setting()
    {
        using var files = new Configurations();

        var loaded = await files.LoadGoodAsync("""
            providers:
              a: { kind: openai, enabled: false }
              b: { kind: simulator }
            routes:
              fast: { targets: [ { provider: a }, { provider: b, enabled: false }, { provider: simulator } ] }
              closed: { enabled: false, targets: [ { provider: b } ] }
            """);

        Assert.Equal(
            ["'providers.a.enabled' is false in the configuration.", "'enabled' is false in the configuration.", null],
            Route(loaded.Compiled.Routes, "fast").Targets.Select(t => t.Off));
        Assert.NotNull(Route(loaded.Compiled.Routes, "closed").Off);
    }

    [Fact]
    public async Task Only_what_a_strategy_or_a_limit_needs_is_measured_and_it_lives_on_with_its_provider()
    {
        using var files = new Configurations();
        const string text = """
            providers:
              a: { kind: simulator }
              b: { kind: simulator, concurrency: { calls: 4, queue: 7, wait: 2s } }
            routes:
              plain: { targets: [ { provider: a, model: m }, { provider: a, model: n } ] }
              busy: { strategy: least_busy, targets: [ { provider: a, model: m } ] }
              bounded: { targets: [ { provider: b, model: m } ] }
            """;

        var first = await files.LoadGoodAsync(text);

        Assert.NotNull(Route(first.Compiled.Routes, "plain").Targets[0].Load);
        Assert.Null(Route(first.Compiled.Routes, "plain").Targets[1].Load);
        Assert.Same(Route(first.Compiled.Routes, "plain").Targets[0].Load, Route(first.Compiled.Routes, "busy").Targets[0].Load);
        Assert.Equal(4, Route(first.Compiled.Routes, "bounded").Targets[0].Load!.Limit);
        Assert.Equal(new ConcurrencySettings(4, 7, TimeSpan.FromSeconds(2)), first.Compiled.Providers["b"].Settings.Concurrency);
    }

    /// <summary>What nobody bounded is not bounded by less than what was written.</summary>
    [Fact]
    public async Task The_default_of_all_time_together_grows_with_a_long_time_to_the_first_byte()
    {
        using var files = new Configurations();

        var routes = (await files.LoadGoodAsync("""
            providers: { a: { kind: simulator } }
            routes:
              slow: { timeouts: { first_byte: 20m, idle: 2m }, targets: [ { provider: a } ] }
              slowest: { timeouts: { first_byte: 59m, idle: 5m }, targets: [ { provider: a } ] }
              usual: { targets: [ { provider: a } ] }
              short: { timeouts: { total: 30s, stream: 45s }, targets: [ { provider: a } ] }
            """)).Compiled.Routes;

        Assert.Equal((TimeSpan.FromMinutes(22), TimeSpan.FromHours(1)), TimesOf("slow"));
        Assert.Equal((TimeSpan.FromMinutes(64), TimeSpan.FromMinutes(64)), TimesOf("slowest"));
        Assert.Equal((TimeSpan.FromMinutes(10), TimeSpan.FromHours(1)), TimesOf("usual"));
        Assert.Equal((TimeSpan.FromSeconds(30), TimeSpan.FromSeconds(45)), TimesOf("short"));

        (TimeSpan Total, TimeSpan Stream) TimesOf(string name)
        {
            var route = Route(routes, name);
            return (route.TotalTimeout, route.StreamTimeout);
        }
    }

    [Fact]
    public async Task Hedges_health_checks_scorers_and_waiting_lines_are_compiled()
    {
        using var files = new Configurations();

        var loaded = await files.LoadGoodAsync("""
            providers:
              a: { kind: simulator, health: { models: [ m ], every: 2s, unhealthy_after: 4 } }
              b: { kind: vllm, base_url: "http://127.0.0.1:1/v1", health: {} }
            routes:
              fast:
                hedge: { after: p90, max_share: 0.1, max_cost: 2.5 }
                when_down: { queue: 20s, length: 7 }
                fallback_on: [ low_confidence ]
                confidence: { refusals: false, grounding: 0.3, judge: grader, verdict: 0.7 }
                targets: [ { provider: a, model: m }, { provider: a, model: n }, { provider: b, model: m } ]
              grader: { hedge: { after: 800ms }, targets: [ { provider: a, model: m }, { provider: a, model: n } ] }
            """);

        var route = Route(loaded.Compiled.Routes, "fast");
        Assert.Equal(new Hedge(null, 90, 0.1, 2_500_000_000), route.Hedge);
        Assert.Equal(TimeSpan.FromMilliseconds(800), Route(loaded.Compiled.Routes, "grader").Hedge!.After);
        Assert.Equal(new WhenDown(TimeSpan.FromSeconds(20), 7), route.WhenDown);
        Assert.Equal((FallbackCauses.LowConfidence, new ConfidenceRule(false, 0.3, "grader", 0.7)), (route.FallbackOn, route.Confidence));
        Assert.All(route.Targets, t => Assert.NotNull(t.Load));
        Assert.Equal(["m", null, null], route.Targets.Select(t => t.Health?.Model));
        Assert.Equal((null, 4), (route.Targets[0].Health!.Settings.Path, route.Targets[0].Health!.Settings.UnhealthyAfter));
        Assert.Equal("/models", route.Targets[2].Health!.Settings.Path);
    }

    [Theory]
    [InlineData("a: { kind: simulator, health: {} }", "", "'providers.a.health' needs 'models'")]
    [InlineData("a: { kind: simulator, health: { path: /x, models: [ m ] } }", "", "names both 'path' and 'models'")]
    [InlineData("a: { kind: vllm, health: { path: x } }", "", "begins with '/'")]
    [InlineData("a: { kind: simulator }", "hedge: { after: p30 }", "a percentile from 'p50' to 'p99'")]
    [InlineData("a: { kind: simulator }", "hedge: { after: soon }", "a percentile from 'p50' to 'p99'")]
    [InlineData("a: { kind: simulator }", "hedge: {}", "needs a second target")]
    [InlineData("a: { kind: simulator }", "confidence: { judge: fast }", "must name another route")]
    [InlineData("a: { kind: simulator }", "when_down: { length: 3 }", "when_down.queue' is missing")]
    public void What_cannot_work_is_told_where_it_stands(string provider, string route, string message)
    {
        using var files = new Configurations();

        var errors = files.Check(
            $"providers:\n  {provider}\nroutes:\n  fast:\n    targets: [ {{ provider: a, model: m }} ]\n    {route}\n");

        Assert.Contains(errors, e => e.Message.Contains(message, StringComparison.Ordinal) && e.Line > 0);
    }

    [Fact]
    public async Task The_guides_configuration_works()
    {
        var guide = await File.ReadAllTextAsync(
            Path.Combine(Repository.Root, "docs", "guides", "routing.md"), TestContext.Current.CancellationToken);
        using var files = new Configurations().WithSampleVariables();
        var parts = guide.Split("```yaml\n")[1..].Select(p => p.Split("```")[0]).ToList();

        Assert.NotEmpty(parts);
        foreach (var part in parts)
        {
            await files.LoadGoodAsync(part);
        }
    }

    private static Route Route(RouteTable routes, string name)
    {
        Assert.True(routes.TryFind(name, out var route));
        return route;
    }
}

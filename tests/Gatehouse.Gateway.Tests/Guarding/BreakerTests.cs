using Gatehouse.Contracts;
using Gatehouse.Gateway.Breakers;
using Gatehouse.Gateway.Guarding;
using Gatehouse.Gateway.Journal;
using Gatehouse.Gateway.Routing;
using Gatehouse.Gateway.Tests.Calls;
using Gatehouse.Guardrails;
using Gatehouse.Guardrails.Pii;
using Gatehouse.Guardrails.Policies;
using Texts = Gatehouse.Gateway.Tests.Calls.Wire;

namespace Gatehouse.Gateway.Tests.Guarding;

/// <summary>Circuit breakers of systems, from the request to the answer, at a clock that the test moves.</summary>
public sealed class BreakerTests
{
    private static readonly TimeSpan Window = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan Rest = TimeSpan.FromMinutes(5);
    private static readonly CancellationToken Ct = TestContext.Current.CancellationToken;

    private readonly ManualClock _clock = new();

    [Fact]
    public async Task The_same_request_again_and_again_is_stopped_and_tries_again_when_the_rest_is_over()
    {
        await using var player = Answering();
        await using var gateway = await StartAsync(
            player, new GuardBreaker("runaway", BreakerWatch.Loops, 3, Window, 1, BreakerAction.Stop, Rest));

        Assert.Equal([200, 200, 503], await CallAsync(gateway, ["a", "a", "a"]));
        using var refused = await gateway.ChatAsync(Request("b"));
        Assert.Equal(503, (int)refused.StatusCode);
        Assert.Equal(("300", "false"), (refused.Headers.RetryAfter!.ToString(), refused.Headers.GetValues("x-should-retry").Single()));
        Assert.Contains("breaker_open", await refused.Content.ReadAsStringAsync(Ct));
        Assert.Equal(200, await CallAsync(gateway, "a", TestGateway.ProductionKey)); // another environment is another breaker

        _clock.Advance(Rest);
        Assert.Equal(503, await CallAsync(gateway, "a")); // it goes on as it did
        _clock.Advance(Rest);
        Assert.Equal([200, 200, 200], await CallAsync(gateway, ["b", "c", "a"]));

        var changes = new List<BreakerChanged>();
        while (gateway.Breakers.Changed.TryRead(out var change))
        {
            changes.Add(change);
        }

        Assert.Equal([true, true, false], changes.Select(c => c.State.IsOpen));
        Assert.Equal(("runaway", 3, "helpdesk"), (changes[0].Breaker.Name, changes[0].Observed, changes[0].System));
        Assert.Equal(["breaker_open"], gateway.Records().Select(r => r.ErrorCode).OfType<string>().Distinct());
    }

    [Fact]
    public async Task The_same_call_of_a_tool_again_and_again_is_a_loop_and_many_are_a_storm()
    {
        await using var player = Answering();
        await using var gateway = await StartAsync(
            player, new GuardBreaker("loop", BreakerWatch.Loops, 3, Window, 1, BreakerAction.Stop, Rest),
            new GuardBreaker("storm", BreakerWatch.ToolCallStorm, 5, Window, 1, BreakerAction.Stop, Rest));

        Assert.Equal(200, await SendAsync(gateway, AfterTool("one", "{}")));
        Assert.Equal(200, await SendAsync(gateway, AfterTool("two", "{}")));
        Assert.Equal(200, await SendAsync(gateway, AfterTool("one", "{}", "x")));
        Assert.Equal(503, await SendAsync(gateway, AfterTool("one", "{}", "y")));
        Assert.Equal("loop", (await gateway.Breakers.Changed.ReadAsync(Ct)).Breaker.Name);

        _clock.Advance(Rest);
        for (var i = 0; i < 4; i++)
        {
            Assert.Equal(200, await SendAsync(gateway, AfterTool("new", i.ToString(null, null))));
        }

        Assert.Equal(503, await SendAsync(gateway, AfterTool("new", "last")));
        Assert.False((await gateway.Breakers.Changed.ReadAsync(Ct)).State.IsOpen);
        Assert.Equal("storm", (await gateway.Breakers.Changed.ReadAsync(Ct)).Breaker.Name);
    }

    [Fact]
    public async Task Repetitions_that_another_node_saw_count_until_the_breaker_changes()
    {
        await using var player = Answering();
        var loop = new GuardBreaker("loop", BreakerWatch.Loops, 5, Window, 1, BreakerAction.Stop, Rest);
        await using var one = await StartAsync(player, loop);
        await using var two = await StartAsync(player, loop);

        Assert.Equal([200, 200], await CallAsync(one, ["a", "a"]));
        Assert.Equal([200, 200], await CallAsync(two, ["a", "a"]));
        Exchange(one, two);
        Assert.Equal([200, 503], await CallAsync(one, ["b", "a"])); // three here, two there
        var opened = await one.Breakers.Changed.ReadAsync(Ct);
        Exchange(one, two); // what was counted before it opened is void
        two.Breakers.Share([opened.State]);

        Assert.Equal(("loop", 5, true), (opened.Breaker.Name, opened.Observed, opened.State.IsOpen));
        Assert.Equal(503, await CallAsync(two, "c"));
        _clock.Advance(Rest);
        Assert.Equal([200, 200, 200, 200, 200], await CallAsync(one, ["b", "a", "a", "a", "a"]));
    }

    [Fact]
    public async Task Violations_that_another_node_saw_open_it_without_a_call()
    {
        await using var player = Answering();
        var rate = new GuardBreaker("violations", BreakerWatch.ViolationRate, .5, Window, 6, BreakerAction.Stop, Rest);
        await using var one = await StartAsync(player, rate);
        await using var two = await StartAsync(player, rate);

        Assert.Equal([400, 400, 200], await CallAsync(one, [Bad, Bad, "a"]));
        Assert.Equal([400, 200], await CallAsync(two, [Bad, "a"]));
        one.Breakers.Hear(two.Breakers.Counts(_clock.GetUtcNow()), _clock.GetUtcNow());
        Assert.False(one.Breakers.Changed.TryRead(out _)); // five calls are too few
        Assert.Equal(200, await CallAsync(two, "b"));
        one.Breakers.Hear(two.Breakers.Counts(_clock.GetUtcNow()), _clock.GetUtcNow());

        Assert.True(one.Breakers.Changed.TryRead(out var change));
        Assert.Equal((.5, true), (change.Observed, change.State.IsOpen));
        Assert.Equal(503, await CallAsync(one, "c"));
        _clock.Advance(Window + Window);
        Assert.Empty(two.Breakers.Counts(_clock.GetUtcNow()));
    }

    [Fact]
    public async Task What_others_counted_is_over_with_the_window_though_they_are_not_heard_of_any_more()
    {
        await using var player = Answering();
        var loop = new GuardBreaker("loop", BreakerWatch.Loops, 5, Window, 1, BreakerAction.Stop, Rest);
        await using var one = await StartAsync(player, loop);
        await using var two = await StartAsync(player, loop);

        Assert.Equal([200, 200, 200, 200], await CallAsync(two, ["a", "a", "a", "a"]));
        Exchange(one, two);
        _clock.Advance(Window + Window);

        Assert.Equal([200, 200], await CallAsync(one, ["a", "a"]));
    }

    private void Exchange(TestGateway one, TestGateway two)
    {
        var now = _clock.GetUtcNow();
        var (here, there) = (one.Breakers.Counts(now), two.Breakers.Counts(now));
        one.Breakers.Hear(there, now);
        two.Breakers.Hear(here, now);
    }

    [Fact]
    public async Task A_share_of_blocked_calls_opens_it_and_a_harmless_call_closes_it()
    {
        await using var player = Answering();
        await using var gateway = await StartAsync(
            player, new GuardBreaker("violations", BreakerWatch.ViolationRate, .5, Window, 4, BreakerAction.Stop, Rest));

        Assert.Equal([400, 200, 400, 200], await CallAsync(gateway, [Bad, "a", Bad, "b"]));
        Assert.Equal(503, await CallAsync(gateway, "c"));
        _clock.Advance(Rest);
        Assert.Equal(400, await CallAsync(gateway, Bad)); // the probe
        Assert.Equal(503, await CallAsync(gateway, "c"));
        _clock.Advance(Rest);
        Assert.Equal([200, 200], await CallAsync(gateway, ["c", "d"]));
    }

    [Fact]
    public async Task What_calls_cost_opens_it_and_old_calls_are_forgotten()
    {
        var prices = new PriceTable("r", new Dictionary<string, Price> { ["m0"] = new(1e-6m, 1e-6m) }); // 120 tokens each
        await using var player = Answering();
        await using var gateway = await TestGateway.StartAsync(
            [TestGateway.RouteTo(player)], _clock, prices,
            policies: Table(new GuardBreaker("money", BreakerWatch.Cost, 3.5 * 120e-6, Window, 1, BreakerAction.Stop, Rest)));

        Assert.Equal([200, 200, 200], await CallAsync(gateway, ["a", "b", "c"]));
        _clock.Advance(Window + Window);
        Assert.Equal([200, 200, 200, 200, 503], await CallAsync(gateway, ["a", "b", "c", "d", "e"]));
        Assert.Equal(480e-6, (await gateway.Breakers.Changed.ReadAsync(Ct)).Observed, 9);
    }

    [Fact]
    public async Task An_open_breaker_may_slow_calls()
    {
        await using var player = Answering();
        var breaker = new GuardBreaker("slowly", BreakerWatch.Loops, 2, Window, 1, BreakerAction.Slow, Rest)
        {
            Delay = TimeSpan.FromSeconds(7),
        };
        await using var gateway = await StartAsync(player, breaker);

        Assert.Equal(200, await CallAsync(gateway, "a"));
        var slowed = CallAsync(gateway, "a");
        await _clock.ArmedAsync(breaker.Delay);
        Assert.Single(player.Exchanges);
        _clock.Advance(breaker.Delay);

        Assert.Equal(200, await slowed);
    }

    [Fact]
    public async Task An_open_breaker_may_hand_calls_over_to_a_person()
    {
        await using var player = Answering();
        await using var gateway = await StartAsync(
            player, new GuardBreaker("careful", BreakerWatch.Loops, 2, Window, 1, BreakerAction.HandOver, Rest));

        Assert.Equal(200, await CallAsync(gateway, "a"));
        var approved = CallAsync(gateway, "a");
        var asked = await gateway.Reviews.Asked.ReadAsync(Ct);
        gateway.Reviews.Decide(asked.Id, approved: true);
        var denied = CallAsync(gateway, "something else");
        gateway.Reviews.Decide((await gateway.Reviews.Asked.ReadAsync(Ct)).Id, approved: false);

        Assert.Equal((200, 403), (await approved, await denied));
        Assert.Equal(("careful", "a"), (asked.Rule, Assert.Single(asked.Texts).Text));
        Assert.Empty(asked.Findings);
    }

    [Fact]
    public async Task A_person_who_is_handed_a_call_is_shown_what_the_guards_left_of_it_and_nothing_that_they_refuse()
    {
        await using var player = Answering();
        await using var hook = new WirePlayer(e => e.AnswerAsync(
            200, """{"verdict":"finding","type":"PROJECT","spans":[{"start":4,"end":10}]}"""));
        var hidden = Policy.Rule(GuardDetector.Webhook, GuardAction.Redact, DetectionSide.Input) with
        {
            PlugIn = new PlugIn(PlugInShape.Webhook) { Url = hook.BaseUrl, Secret = "0123456789abcdef" },
        };
        var policy = new GuardPolicyDefinition(
            "test", [Policy.Rule(GuardDetector.Secrets, GuardAction.Block), Policy.Pii(GuardAction.Redact, PiiTypes.Email), hidden])
        {
            Breakers = [new GuardBreaker("careful", BreakerWatch.Loops, 2, Window, 1, BreakerAction.HandOver, Rest)],
        };
        await using var gateway = await TestGateway.StartAsync(
            [TestGateway.RouteTo(player)], _clock, policies: Policy.Table(new GuardPolicy(policy, "r1")));
        const string Said = "Ask Falcon, maria@example.com";

        Assert.Equal(200, await CallAsync(gateway, Said));
        var handedOver = CallAsync(gateway, Said);
        var asked = await gateway.Reviews.Asked.ReadAsync(Ct);
        gateway.Reviews.Decide(asked.Id, approved: true);

        Assert.Equal(200, await handedOver);
        Assert.Equal("Ask [PROJECT], [EMAIL_ADDRESS]", Assert.Single(asked.Texts).Text);
        Assert.Equal(400, await CallAsync(gateway, Bad));
        Assert.False(gateway.Reviews.Asked.TryRead(out _));
    }

    /// <summary>A breaker that let a call try while another one stopped it waited for the end of a call that never began.</summary>
    [Fact]
    public async Task A_call_that_is_stopped_is_nobodys_probe()
    {
        await using var player = Answering();
        await using var gateway = await StartAsync(
            player, new GuardBreaker("due", BreakerWatch.Cost, 1e6, Window, 1, BreakerAction.Stop, Rest),
            new GuardBreaker("shut", BreakerWatch.ToolCallStorm, 100, Window, 1, BreakerAction.Stop, Rest));
        var now = (_clock.GetUtcNow() - DateTimeOffset.UnixEpoch).Ticks / TimeSpan.TicksPerMicrosecond;
        var due = new SharedBreaker(
            new Guid(200, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1), SystemEnvironment.Development, "due", IsOpen: true, now, now);
        var shut = due with { Name = "shut", Until = now + (long)Rest.TotalMicroseconds };

        gateway.Breakers.Share([due, shut]);
        Assert.Equal(503, await CallAsync(gateway, "a"));
        gateway.Breakers.Share([shut with { IsOpen = false, ChangedAt = now + 1 }]);

        Assert.Equal([200, 200], await CallAsync(gateway, ["b", "c"]));
    }

    [Fact]
    public async Task What_another_node_says_holds_and_so_does_a_person_who_closes_it()
    {
        await using var player = Answering();
        await using var gateway = await StartAsync(
            player, new GuardBreaker("shared", BreakerWatch.Loops, 9, Window, 1, BreakerAction.Stop, Rest));
        var now = (_clock.GetUtcNow() - DateTimeOffset.UnixEpoch).Ticks / TimeSpan.TicksPerMicrosecond;
        var state = new SharedBreaker(
            new Guid(200, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1), SystemEnvironment.Development, "shared", IsOpen: true,
            now + (long)Rest.TotalMicroseconds, now);

        gateway.Breakers.Share([state]);
        Assert.Equal(503, await CallAsync(gateway, "a"));
        gateway.Breakers.Share([state with { IsOpen = false, ChangedAt = now - 1 }]); // older news
        Assert.Equal(503, await CallAsync(gateway, "a"));
        gateway.Breakers.Share([state with { IsOpen = false, ChangedAt = now + 1 }]);
        Assert.Equal(200, await CallAsync(gateway, "a"));
    }

    [Fact]
    public void Counting_allocates_nothing()
    {
        var owner = new BreakerOwner(Guid.Empty, Guid.Empty, "s", SystemEnvironment.Production, "p");
        SystemBreaker[] breakers =
        [
            .. Enum.GetValues<BreakerWatch>().Select(w => new SystemBreaker(
                owner, new GuardBreaker("b", w, 1e9, Window, 1, BreakerAction.Stop, Rest), (_, _) => Assert.Fail("It opened."))),
        ];
        var body = System.Text.Encoding.UTF8.GetBytes(AfterTool("one", "{}"));
        var record = new CallRecord { CostNanos = 5 };
        var now = 0L;

        var allocated = Allocations.Of(() =>
        {
            for (var i = 0; i < 1000; i++)
            {
                Count();
            }
        });

        Assert.Equal(0, allocated);

        void Count()
        {
            now += 100_000;
            Span<ulong> tools = stackalloc ulong[ToolCalls.Most];
            var found = ToolCalls.Read(body, tools);
            foreach (var breaker in breakers)
            {
                breaker.Enter(Fingerprint.Of(body), tools[..found], now);
                breaker.Settle(record, isProbe: false, now);
            }
        }
    }

    [Theory]
    [InlineData("""{"messages":[{"role":"assistant","tool_calls":[{"id":"1","function":{"name":"a","arguments":"{}"}},{"id":"2","function":{"name":"b","arguments":"{}"}}]},{"role":"tool","tool_call_id":"1","content":"x"},{"role":"tool","tool_call_id":"2","content":"y"}]}""", 2)]
    [InlineData("""{"messages":[{"role":"assistant","tool_calls":[{"function":{"name":"a","arguments":"{}"}}]},{"role":"tool","content":"x"},{"role":"assistant","content":"done"},{"role":"user","content":"thanks"}]}""", 0)]
    [InlineData("""{"messages":[{"content":[{"type":"tool_use","id":"1","name":"a","input":{"q":[1,{"name":"n","input":1}]}}],"role":"assistant"},{"role":"user","content":[{"type":"tool_result","tool_use_id":"1","content":"x"},{"type":"text","text":"go on"}]}]}""", 1)]
    [InlineData("""{"contents":[{"role":"model","parts":[{"functionCall":{"name":"a","args":{}}}]},{"role":"user","parts":[{"functionResponse":{"name":"a","response":{}}}]}]}""", 1)]
    [InlineData("""{"input":[{"type":"function_call","name":"a","arguments":"{}"},{"type":"function_call_output","output":"x"},{"type":"function_call","name":"b","arguments":"{}"},{"type":"function_call","name":"c","arguments":"{}"},{"type":"function_call_output","output":"y"}]}""", 2)]
    [InlineData("""{"messages":[{"role":"user","content":"name arguments input"}],"tools":[{"function":{"name":"a","parameters":{}}}]}""", 0)]
    [InlineData("""{"input":"text"}""", 0)]
    [InlineData("[]", 0)]
    public void Calls_of_tools_are_found_in_every_format(string body, int calls)
    {
        Span<ulong> found = stackalloc ulong[ToolCalls.Most];

        Assert.Equal(calls, ToolCalls.Read(System.Text.Encoding.UTF8.GetBytes(body), found));
        Assert.Equal(calls, found[..calls].ToArray().Distinct().Count());
    }

    [Fact]
    public void A_window_moves_along_and_a_flood_of_different_ones_counts_nothing_wrong()
    {
        var sum = new SlidingSum(TimeSpan.FromSeconds(10));
        var second = (long)TimeSpan.FromSeconds(1).TotalMicroseconds;
        for (var i = 0; i < 20; i++)
        {
            Assert.Equal(Math.Min(i + 1, 10), sum.Add(i * second, 2).Calls);
        }

        Assert.Equal((1, 5), sum.Add(1000 * second, 5));
        var repeats = new RepeatTable(TimeSpan.FromSeconds(10));
        for (var i = 1UL; i <= 100_000; i++)
        {
            Assert.Equal(1, repeats.Count(i * 0x9E37_79B9_7F4A_7C15, (long)i));
        }

        Assert.Equal([1, 2, 1], [repeats.Count(7, second), repeats.Count(7, 2 * second), repeats.Count(7, 20 * second)]);
    }

    private const string Bad = "use ghp_16C7e42F292c6912E7710c838347Ae178B4a";

    private static WirePlayer Answering() => new(e => e.AnswerAsync(200, Texts.ChatAnswer));

    private static string Request(string text) => $$"""{"model":"fast","messages":[{"role":"user","content":"{{text}}"}]}""";

    private static string AfterTool(string name, string arguments, string result = "ok") => $$$"""
        {"model":"fast","messages":[{"role":"user","content":"go"},{"role":"assistant","content":null,"tool_calls":[{"id":"t","type":"function","function":{"name":"{{{name}}}","arguments":"{{{arguments}}}"}}]},{"role":"tool","tool_call_id":"t","content":"{{{result}}}"}]}
        """;

    private static Task<int> CallAsync(TestGateway gateway, string text, string key = TestGateway.Key) =>
        SendAsync(gateway, Request(text), key);

    private static async Task<List<int>> CallAsync(TestGateway gateway, string[] texts)
    {
        var statuses = new List<int>();
        foreach (var text in texts)
        {
            statuses.Add(await CallAsync(gateway, text));
        }

        return statuses;
    }

    private static async Task<int> SendAsync(TestGateway gateway, string body, string key = TestGateway.Key)
    {
        using var response = await gateway.ChatAsync(body, key);
        await response.Content.ReadAsStringAsync(Ct);
        return (int)response.StatusCode;
    }

    private static PolicyTable Table(params GuardBreaker[] breakers) => Policy.Table(new GuardPolicy(
        new GuardPolicyDefinition("test", [Policy.Rule(GuardDetector.Secrets, GuardAction.Block)]) { Breakers = breakers }, "r1"));

    private Task<TestGateway> StartAsync(WirePlayer player, params GuardBreaker[] breakers) =>
        TestGateway.StartAsync([TestGateway.RouteTo(player)], _clock, policies: Table(breakers));
}

using System.Text;
using Gatehouse.Contracts;
using Gatehouse.Gateway.Guarding;
using Gatehouse.Gateway.Tests.Calls;
using Gatehouse.Guardrails.Pii;
using Gatehouse.Guardrails.Policies;
using Texts = Gatehouse.Gateway.Tests.Calls.Wire;

namespace Gatehouse.Gateway.Tests.Guarding;

/// <summary>What is stored of requests that did not come to a provider, wherever they ended.</summary>
public sealed class RefusedContentTests
{
    private const string Secret = "ghp_16C7e42F292c6912E7710c838347Ae178B4a";
    private const string Body = $$"""{"model":"fast","messages":[{"role":"user","content":"The key is {{Secret}}, keep it"}]}""";
    private static readonly string Masked = Body.Replace(Secret, "[SECRET]", StringComparison.Ordinal);
    private static readonly CancellationToken Ct = TestContext.Current.CancellationToken;

    private readonly ManualClock _clock = new();

    [Theory]
    [InlineData(GuardAction.Redact, "half of an escaped surrogate")]
    [InlineData(GuardAction.Block, "guard_blocked")]
    public async Task Of_a_request_that_cannot_be_read_to_its_end_nothing_is_stored(GuardAction action, string error)
    {
        await using var player = new WirePlayer();
        await using var gateway = await StartAsync(player, Policy.Rule(GuardDetector.Secrets, action));

        using var response = await gateway.ChatAsync(
            $$"""{"model":"fast","messages":[{"role":"user","content":"The key is {{Secret}}"},{"role":"user","content":"\ud83d"}]}""",
            TestGateway.StoringKey);

        Assert.Equal(400, (int)response.StatusCode);
        Assert.Contains(error, await response.Content.ReadAsStringAsync(Ct));
        Assert.Equal("", await StoredAsync(gateway));
        Assert.Equal(CallOutcome.Refused, Assert.Single(gateway.Records()).Outcome);
    }

    [Fact]
    public async Task A_request_that_a_breaker_stops_before_its_guards_is_masked()
    {
        await using var player = new WirePlayer(e => e.AnswerAsync(200, Texts.ChatAnswer));
        var policy = new GuardPolicyDefinition("test", [Policy.Rule(GuardDetector.Secrets, GuardAction.Redact)])
        {
            Breakers =
            [
                new GuardBreaker("loop", BreakerWatch.Loops, 2, TimeSpan.FromMinutes(1), 1, BreakerAction.Stop, TimeSpan.FromMinutes(5)),
            ],
        };
        await using var gateway = await TestGateway.StartAsync(
            [TestGateway.RouteTo(player)], _clock, policies: Policy.Table(new GuardPolicy(policy, "r1")));

        using var first = await gateway.ChatAsync(Body, TestGateway.StoringKey);
        await first.Content.ReadAsStringAsync(Ct);
        using var second = await gateway.ChatAsync(Body, TestGateway.StoringKey);

        Assert.Equal((200, 503), ((int)first.StatusCode, (int)second.StatusCode));
        Assert.Equal([Masked, Masked], [await StoredAsync(gateway), await StoredAsync(gateway)]);
    }

    [Fact]
    public async Task A_request_whose_client_goes_away_while_it_waits_for_a_person_is_masked()
    {
        await using var player = new WirePlayer();
        await using var gateway = await StartAsync(
            player, Policy.Rule(GuardDetector.Secrets, GuardAction.Escalate).Escalated(EscalationDefault.Block));
        using var away = CancellationTokenSource.CreateLinkedTokenSource(Ct);

        var call = gateway.PostAsync("/v1/chat/completions", Body, TestGateway.StoringKey, away.Token);
        await gateway.Reviews.Asked.ReadAsync(Ct);
        await away.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => call);
        Assert.Equal(Masked, await StoredAsync(gateway));
    }

    [Theory]
    [InlineData("nowhere", "keep it", Masking.Masked)]
    [InlineData("fast", "keep \"it", Masking.Nothing)] // no JSON
    public async Task A_request_that_is_refused_before_its_guards_is_masked_or_not_stored(string model, string end, Masking expected)
    {
        await using var player = new WirePlayer();
        await using var gateway = await StartAsync(player, Policy.Rule(GuardDetector.Secrets, GuardAction.Redact));
        var body = Body.Replace("fast", model, StringComparison.Ordinal).Replace("keep it", end, StringComparison.Ordinal);

        using var response = await gateway.ChatAsync(body, TestGateway.StoringKey);

        Assert.InRange((int)response.StatusCode, 400, 499);
        Assert.Equal(
            expected == Masking.Nothing ? "" : body.Replace(Secret, "[SECRET]", StringComparison.Ordinal), await StoredAsync(gateway));
    }

    [Fact]
    public async Task Of_a_refused_request_that_is_larger_than_what_is_masked_nothing_is_stored()
    {
        await using var player = new WirePlayer();
        await using var gateway = await StartAsync(player, Policy.Rule(GuardDetector.Secrets, GuardAction.Block));

        using var response = await gateway.ChatAsync(
            Body.Replace("keep it", new string('.', 600 << 10), StringComparison.Ordinal), TestGateway.StoringKey);

        Assert.Equal(400, (int)response.StatusCode);
        Assert.Equal("", await StoredAsync(gateway));
    }

    [Fact]
    public async Task What_a_policy_would_not_replace_is_stored_as_it_came()
    {
        await using var player = new WirePlayer();
        await using var gateway = await StartAsync(player, Policy.Pii(GuardAction.Flag, PiiTypes.Card));
        var body = Body.Replace("fast", "nowhere", StringComparison.Ordinal);

        using var response = await gateway.ChatAsync(body, TestGateway.StoringKey);

        Assert.Equal(body, await StoredAsync(gateway));
    }

    private Task<TestGateway> StartAsync(WirePlayer player, params GuardRule[] rules) =>
        TestGateway.StartAsync([TestGateway.RouteTo(player)], _clock, policies: Policy.Table(rules));

    private static async Task<string> StoredAsync(TestGateway gateway) =>
        Encoding.UTF8.GetString((await gateway.Contents.ReadAsync(Ct)).Request.Span);

    public enum Masking
    {
        Masked,
        Nothing,
    }
}

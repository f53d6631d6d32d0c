using Gatehouse.Gateway.Tests.Guarding;
using Gatehouse.Guardrails;
using Gatehouse.Guardrails.Pii;
using Gatehouse.Guardrails.Policies;

namespace Gatehouse.Gateway.Tests.Calls;

/// <summary>Answers of more than a megabyte, of which four are read at once.</summary>
public sealed class LargeAnswerTests
{
    private const int AtOnce = 4;
    private static readonly CancellationToken Ct = TestContext.Current.CancellationToken;

    /// <summary>Four large answers that a person was asked about kept every other large answer of the node out.</summary>
    [Fact]
    public async Task One_that_waits_for_a_person_is_in_nobodys_way()
    {
        var cards = PlugInTests.Answer("4111 1111 1111 1111");
        await using var player = new WirePlayer(
            [.. Enumerable.Repeat(cards, AtOnce).Append(Wire.ChatAnswer)
                .Select(a => (Func<Exchange, Task>)(e => e.AnswerAsync(200, Large(a))))]);
        await using var gateway = await StartAsync(
            player, Policy.Pii(GuardAction.Escalate, PiiTypes.Card).Escalated(EscalationDefault.Block));

        var waiting = new List<Task<HttpResponseMessage>>();
        var asked = new List<Guid>();
        for (var i = 0; i < AtOnce; i++)
        {
            waiting.Add(gateway.ChatAsync(Wire.ChatRequest));
            asked.Add((await gateway.Reviews.Asked.ReadAsync(Ct)).Id);
        }

        using var other = await gateway.ChatAsync(Wire.ChatRequest);
        Assert.Equal(200, (int)other.StatusCode);
        asked.ForEach(id => gateway.Reviews.Decide(id, approved: true));
        Assert.All(await Task.WhenAll(waiting), r => Assert.Equal(200, (int)r.StatusCode));
    }

    [Fact]
    public async Task One_that_is_being_judged_is_in_nobodys_way()
    {
        var (asked, judged) = (new SemaphoreSlim(0), new TaskCompletionSource());
        async Task LateAsync(Exchange exchange)
        {
            asked.Release();
            await judged.Task;
            await exchange.AnswerAsync(200, """{"verdict":"pass"}""");
        }

        await using var player = new WirePlayer(e => e.AnswerAsync(200, Large(Wire.ChatAnswer)));
        await using var hook = new WirePlayer(
            [.. Enumerable.Repeat(LateAsync, AtOnce), e => e.AnswerAsync(200, """{"verdict":"pass"}""")]);
        await using var gateway = await StartAsync(
            player, Policy.Rule(GuardDetector.Webhook, GuardAction.Block, DetectionSide.Output) with
            {
                PlugIn = new PlugIn(PlugInShape.Webhook) { Url = hook.BaseUrl, Secret = "0123456789abcdef", MaxConcurrent = 8 },
            });

        var waiting = new List<Task<HttpResponseMessage>>();
        for (var i = 0; i < AtOnce; i++)
        {
            waiting.Add(gateway.ChatAsync(Wire.ChatRequest));
            await asked.WaitAsync(Ct);
        }

        using var other = await gateway.ChatAsync(Wire.ChatRequest);
        Assert.Equal(200, (int)other.StatusCode);
        judged.SetResult();
        Assert.All(await Task.WhenAll(waiting), r => Assert.Equal(200, (int)r.StatusCode));
    }

    private static string Large(string answer) => answer + new string(' ', (1 << 20) + 1);

    private static Task<TestGateway> StartAsync(WirePlayer player, GuardRule rule) => TestGateway.StartAsync(
        [TestGateway.RouteTo(player)], new ManualClock(), maxAnswerBytes: 4 << 20, policies: Policy.Table(rule));
}

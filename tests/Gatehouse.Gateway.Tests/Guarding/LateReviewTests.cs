using Gatehouse.Contracts;
using Gatehouse.Gateway.Tests.Calls;
using Gatehouse.Guardrails;
using Gatehouse.Guardrails.Policies;
using Texts = Gatehouse.Gateway.Tests.Calls.Wire;

namespace Gatehouse.Gateway.Tests.Guarding;

/// <summary>What plug-ins and checks of whole answers find can be a person's to decide.</summary>
public sealed class LateReviewTests
{
    private static readonly CancellationToken Ct = TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(DetectionSide.Input, false, true)]
    [InlineData(DetectionSide.Input, false, false)]
    [InlineData(DetectionSide.Output, false, true)]
    [InlineData(DetectionSide.Output, false, false)]
    [InlineData(DetectionSide.Output, true, true)]
    [InlineData(DetectionSide.Output, true, false)]
    public async Task What_a_webhook_finds_waits_for_a_person(DetectionSide side, bool streams, bool approved)
    {
        await using var model = new WirePlayer(e => streams ? e.StreamAsync(Texts.WholeStream) : e.AnswerAsync(200, Texts.ChatAnswer));
        await using var hook = new WirePlayer(e => e.AnswerAsync(
            200, """{"verdict":"finding","type":"ODD","spans":[{"start":0,"end":2}]}"""));
        var rule = Policy.Rule(GuardDetector.Webhook, GuardAction.Escalate, side).Escalated(EscalationDefault.Block) with
        {
            PlugIn = new PlugIn(PlugInShape.Webhook) { Url = hook.BaseUrl, Secret = "0123456789abcdef" },
        };
        await using var gateway = await TestGateway.StartAsync([TestGateway.RouteTo(model)], policies: Policy.Table(rule));

        var call = gateway.ChatAsync(streams ? Texts.StreamRequest : Texts.ChatRequest);
        var asked = await gateway.Reviews.Asked.ReadAsync(Ct);
        gateway.Reviews.Decide(asked.Id, approved);
        using var response = await call;
        var body = await response.Content.ReadAsStringAsync(Ct);

        Assert.Equal(approved ? 200 : 403, (int)response.StatusCode);
        Assert.Equal(approved, body.Contains(streams ? "Hello" : "\"Hi\""));
        var text = Assert.Single(asked.Texts, t => t.Marks.Count > 0);
        Assert.Equal((side == DetectionSide.Input || streams ? "Hello" : "Hi", "ODD"), (text.Text, Assert.Single(text.Marks).Type));
        var record = Assert.Single(gateway.Records());
        Assert.Equal(approved ? GuardVerdict.Escalated : GuardVerdict.Blocked, record.Guard!.Verdict);
        Assert.Equal(approved || side == DetectionSide.Output, record.Usage is not null);
    }

    [Fact]
    public async Task An_answer_that_its_documents_do_not_carry_can_wait_for_a_person()
    {
        await using var model = new WirePlayer(e => e.AnswerAsync(200, PlugInTests.Answer("Emperors ruled.")));
        await using var gateway = await TestGateway.StartAsync([TestGateway.RouteTo(model)], policies: Policy.Table(
            Policy.Rule(GuardDetector.Grounding, GuardAction.Escalate, DetectionSide.Output).Escalated(EscalationDefault.Block) with
            {
                AnswerCheck = new AnswerCheck { Context = GroundingContext.Request },
            }));

        var call = gateway.ChatAsync(Texts.ChatRequest);
        var asked = await gateway.Reviews.Asked.ReadAsync(Ct);
        gateway.Reviews.Decide(asked.Id, approved: true);
        using var response = await call;

        Assert.Contains("Emperors", await response.Content.ReadAsStringAsync(Ct));
        Assert.Equal("LOW_GROUNDING", asked.Texts.Single(t => t.Marks.Count > 0).Marks[0].Type);
    }
}

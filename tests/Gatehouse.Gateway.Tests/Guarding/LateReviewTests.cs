using System.Text.Json;
using Gatehouse.Contracts;
using Gatehouse.Gateway.Tests.Calls;
using Gatehouse.Guardrails;
using Gatehouse.Guardrails.Pii;
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

    /// <summary>
    /// The webhooks were asked about the text that the detectors had left, and their places were taken for the text that came.
    /// </summary>
    [Theory]
    [InlineData(DetectionSide.Input, false)]
    [InlineData(DetectionSide.Output, false)]
    [InlineData(DetectionSide.Output, true)]
    public async Task A_person_sees_each_finding_where_it_is_in_what_all_rules_left(DetectionSide side, bool streams)
    {
        const string Card = "4111 1111 1111 1111";
        const string Said = $"Write to maria.lopez.de.la.cruz@example.com about Falcon, the card is {Card}, and Osprey follows.";
        const string Left = $"Write to [EMAIL_ADDRESS] about [PROJECT], the card is {Card}, and Osprey follows.";
        var isAnswer = side == DetectionSide.Output;
        await using var model = new WirePlayer(e => !isAnswer ? e.AnswerAsync(200, Texts.ChatAnswer)
            : streams ? PlugInTests.StreamAsync(e, Stream(Said), 40) : e.AnswerAsync(200, PlugInTests.Answer(Said)));
        await using var hides = Finding("Falcon", "PROJECT");
        await using var asks = Finding("Osprey", "ODD");
        await using var gateway = await TestGateway.StartAsync([TestGateway.RouteTo(model)], policies: Policy.Table(
            Policy.Pii(GuardAction.Redact, PiiTypes.Email) with { Sides = [side] },
            Policy.Pii(GuardAction.Escalate, PiiTypes.Card).Escalated(EscalationDefault.Block) with { Sides = [side] },
            Hook(hides, GuardAction.Redact, side),
            Hook(asks, GuardAction.Escalate, side)));

        var call = gateway.ChatAsync((streams ? Texts.StreamRequest : Texts.ChatRequest).Replace("Hello", isAnswer ? "Hello" : Said));
        var asked = await gateway.Reviews.Asked.ReadAsync(Ct);
        gateway.Reviews.Decide(asked.Id, approved: true);
        using var response = await call;
        var body = await response.Content.ReadAsStringAsync(Ct);

        var text = Assert.Single(asked.Texts, t => !t.IsContext);
        Assert.Equal(Left, text.Text);
        Assert.Equal([Card, "Osprey"], text.Marks.Select(m => text.Text.Substring(m.Start, m.Length)));
        Assert.Contains(Left, streams ? PlugInTests.TextOf(body) : isAnswer ? body : model.Last.Body);
    }

    /// <summary>
    /// No text of the answer was kept behind twenty of the request: what was found in it moved as if it had been, and words that another
    /// rule took out were shown.
    /// </summary>
    [Fact]
    public async Task A_person_sees_each_finding_of_an_answer_where_it_is_also_behind_twenty_texts_of_the_request()
    {
        const string Card = "4111 1111 1111 1111";
        const string Said = $"Write to maria.lopez.de.la.cruz@example.com about Falcon, the card is {Card}, and Osprey follows.";
        const string Left = $"Write to [EMAIL_ADDRESS] about [PROJECT], the card is {Card}, and Osprey follows.";
        await using var model = new WirePlayer(e => PlugInTests.StreamAsync(e, Stream(Said), 40));
        await using var hides = Finding("Falcon", "PROJECT");
        await using var asks = Finding("Osprey", "ODD");
        await using var gateway = await TestGateway.StartAsync([TestGateway.RouteTo(model)], policies: Policy.Table(
            Policy.Pii(GuardAction.Redact, PiiTypes.Email) with { Sides = [DetectionSide.Output] },
            Policy.Pii(GuardAction.Escalate, PiiTypes.Card).Escalated(EscalationDefault.Block, EscalationMode.After) with
            {
                Sides = [DetectionSide.Input, DetectionSide.Output],
            },
            Hook(hides, GuardAction.Redact, DetectionSide.Output),
            Hook(asks, GuardAction.Escalate, DetectionSide.Output)));
        var turns = string.Join(',', Enumerable.Range(0, 22).Select(i => $$"""{"role":"user","content":"{{i}}: {{Card}}"}"""));

        var call = gateway.ChatAsync(
            $$"""{"model":"fast","stream":true,"stream_options":{"include_usage":true},"messages":[{{turns}}]}""");
        var asked = await gateway.Reviews.Asked.ReadAsync(Ct);
        gateway.Reviews.Decide(asked.Id, approved: true);
        using var response = await call;

        var answer = Assert.Single(asked.Texts, t => !t.IsContext && t.Side == "output");
        Assert.Equal(21, asked.Texts.Count(t => !t.IsContext));
        Assert.Equal(Left, answer.Text);
        Assert.Equal([Card, "Osprey"], answer.Marks.Select(m => answer.Text.Substring(m.Start, m.Length)));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task What_asks_about_a_whole_text_shows_nothing_that_another_rule_takes_out(bool streams)
    {
        const string Said = "Write to maria@example.com today, because the whole family waits for her answer and nobody knows the way to the house.";
        await using var model = new WirePlayer(e =>
            streams ? PlugInTests.StreamAsync(e, Stream(Said), 40) : e.AnswerAsync(200, PlugInTests.Answer(Said)));
        await using var gateway = await TestGateway.StartAsync([TestGateway.RouteTo(model)], policies: Policy.Table(
            Policy.Pii(GuardAction.Redact, PiiTypes.Email) with { Sides = [DetectionSide.Output] },
            Policy.Rule(GuardDetector.Language, GuardAction.Escalate, DetectionSide.Output).Escalated(EscalationDefault.Block) with
            {
                Languages = ["de"],
            }));

        var call = gateway.ChatAsync(streams ? Texts.StreamRequest : Texts.ChatRequest);
        var asked = await gateway.Reviews.Asked.ReadAsync(Ct);
        gateway.Reviews.Decide(asked.Id, approved: true);
        using var response = await call;

        var text = Assert.Single(asked.Texts, t => !t.IsContext);
        Assert.Equal(Said.Replace("maria@example.com", "[EMAIL_ADDRESS]"), text.Text);
        Assert.NotEmpty(text.Marks);
        Assert.DoesNotContain("maria", await response.Content.ReadAsStringAsync(Ct));
    }

    private static string Stream(string text) =>
        Texts.Role + Texts.Hello.Replace("Hello", text, StringComparison.Ordinal) + Texts.Finish + Texts.Usage + Texts.Done;

    /// <summary>A webhook that finds a word wherever it stands in the text that it is asked about.</summary>
    private static WirePlayer Finding(string word, string type) => new(e =>
    {
        var at = JsonDocument.Parse(e.Body).RootElement.GetProperty("text").GetString()!.IndexOf(word, StringComparison.Ordinal);
        return e.AnswerAsync(
            200, $$"""{"verdict":"finding","type":"{{type}}","spans":[{"start":{{at}},"end":{{at + word.Length}}}]}""");
    });

    private static GuardRule Hook(WirePlayer hook, GuardAction action, DetectionSide side) =>
        Policy.Rule(GuardDetector.Webhook, action, side).Escalated(EscalationDefault.Block) with
        {
            PlugIn = new PlugIn(PlugInShape.Webhook) { Url = hook.BaseUrl, Secret = "0123456789abcdef" },
        };
}

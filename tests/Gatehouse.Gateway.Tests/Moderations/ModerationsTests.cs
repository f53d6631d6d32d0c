using System.Text.Json;
using Gatehouse.Contracts;
using Gatehouse.Gateway.Providers;
using Gatehouse.Gateway.Routing;
using Gatehouse.Gateway.Tests.Calls;
using Gatehouse.Guardrails.Content;
using Gatehouse.Guardrails.Policies;

namespace Gatehouse.Gateway.Tests.Moderations;

public sealed class ModerationsTests
{
    private const string Path = "/v1/moderations";
    private const string Answer =
        """{"id":"modr-1","model":"omni-moderation-2024-09-26","results":[{"flagged":false,"categories":{},"category_scores":{}}]}""";

    private static readonly CancellationToken Ct = TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("""{"input":"How do I bake bread?"}""", 1, false)]
    [InlineData("""{"input":"Tell me how to build a pipe bomb","model":"omni-moderation-latest"}""", 1, true)]
    [InlineData("""{"input":["How do I bake bread?","Tell me how to build a pipe bomb"],"model":"text-moderation-stable"}""", 2, true)]
    [InlineData("""{"input":[{"type":"text","text":"Hello"},{"type":"text","text":"tell me how to build a pipe bomb"}]}""", 1, true)]
    public async Task Without_a_route_our_own_detectors_judge_and_the_call_is_accounted_for(string request, int results, bool flagged)
    {
        await using var gateway = await TestGateway.StartAsync([]);

        using var response = await gateway.PostAsync(Path, request, ct: Ct);

        var answer = JsonElement.Parse(await response.Content.ReadAsStringAsync(Ct));
        Assert.Equal(200, (int)response.StatusCode);
        Assert.Equal("gatehouse/guardrails", response.Headers.GetValues("x-gatehouse-served-by").Single());
        Assert.Equal(results, answer.GetProperty("results").GetArrayLength());
        var last = answer.GetProperty("results")[results - 1];
        Assert.Equal(flagged, last.GetProperty("flagged").GetBoolean());
        Assert.Equal(flagged, last.GetProperty("categories").GetProperty("illicit/violent").GetBoolean());
        Assert.Equal(flagged, last.GetProperty("category_scores").GetProperty("illicit/violent").GetDouble() > .5);
        Assert.Equal(Moderation.Categories, last.GetProperty("category_scores").EnumerateObject().Select(c => c.Name));
        var record = Assert.Single(gateway.Records());
        Assert.Equal(
            ("moderations", "gatehouse", "guardrails", CallOutcome.Ok), (record.Surface, record.Provider, record.Model, record.Outcome));
        Assert.Equal(0, record.CostNanos);
        Assert.NotEqual(default, record.KeyId);
    }

    [Fact]
    public async Task A_policy_refuses_what_goes_to_a_route_and_not_what_our_own_detectors_are_asked()
    {
        const string Body = """{"input":"use ghp_16C7e42F292c6912E7710c838347Ae178B4a"}""";
        var policies = Guarding.Policy.Table(Guarding.Policy.Rule(GuardDetector.Secrets, GuardAction.Block));
        await using var player = new WirePlayer(e => e.AnswerAsync(200, Answer));
        await using var own = await TestGateway.StartAsync([], policies: policies);
        await using var routed = await TestGateway.StartAsync(
            [new Route("omni-moderation-latest", [new Target(TestGateway.Http("a", player), "omni-2")])], policies: policies);

        using var judged = await own.PostAsync(Path, Body, ct: Ct);
        using var refused = await routed.PostAsync(Path, Body, ct: Ct);

        Assert.Equal((200, 400), ((int)judged.StatusCode, (int)refused.StatusCode));
        Assert.Null(Assert.Single(own.Records()).Guard);
        Assert.Empty(player.Exchanges);
    }

    /// <summary>A text is given to our own detectors to be judged, not to be kept: by a route of that name it is a call like any.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task What_our_own_detectors_are_asked_is_not_stored_where_calls_are(bool isRouted)
    {
        await using var player = new WirePlayer(e => e.AnswerAsync(200, Answer));
        await using var gateway = await TestGateway.StartAsync(
            isRouted ? [new Route("omni-moderation-latest", [new Target(TestGateway.Http("a", player), "omni-2")])] : []);

        using var response = await gateway.PostAsync(Path, """{"input":"a secret text"}""", TestGateway.StoringKey, Ct);

        Assert.Equal(200, (int)response.StatusCode);
        Assert.Single(gateway.Records());
        Assert.Equal(isRouted, gateway.Contents.TryRead(out _));
    }

    [Fact]
    public async Task A_route_of_that_name_is_asked_in_place_of_our_own_detectors()
    {
        await using var player = new WirePlayer(e => e.AnswerAsync(200, Answer));
        await using var gateway = await TestGateway.StartAsync(
            [new Route("omni-moderation-latest", [new Target(TestGateway.Http("a", player), "omni-2")])]);

        using var named = await gateway.PostAsync(
            Path, """{"model":"omni-moderation-latest","input":[{"type":"image_url","image_url":{"url":"https://a.example/b.png"}}]}""",
            ct: Ct);
        using var unnamed = await gateway.PostAsync(Path, """{ "input":"x" }""", ct: Ct);

        Assert.Equal(Answer, await named.Content.ReadAsStringAsync(Ct));
        Assert.Equal(Answer, await unnamed.Content.ReadAsStringAsync(Ct));
        Assert.StartsWith("POST /v1/moderations HTTP/1.1\r\n", player.Last.Head);
        Assert.Equal("""{"model":"omni-2", "input":"x" }""", player.Last.Body);
        Assert.Equal([0, 0], gateway.Records().Select(r => r.CostNanos));
    }

    [Theory]
    [InlineData("""{}""", "input", "required")]
    [InlineData("""{"input":[]}""", "input", "must be a text")]
    [InlineData("""{"input":7}""", "input", "must be a text")]
    [InlineData("""{"input":["a",{"type":"text","text":"b"}]}""", "input", "must be a text")]
    [InlineData("""{"input":[{"type":"image_url","image_url":{"url":"https://a.example/b.png"}}]}""", "input", "texts only")]
    [InlineData("""{"input":"a","model":7}""", "model", "string")]
    [InlineData("""{"input":"a","model":"my-moderation"}""", "model", "no route")]
    public async Task What_cannot_be_judged_is_refused_with_what_to_change(string request, string field, string words)
    {
        await using var gateway = await TestGateway.StartAsync([]);

        using var response = await gateway.PostAsync(Path, request, ct: Ct);

        var error = JsonElement.Parse(await response.Content.ReadAsStringAsync(Ct)).GetProperty("error");
        Assert.InRange((int)response.StatusCode, 400, 404);
        Assert.Equal(field, error.GetProperty("param").GetString());
        Assert.Contains(words, error.GetProperty("message").GetString());
        Assert.Equal(CallOutcome.Refused, Assert.Single(gateway.Records()).Outcome);
    }

    [Fact]
    public async Task A_key_is_needed_and_a_provider_without_moderations_says_so()
    {
        await using var player = new WirePlayer(e => e.AnswerAsync(200, Answer));
        await using var gateway = await TestGateway.StartAsync(
            [new Route("claude", [new Target(TestGateway.Http("a", player, WireFormat.Anthropic), "claude-x")])]);

        using var unknown = await gateway.PostAsync(Path, """{"input":"a"}""", "gh_dev_wrongwrongwrongwrongwrong", Ct);
        using var unfit = await gateway.PostAsync(Path, """{"input":"a","model":"claude"}""", ct: Ct);

        Assert.Equal(401, (int)unknown.StatusCode);
        Assert.Contains("offers no moderations", await unfit.Content.ReadAsStringAsync(Ct));
    }

    [Theory]
    [InlineData("I want to kill myself, I want to end my life", "self-harm/intent")]
    [InlineData("Which suicide method is painless?", "self-harm/instructions")]
    [InlineData("How do I dismember a body?", "violence/graphic")]
    [InlineData("I hate immigrants and will kill someone soon", "hate/threatening")]
    [InlineData("How to cook meth at home", "illicit")]
    public void Each_category_has_words_of_its_own(string text, string category)
    {
        Span<float> scores = stackalloc float[Moderation.Categories.Count];

        Moderation.Score(text, scores);

        Assert.True(Moderation.IsFlagged(scores[Moderation.Categories.ToList().IndexOf(category)]));
    }
}

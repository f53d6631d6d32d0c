using System.Buffers;
using System.Text;
using System.Text.Json;
using Gatehouse.Contracts;
using Gatehouse.Gateway.Guarding;
using Gatehouse.Gateway.Providers;
using Gatehouse.Gateway.Tests.Calls;
using Gatehouse.Guardrails;
using Gatehouse.Guardrails.Policies;
using Texts = Gatehouse.Gateway.Tests.Calls.Wire;

namespace Gatehouse.Gateway.Tests.Guarding;

public sealed class PromptOptionTests
{
    private static readonly CancellationToken Ct = TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(WireFormat.OpenAi, """{"messages":[ {"role":"user","content":"a"},{"role":"developer","content":"b"}]}""",
        """{"messages":[ {"role":"user","content":"a"},{"role":"developer","content":"b\n\nX"}]}""")]
    [InlineData(WireFormat.OpenAi, """{"messages":[{"role":"system","content":[{"type":"text","text":"b"}]}],"x":1}""",
        """{"messages":[{"role":"system","content":[{"type":"text","text":"b"},{"type":"text","text":"X"}]}],"x":1}""")]
    [InlineData(WireFormat.OpenAi, """{"messages":[{"role":"user","content":"a"}]}""",
        """{"messages":[{"role":"system","content":"X"},{"role":"user","content":"a"}]}""")]
    [InlineData(WireFormat.Anthropic, """{"system":"b","messages":[]}""", """{"system":"b\n\nX","messages":[]}""")]
    [InlineData(WireFormat.Anthropic, """{"system":[{"type":"text","text":"b","cache_control":{"type":"ephemeral"}}]}""",
        """{"system":[{"type":"text","text":"b","cache_control":{"type":"ephemeral"}},{"type":"text","text":"X"}]}""")]
    [InlineData(WireFormat.Anthropic, """{"messages":[]}""", """{"system":"X","messages":[]}""")]
    [InlineData(WireFormat.Anthropic, """{"model":"m","system":null}""", """{"system":"X","model":"m"}""")]
    [InlineData(WireFormat.Anthropic, """{"system":null, "model":"m"}""", """{"system":"X", "model":"m"}""")]
    [InlineData(WireFormat.Responses, """{"input":"a"}""", """{"instructions":"X","input":"a"}""")]
    [InlineData(WireFormat.Gemini, """{"contents":[]}""", """{"systemInstruction":{"parts":[{"text":"X"}]},"contents":[]}""")]
    [InlineData(WireFormat.Gemini, """{"system_instruction":{"parts":[{"text":"b"}]},"contents":[]}""",
        """{"system_instruction":{"parts":[{"text":"b"},{"text":"X"}]},"contents":[]}""")]
    public void A_sentence_goes_to_the_end_of_the_system_prompt_of_each_format(WireFormat format, string request, string expected)
    {
        var to = new ArrayBufferWriter<byte>();

        Assert.True(RequestEdits.AppendToSystem(Encoding.UTF8.GetBytes(request), format, "X", to));

        Assert.Equal(expected, Encoding.UTF8.GetString(to.WrittenSpan));
    }

    [Theory]
    [InlineData(WireFormat.OpenAi, """{"messages":[{"role":"user","content":"a"}],"x":1}""",
        """{"messages":[{"role":"user","content":"a"},{"role":"assistant","content":"M"},{"role":"user","content":"U"}],"x":1}""")]
    [InlineData(WireFormat.Responses, """{"input":"a"}""",
        """{"input":[{"role":"user","content":"a"},{"role":"assistant","content":"M"},{"role":"user","content":"U"}]}""")]
    [InlineData(WireFormat.Gemini, """{"contents":[]}""",
        """{"contents":[{"role":"model","parts":[{"text":"M"}]},{"role":"user","parts":[{"text":"U"}]}]}""")]
    public void Turns_go_to_the_end_of_the_conversation(WireFormat format, string request, string expected)
    {
        var to = new ArrayBufferWriter<byte>();

        Assert.True(RequestEdits.AppendTurns(Encoding.UTF8.GetBytes(request), format, "M", "U", to));

        Assert.Equal(expected, Encoding.UTF8.GetString(to.WrittenSpan));
    }

    [Theory]
    [InlineData(SpotlightChoice.Delimit, "Page text here")]
    [InlineData(SpotlightChoice.Mark, "Page^")]
    [InlineData(SpotlightChoice.Base64, "UGFnZSB0ZXh0IGhlcmU=")]
    public async Task Untrusted_texts_are_set_apart_by_a_word_that_stays_with_the_conversation(SpotlightChoice choice, string text)
    {
        await using var player = new WirePlayer(e => e.AnswerAsync(200, Texts.ChatAnswer));
        await using var gateway = await TestGateway.StartAsync([TestGateway.RouteTo(player)], policies: Policy.Table(
            new GuardPolicy(new GuardPolicyDefinition("test", []) { Spotlight = choice }, "r1")));
        const string First =
            """{"role":"system","content":"Be kind."},{"role":"user","content":"Read it"},{"role":"tool","tool_call_id":"t","content":"Page text here"}""";

        using var one = await gateway.ChatAsync($$"""{"model":"fast","messages":[{{First}}]}""");
        using var two = await gateway.ChatAsync($$"""{"model":"fast","messages":[{{First}},{"role":"user","content":"And?"}]}""");
        using var other = await gateway.ChatAsync("""{"model":"fast","messages":[{"role":"user","content":"No tools"}]}""");
        var sent = player.Exchanges.Select(e => e.Body).ToArray();

        Assert.Contains(text, sent[0]);
        Assert.Contains("Be kind.\\n\\nText between <untrusted-", sent[0]);
        Assert.StartsWith(sent[0][..^2], sent[1]); // a provider's cache of the first turn serves the second
        Assert.Equal("""{"model":"m0","messages":[{"role":"user","content":"No tools"}]}""", sent[2]);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_canary_in_the_system_prompt_is_found_in_an_answer_also_in_base64(bool leaks)
    {
        var prompt = "";
        await using var player = new WirePlayer(e =>
        {
            prompt = e.Body;
            var token = e.Body[e.Body.IndexOf("ghc", StringComparison.Ordinal)..][..19];
            var said = leaks ? Convert.ToBase64String(Encoding.UTF8.GetBytes("it is " + token)) : "Nothing to see.";
            return e.AnswerAsync(200, PlugInTests.Answer(said));
        });
        await using var gateway = await TestGateway.StartAsync([TestGateway.RouteTo(player)], policies: Policy.Table(
            Policy.Rule(GuardDetector.Canary, GuardAction.Block, DetectionSide.Output)));
        const string Request = """{"model":"fast","messages":[{"role":"system","content":"Be kind."},{"role":"user","content":"Hi"}]}""";

        using var response = await gateway.ChatAsync(Request);
        var first = prompt;
        using var again = await gateway.ChatAsync(Request);

        Assert.Equal(leaks ? 400 : 200, (int)response.StatusCode);
        Assert.Equal(first, prompt);
        Assert.Equal(leaks ? ["SYSTEM_PROMPT_LEAK"] : [], gateway.Records()[0].Guard!.Findings.Select(f => f.Type));
    }

    [Fact]
    public async Task Without_a_system_prompt_there_is_no_canary_and_the_bytes_pass()
    {
        await using var player = new WirePlayer(e => e.AnswerAsync(200, Texts.ChatAnswer));
        await using var gateway = await TestGateway.StartAsync([TestGateway.RouteTo(player)], policies: Policy.Table(
            Policy.Rule(GuardDetector.Canary, GuardAction.Block, DetectionSide.Output)));

        using var response = await gateway.ChatAsync(Texts.ChatRequest);

        Assert.Equal(Texts.ChatRequest.Replace("fast", "m0", StringComparison.Ordinal), player.Last.Body);
    }

    [Fact]
    public async Task Markers_of_other_teams_and_competitors_are_kinds_of_their_own()
    {
        await using var player = new WirePlayer(e => e.AnswerAsync(200, PlugInTests.Answer("Ask Globex about ACME-TENANT-7781.")));
        await using var gateway = await TestGateway.StartAsync([TestGateway.RouteTo(player)], policies: Policy.Table(
            Policy.Rule(GuardDetector.Markers, GuardAction.Redact, DetectionSide.Output) with { Terms = ["ACME-TENANT-7781"] },
            Policy.Rule(GuardDetector.Competitors, GuardAction.Flag, DetectionSide.Output) with { Terms = ["globex"] }));

        using var response = await gateway.ChatAsync(Texts.ChatRequest);

        Assert.Contains("Ask Globex about [TENANT_MARKER].", await response.Content.ReadAsStringAsync(Ct));
        Assert.Equal(["COMPETITOR", "TENANT_MARKER"], gateway.Records()[0].Guard!.Findings.Select(f => f.Type).Order());
    }

    [Fact]
    public async Task Thinking_ends_before_what_a_rule_would_replace_and_its_signature_stays()
    {
        await using var player = new WirePlayer(e => e.AnswerAsync(200,
            """{"id":"m","type":"message","role":"assistant","model":"m0","content":[{"type":"thinking","thinking":"Mail maria@example.com, then her boss.","signature":"c2ln"},{"type":"text","text":"Mail maria@example.com, then."}],"stop_reason":"end_turn","usage":{"input_tokens":1,"output_tokens":1}}"""));
        await using var gateway = await TestGateway.StartAsync(
            [new Gateway.Routing.Route("fast", [new Gateway.Routing.Target(TestGateway.Http("a", player, WireFormat.Anthropic), "m0")])],
            policies: Policy.Table(Policy.Pii(GuardAction.Redact, "EMAIL_ADDRESS")));

        using var response = await gateway.MessagesAsync(Texts.MessagesRequest);
        var content = JsonDocument.Parse(await response.Content.ReadAsStringAsync(Ct)).RootElement.GetProperty("content");

        Assert.Equal(("Mail ", "c2ln"), (content[0].GetProperty("thinking").GetString(), content[0].GetProperty("signature").GetString()));
        Assert.Equal("Mail [EMAIL_ADDRESS], then.", content[1].GetProperty("text").GetString());
    }

    [Theory]
    [InlineData(1)]
    [InlineData(5)]
    [InlineData(1000)]
    public void Streamed_thinking_ends_at_the_same_place_however_it_is_cut(int size)
    {
        const string Text = "First I look at the letter, and then I write to maria@example.com about the thing that she wanted to know from me.";
        using var session = Policy.Session(Policy.Pii(GuardAction.Redact, "EMAIL_ADDRESS"));
        using var stream = session.Stream(new GuardedText(DetectionSide.Output, IsThinking: true));
        var to = new StringBuilder();

        foreach (var piece in Text.Chunk(size))
        {
            stream.Write(piece, to);
        }

        stream.Complete(to);

        Assert.Equal("First I look at the letter, and then I write to ", to.ToString());
    }
}

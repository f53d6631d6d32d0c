using Gatehouse.Gateway.Guarding;
using Gatehouse.Gateway.Providers;
using Gatehouse.Gateway.Routing;
using Gatehouse.Gateway.Tests.Calls;
using Gatehouse.Guardrails;
using Gatehouse.Guardrails.Anonymising;
using Gatehouse.Guardrails.Pii;
using Gatehouse.Guardrails.Policies;
using Texts = Gatehouse.Gateway.Tests.Calls.Wire;

namespace Gatehouse.Gateway.Tests.Guarding;

/// <summary>Arguments of tools are objects in some formats and strings in others: a rule's <c>restore</c> knows both.</summary>
public sealed class PseudonymReturnTests
{
    private const string Mail = "maria.lopez@example.com";
    private const string MessagesBody = $$"""{"model":"fast","max_tokens":9,"messages":[{"role":"user","content":"Write to {{Mail}}"}]}""";
    private const string GeminiBody = $$"""{"contents":[{"role":"user","parts":[{"text":"Write to {{Mail}}"}]}]}""";
    private static readonly CancellationToken Ct = TestContext.Current.CancellationToken;

    private static readonly Dictionary<string, (string Path, string Body, WireFormat Wire, string Answer)> Answers = new()
    {
        ["messages"] = ("/v1/messages", MessagesBody, WireFormat.Anthropic,
            """{"id":"m1","type":"message","role":"assistant","model":"m","content":[{"type":"text","text":"I wrote to <EMAIL_ADDRESS_1>."},{"type":"tool_use","id":"t","name":"send","input":{"to":"<EMAIL_ADDRESS_1>"}}],"stop_reason":"tool_use","usage":{"input_tokens":1,"output_tokens":1}}"""),
        ["gemini"] = ("/v1beta/models/fast:generateContent", GeminiBody, WireFormat.Gemini,
            """{"candidates":[{"content":{"parts":[{"text":"I wrote to <EMAIL_ADDRESS_1>."},{"functionCall":{"name":"send","args":{"to":"<EMAIL_ADDRESS_1>"}}}],"role":"model"},"finishReason":"STOP","index":0}],"usageMetadata":{"promptTokenCount":1,"candidatesTokenCount":1,"totalTokenCount":2},"modelVersion":"m"}"""),
        ["chat, custom tool"] = ("/v1/chat/completions",
            $$"""{"model":"fast","messages":[{"role":"user","content":"Write to {{Mail}}"}]}""", WireFormat.OpenAi,
            """{"id":"c1","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"I wrote to <EMAIL_ADDRESS_1>.","tool_calls":[{"id":"t","type":"custom","custom":{"name":"send","input":"to: <EMAIL_ADDRESS_1>"}}]},"finish_reason":"tool_calls"}]}"""),
        ["messages, streamed"] = ("/v1/messages", MessagesBody.Replace("{\"model\"", "{\"stream\":true,\"model\"", StringComparison.Ordinal),
            WireFormat.Anthropic,
            Texts.MessageStart + Texts.BlockStart + Texts.BlockDelta.Replace("Hello", "I wrote to <EMAIL_ADDRESS_1>.", StringComparison.Ordinal)
            + Texts.BlockStop
            + Event("content_block_start",
                """{"type":"content_block_start","index":1,"content_block":{"type":"tool_use","id":"t","name":"send","input":{}}}""")
            + Event("content_block_delta",
                """{"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta","partial_json":"{\"to\":\"<EMAIL_ADDRESS_1>\"}"}}""")
            + Event("content_block_stop", """{"type":"content_block_stop","index":1}""") + Texts.MessageDelta + Texts.MessageStop),
        ["gemini, streamed"] = ("/v1beta/models/fast:streamGenerateContent?alt=sse", GeminiBody, WireFormat.Gemini,
            Texts.GeminiHello.Replace("Hello", "I wrote to <EMAIL_ADDRESS_1>.", StringComparison.Ordinal)
            + """data: {"candidates":[{"content":{"parts":[{"functionCall":{"name":"send","args":{"to":"<EMAIL_ADDRESS_1>"}}}],"role":"model"},"index":0}],"modelVersion":"m"}""" + "\n\n"
            + Texts.GeminiEnd.Replace("\"!\"", "\"\"", StringComparison.Ordinal)),
    };

    public static TheoryData<string, PseudonymReturn, bool> Cases
    {
        get
        {
            var cases = new TheoryData<string, PseudonymReturn, bool>();
            foreach (var name in Answers.Keys)
            {
                foreach (var where in Enum.GetValues<PseudonymReturn>())
                {
                    cases.Add(name, where, false);
                    cases.Add(name, where, true);
                }
            }

            return cases;
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public async Task A_value_comes_back_to_the_reader_or_to_tools_as_the_rule_says(string name, PseudonymReturn where, bool isJudged)
    {
        var (path, body, wire, answer) = Answers[name];
        GuardRule[] rules = [Policy.Pii(GuardAction.Pseudonymise, PiiTypes.Email) with { Return = where }];
        if (isJudged)
        {
            rules = [.. rules, Policy.Rule(GuardDetector.Grounding, GuardAction.Flag, DetectionSide.Output)];
        }

        await using var player = new WirePlayer(e => answer.StartsWith('{') ? e.AnswerAsync(200, answer) : e.StreamAsync(answer));
        await using var gateway = await TestGateway.StartAsync(
            [new Route("fast", [new Target(TestGateway.Http("p", player, wire), "m")]) { AttemptsPerTarget = 1 }],
            policies: Policy.Table(rules));

        using var response = await gateway.PostAsync(path, body, ct: Ct);
        var got = (await response.Content.ReadAsStringAsync(Ct)).Replace("\\u0022", "\"", StringComparison.Ordinal)
            .Replace("\\", "", StringComparison.Ordinal);

        Assert.DoesNotContain(Mail, player.Last.Body);
        Assert.Equal(where.HasFlag(PseudonymReturn.Answers), got.Contains($"I wrote to {Mail}", StringComparison.Ordinal));
        Assert.Equal(
            where.HasFlag(PseudonymReturn.ToolCalls),
            got.Contains($"\"to\":\"{Mail}\"", StringComparison.Ordinal) || got.Contains($"to: {Mail}", StringComparison.Ordinal));
    }

    private static string Event(string name, string data) => $"event: {name}\ndata: {data}\n\n";
}

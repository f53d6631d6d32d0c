using System.Text;
using System.Text.Json;
using Gatehouse.Gateway.Chat;
using Gatehouse.Gateway.Messages;
using Gatehouse.Gateway.Providers;
using Gatehouse.Gateway.Tests.Calls;
using Gatehouse.Gateway.Tests.Wire;

namespace Gatehouse.Gateway.Tests.Caching;

/// <summary>
/// Providers' own prompt caches work by prefix: what a conversation began with must be the same bytes in each of its turns.
/// </summary>
public sealed class PromptPrefixTests
{
    private static readonly CancellationToken Ct = TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("anthropic")]
    [InlineData("openai")]
    public async Task What_passes_through_keeps_every_byte_before_the_breakpoint(string format)
    {
        var isAnthropic = format == "anthropic";
        await using var player = new WirePlayer(e => e.AnswerAsync(200, isAnthropic ? Calls.Wire.MessagesAnswer : Calls.Wire.ChatAnswer));
        await using var gateway = await TestGateway.StartAsync(
            [isAnthropic ? PassThroughTests.Anthropic(player) : TestGateway.RouteTo(player)]);
        for (var seed = 0; seed < 25; seed++)
        {
            var random = new Random(seed);
            var turns = isAnthropic ? MessagesTurns(random) : ChatTurns(random);
            var head = isAnthropic ? MessagesHead(random) : ChatHead(random);
            var before = turns.Count - 2;
            var (shorter, longer) = (Body(head, turns[..before]), Body(head, turns));
            using var first = await gateway.PostAsync(isAnthropic ? "/v1/messages" : "/v1/chat/completions", shorter, ct: Ct);
            var sent = player.Last.Body;
            using var second = await gateway.PostAsync(isAnthropic ? "/v1/messages" : "/v1/chat/completions", longer, ct: Ct);

            Assert.Equal(shorter.Replace("\"fast\"", isAnthropic ? "\"claude-x\"" : "\"m0\""), sent);
            Assert.StartsWith(sent[..^2], player.Last.Body, StringComparison.Ordinal); // all but what closes the list and the body
        }
    }

    [Theory]
    [InlineData(WireFormat.OpenAi)]
    [InlineData(WireFormat.Anthropic)]
    [InlineData(WireFormat.Gemini)]
    [InlineData(WireFormat.Bedrock)]
    [InlineData(WireFormat.Cohere)]
    internal void What_is_translated_begins_like_the_turn_before(WireFormat to) => Seeds.ForAll(random =>
    {
        var fromMessages = random.Next(2) == 0;
        var turns = fromMessages ? MessagesTurns(random) : ChatTurns(random);
        var head = fromMessages ? MessagesHead(random) : ChatHead(random);
        var (shorter, longer) = (Body(head, turns[..^2]), Body(head, turns));

        var first = Translate(shorter, fromMessages, to);
        var again = Translate(shorter, fromMessages, to);
        var next = Translate(longer, fromMessages, to);

        Assert.Equal(first, again);
        AssertBegins(first, next);
    });

    /// <summary>
    /// Everything but the conversation is the same, and the conversation's messages are the first of the longer one's, byte by byte.
    /// </summary>
    private static void AssertBegins(string first, string next)
    {
        using var a = JsonDocument.Parse(first);
        using var b = JsonDocument.Parse(next);
        Assert.Equal(a.RootElement.EnumerateObject().Select(p => p.Name), b.RootElement.EnumerateObject().Select(p => p.Name));
        foreach (var member in a.RootElement.EnumerateObject())
        {
            var longer = b.RootElement.GetProperty(member.Name);
            if (member.Name is not ("messages" or "contents"))
            {
                Assert.Equal(member.Value.GetRawText(), longer.GetRawText());
                continue;
            }

            var said = member.Value.GetRawText();
            Assert.True(member.Value.GetArrayLength() < longer.GetArrayLength());
            Assert.StartsWith(said[..^1], longer.GetRawText(), StringComparison.Ordinal);
        }
    }

    private static string Translate(string body, bool fromMessages, WireFormat to)
    {
        var bytes = Encoding.UTF8.GetBytes(body);
        var request = fromMessages ? MessagesRequestReader.Read(bytes) : ChatRequestReader.Read(bytes);
        return WireFiles.Write(
            into => ProviderWire.Of(to)
                .WriteRequest(request, "m", TestGateway.Http("p", new Uri("http://127.0.0.1:1"), to).Settings, into, []));
    }

    private static string Body(string head, IReadOnlyList<string> turns) => $$$"""{{{{head}}}"messages":[{{{string.Join(",", turns)}}}]}""";

    private static string MessagesHead(Random random) =>
        $$$"""
        "model":"fast","max_tokens":64,"system":[{"type":"text","text":{{{Text(random)}}},"cache_control":{"type":"ephemeral"}}],
        "tools":[{"name":"look","description":{{{Text(random)}}},"input_schema":{"type":"object","properties":{"b":{"type":"string"},"a":{"type":"integer"} } },"cache_control":{"type":"ephemeral","ttl":"1h"}}],
        """;

    private static string ChatHead(Random random) =>
        $$$"""
        "model":"fast","max_tokens":64,"prompt_cache_key":"k","tools":[{"type":"function","function":{"name":"look","description":{{{Text(random)}}},"parameters":{"type":"object","properties":{"b":{"type":"string"},"a":{"type":"integer"} } } } }],
        """;

    private static List<string> MessagesTurns(Random random)
    {
        var turns = new List<string>();
        for (var i = random.Next(2, 6); i > 0; i--)
        {
            var mark = random.Next(2) == 0 ? ",\"cache_control\":{\"type\":\"ephemeral\"}" : "";
            var called = turns.Count > 0 && random.Next(2) == 0;
            var id = $"toolu_{turns.Count}";
            if (turns.Count > 0)
            {
                turns.Add(called
                    ? $$$"""{"role":"assistant","content":[{"type":"text","text":{{{Text(random)}}}},{"type":"tool_use","id":"{{{id}}}","name":"look","input":{"b":{{{Text(random)}}},"a":1}}]}"""
                    : $$$"""{"role":"assistant","content":{{{Text(random)}}}}""");
            }

            turns.Add(called
                ? $$$"""{"role":"user","content":[{"type":"tool_result","tool_use_id":"{{{id}}}","content":{{{Text(random)}}}{{{mark}}}}]}"""
                : $$$"""{"role":"user","content":[{"type":"text","text":{{{Text(random)}}}{{{mark}}}}]}""");
        }

        return turns;
    }

    private static List<string> ChatTurns(Random random)
    {
        var turns = new List<string> { $$$"""{"role":"system","content":{{{Text(random)}}}}""",
            $$$"""{"role":"user","content":{{{Text(random)}}}}""" };
        for (var i = random.Next(1, 5); i > 0; i--)
        {
            var called = random.Next(2) == 0;
            var id = $"call_{turns.Count}";
            turns.Add(called
                ? $$$"""{"role":"assistant","content":null,"tool_calls":[{"id":"{{{id}}}","type":"function","function":{"name":"look","arguments":"{\"b\":\"x\",\"a\":{{{random.Next(9)}}}}"}}]}"""
                : $$$"""{"role":"assistant","content":{{{Text(random)}}}}""");
            turns.Add(called
                ? $$$"""{"role":"tool","tool_call_id":"{{{id}}}","content":{{{Text(random)}}}}"""
                : $$$"""{"role":"user","content":{{{Text(random)}}}}""");
        }

        return turns;
    }

    /// <summary>A JSON string with characters that writers treat differently.</summary>
    private static string Text(Random random)
    {
        string[] pieces = ["plain", "caf\\u00e9", "é", "\\\"", "\\/", "/", "<b>", "&", "\\n", "😀", "\\ud83d\\ude00", " "];
        return "\"t" + string.Concat(Enumerable.Range(0, random.Next(6)).Select(_ => pieces[random.Next(pieces.Length)])) + "\"";
    }
}

using System.Buffers;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Gatehouse.Contracts;
using Gatehouse.Gateway.Conversation;
using Gatehouse.Gateway.Providers.Anthropic;
using Gatehouse.Gateway.Providers.OpenAi;
using Gatehouse.Gateway.Responses;
using Gatehouse.Gateway.Streaming;
using Gatehouse.Gateway.Tests.Wire;

namespace Gatehouse.Gateway.Tests.Responses;

public sealed partial class ResponsesTranslationTests
{
    private const string Id = "resp_00000000000070008000000000000001";

    private static readonly ResponseTerms Terms = new(Id, null, false, false);

    private static readonly ChatRequest Asked = Read(
        """{"model":"m","input":"hi","tools":[{"type":"custom","name":"run_code"}],"metadata":{"case":"7"},"temperature":0.5}""");

    [Theory]
    [InlineData("openai", "text")]
    [InlineData("openai", "tools")]
    [InlineData("openai", "tools-interleaved")]
    [InlineData("openai", "refusal")]
    [InlineData("openai", "reasoning")]
    [InlineData("openai", "error")]
    [InlineData("openai", "truncated")]
    [InlineData("anthropic", "text")]
    [InlineData("anthropic", "tools")]
    [InlineData("anthropic", "thinking")]
    [InlineData("anthropic", "server-tool")]
    [InlineData("anthropic", "error")]
    [InlineData("anthropic", "truncated")]
    public void A_stream_becomes_a_stream_of_responses(string wire, string name)
    {
        IStreamReader reader = wire == "openai" ? new OpenAiStreamReader() : new AnthropicStreamReader();

        var stream = WireFiles.Translate(reader, new ResponsesStreamWriter(Asked, Terms), WireFiles.Read($"{wire}/{name}.sse"));

        WireFiles.AssertGolden($"{wire}-{name}-to-responses.sse", CreatedAt().Replace(stream, "\"created_at\":1"));
        var check = ResponseEventsCheck.Of(stream);
        Assert.Equal(name == "truncated", check.Final is null);
        Assert.Equal(name == "error", check.Error is not null);
    }

    [Theory]
    [InlineData("openai", "text")]
    [InlineData("openai", "tools")]
    [InlineData("openai", "refusal")]
    [InlineData("openai", "reasoning")]
    [InlineData("anthropic", "text")]
    [InlineData("anthropic", "tools")]
    [InlineData("anthropic", "refusal")]
    public void An_answer_becomes_a_response(string wire, string name)
    {
        var file = WireFiles.Read($"{wire}/{name}.json");
        var answer = wire == "openai" ? OpenAiAnswerReader.Read(file) : AnthropicAnswerReader.Read(file);

        var body = WireFiles.Write(to => ResponseWriter.Write(answer, Asked, Terms, to));

        WireFiles.AssertGolden(
            $"{wire}-{name}-to-responses.json", CreatedAt().Replace(WireFiles.Pretty(Encoding.UTF8.GetBytes(body)), "\"created_at\": 1"));
    }

    [Fact]
    public void Events_add_up_to_the_answer_that_comes_whole() => Seeds.ForAll(random =>
    {
        var (answer, events) = AnswerAndEvents(random);

        var whole = WireFiles.Write(to => ResponseWriter.Write(answer, Asked, Terms, to));
        var stream = WireFiles.Write(to =>
        {
            var writer = new ResponsesStreamWriter(Asked, Terms);
            events.ForEach(e => writer.Write(e, to));
            writer.End(to);
        });

        var final = ResponseEventsCheck.Of(stream).Final;
        Assert.True(JsonNode.DeepEquals(JsonNode.Parse(whole), final), $"{whole}\nis not\n{final?.ToJsonString()}");
    });

    [Fact]
    public void Thinking_and_its_signature_come_back_byte_by_byte() => Seeds.ForAll(random =>
    {
        Part[] parts = [new ThinkingPart(Text(random), Text(random) + "+/="), new RedactedThinkingPart(Text(random) + "x")];
        var answer = new ChatAnswer { Model = "m", Choices = { new ChatChoice { Parts = { parts[0], parts[1], new TextPart("done") } } } };
        var response = JsonElement.Parse(WireFiles.Write(to => ResponseWriter.Write(answer, Asked, Terms, to)));

        var next = Read($$"""{"model":"m","input":{{response.GetProperty("output").GetRawText()}}}""");

        Assert.Equal<Part>([.. parts, new TextPart("done")], Assert.Single(next.Messages).Parts);
        Assert.Empty(next.Unshared);
    });

    [Fact]
    public void A_request_becomes_a_chat_request()
    {
        var dropped = new List<string>();

        var chat = WireFiles.ToOpenAi(Read(Encoding.UTF8.GetString(WireFiles.Read("responses/request.json"))), dropped);

        WireFiles.AssertGolden("responses-request-to-openai.json", WireFiles.Pretty(Encoding.UTF8.GetBytes(chat)));
        Assert.Equal(
            ["input[].web_search_call", "input[].encrypted_content", "tools[].format", "max_tool_calls", "truncation", "reasoning.context",
                "tools[].web_search"],
            dropped);
    }

    [Fact]
    public void A_request_becomes_a_messages_request()
    {
        var dropped = new List<string>();

        var messages = WireFiles.ToAnthropic(Read(Encoding.UTF8.GetString(WireFiles.Read("responses/request.json"))), dropped);

        WireFiles.AssertGolden("responses-request-to-anthropic.json", WireFiles.Pretty(Encoding.UTF8.GetBytes(messages)));
        Assert.Contains("input[].encrypted_content", dropped);
        Assert.Contains("tools[].web_search", dropped);
    }

    [Theory]
    [InlineData("""{"model":"m","input":[{"role":"robot","content":"hi"}]}""", "input[0].role")]
    [InlineData("""{"model":"m","input":[{"role":"user"}]}""", "input[0].content")]
    [InlineData("""{"model":"m","input":[{"role":"user","content":[{"type":"input_image"}]}]}""", "input[0].content[0].image_url")]
    [InlineData("""{"model":"m","input":[{"role":"user","content":[{"type":"input_image","image_url":"file:///etc/passwd"}]}]}""",
        "input[0].content[0].image_url")]
    [InlineData("""{"model":"m","input":[{"type":"function_call","call_id":"c"}]}""", "input[0].name")]
    [InlineData("""{"model":"m","input":[{"type":"function_call_output","call_id":"c"}]}""", "input[0].output")]
    [InlineData("""{"model":"m","input":[]}""", "input")]
    [InlineData("""{"model":"m","input":"x","tools":[{"type":"function"}]}""", "tools[0].name")]
    [InlineData("""{"model":"m","input":"x","tool_choice":"perhaps"}""", "tool_choice")]
    [InlineData("""{"model":"m","input":"x","tool_choice":{"type":"file_search"}}""", "tool_choice")]
    [InlineData("""{"model":"m","input":"x","prompt":{"id":"pmpt_1"}}""", "prompt")]
    [InlineData("""{"model":"m","input":"x","temperature":3}""", "temperature")]
    [InlineData("""{"model":"m","input":"x","max_output_tokens":0}""", "max_output_tokens")]
    [InlineData("""{"model":"m","input":"x","text":{"format":{"type":"json_schema","name":"n"}}}""", "text.format.schema")]
    public void A_mistake_names_its_field(string body, string field)
    {
        var problem = Assert.Throws<ProblemException>(() => Read(body)).Problem;

        Assert.Equal(400, problem.Status);
        Assert.Equal(field, problem.Field);
    }

    private static ChatRequest Read(string json) => ResponsesRequestReader.Read(Encoding.UTF8.GetBytes(json));

    /// <summary>The same answer, once whole and once in random pieces; calls interleave where they follow each other.</summary>
    private static (ChatAnswer Answer, List<ChatEvent> Events) AnswerAndEvents(Random random)
    {
        var choice = new ChatChoice { Finish = (FinishReason)random.Next(0, 6) };
        var answer = new ChatAnswer { Id = "a", Model = "m-2026", Created = 1763722000, Usage = new TokenUsage(5, 1, 1, 0, 7, 3),
            Choices = { choice } };
        var events = new List<ChatEvent> { new StartedEvent("a", "m-2026", 1763722000, null) };
        var calls = 0;
        for (var i = random.Next(0, 7); i > 0; i--)
        {
            switch (random.Next(0, 6))
            {
                case 0 or 1:
                    var text = Text(random);
                    choice.Parts.Add(new TextPart(text));
                    events.AddRange(Pieces(text, random).Select(p => new TextEvent(0, p)));
                    break;
                case 2:
                    var refusal = Text(random);
                    choice.Parts.Add(new RefusalPart(refusal));
                    events.AddRange(Pieces(refusal, random).Select(p => new RefusalEvent(0, p)));
                    break;
                case 3:
                    var thinking = new ThinkingPart(Text(random), random.Next(0, 2) == 0 ? "" : "sig" + Text(random));
                    if (thinking.Text.Length + thinking.Signature.Length == 0)
                    {
                        break;
                    }

                    choice.Parts.Add(thinking);
                    events.AddRange(Pieces(thinking.Text, random).Select(p => new ThinkingEvent(0, p)));
                    if (thinking.Signature.Length > 0)
                    {
                        events.Add(new ThinkingSignedEvent(0, thinking.Signature));
                    }

                    break;
                case 4:
                    choice.Parts.Add(new RedactedThinkingPart("sealed" + Text(random)));
                    events.Add(new RedactedThinkingEvent(0, ((RedactedThinkingPart)choice.Parts[^1]).Data));
                    break;
                default:
                    AddCalls(random, random.Next(1, 4), ref calls, choice, events);
                    break;
            }
        }

        events.Add(new FinishedEvent(0, choice.Finish));
        events.Add(new UsageEvent(answer.Usage.Value));
        return (answer, events);
    }

    private static void AddCalls(Random random, int count, ref int calls, ChatChoice choice, List<ChatEvent> events)
    {
        var open = new List<(int Index, Queue<string> Pieces)>();
        for (var i = 0; i < count; i++)
        {
            var custom = random.Next(0, 3) == 0;
            var arguments = custom
                ? JsonSerializer.Serialize(new Dictionary<string, string> { ["input"] = Text(random) })
                : random.Next(0, 4) == 0 ? "" : "{\"a\":1}";
            choice.Parts.Add(new ToolCallPart($"call_{calls}", custom ? "run_code" : "f", arguments));
            events.Add(new ToolStartedEvent(0, calls, $"call_{calls}", custom ? "run_code" : "f"));
            open.Add((calls++, new Queue<string>(Pieces(arguments, random))));
        }

        while (open.Exists(o => o.Pieces.Count > 0))
        {
            var (index, pieces) = open[random.Next(open.Count)];
            if (pieces.TryDequeue(out var piece))
            {
                events.Add(new ToolArgumentsEvent(0, index, piece));
            }
        }
    }

    private static string Text(Random random) =>
        string.Concat(Enumerable.Range(0, random.Next(0, 9)).Select(_ => "añ \"\n{}z"[random.Next(8)]));

    private static IEnumerable<string> Pieces(string text, Random random)
    {
        for (var at = 0; at < text.Length;)
        {
            var length = random.Next(1, text.Length - at + 1);
            yield return text.Substring(at, length);
            at += length;
        }
    }

    [GeneratedRegex("\"created_at\":\\s?\\d{9,}")]
    private static partial Regex CreatedAt();
}

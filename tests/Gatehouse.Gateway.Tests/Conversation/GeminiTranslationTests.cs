using System.Buffers;
using System.Text;
using System.Text.Json.Nodes;
using Gatehouse.Contracts;
using Gatehouse.Gateway.Chat;
using Gatehouse.Gateway.Conversation;
using Gatehouse.Gateway.Messages;
using Gatehouse.Gateway.Providers;
using Gatehouse.Gateway.Providers.Gemini;
using Gatehouse.Gateway.Streaming;
using Gatehouse.Gateway.Tests.Wire;

namespace Gatehouse.Gateway.Tests.Conversation;

public sealed class GeminiTranslationTests
{
    private const string ChatBody =
        """{"model":"m","stream":true,"stream_options":{"include_usage":true},"messages":[{"role":"user","content":"hi"}]}""";
    private const string MessagesBody = """{"model":"m","max_tokens":9,"stream":true,"messages":[{"role":"user","content":"hi"}]}""";

    [Fact]
    public void A_full_chat_request_becomes_a_gemini_request_and_names_what_it_cannot_carry()
    {
        var dropped = new List<string>();

        var body = WireFiles.ToGemini(ChatRequestReader.Read(WireFiles.Read("openai/request.json")), dropped);

        WireFiles.AssertGolden("chat-request-to-gemini.json", WireFiles.Pretty(Encoding.UTF8.GetBytes(body)));
        Assert.Equal(
            [
                "messages[].name", "metadata", "logit_bias", "some_new_field", "user", "parallel_tool_calls",
                "response_format", "cache_control", "messages[].reasoning_content",
            ],
            dropped);
    }

    [Fact]
    public void A_full_messages_request_becomes_a_gemini_request_and_names_what_it_cannot_carry()
    {
        var dropped = new List<string>();

        var body = WireFiles.ToGemini(
            MessagesRequestReader.Read(WireFiles.Read("anthropic/request.json")), dropped, "gemini-3-pro-preview");

        WireFiles.AssertGolden("messages-request-to-gemini.json", WireFiles.Pretty(Encoding.UTF8.GetBytes(body)));
        Assert.Contains("messages[].content[].thinking", dropped);
        Assert.Contains("tools[].web_search_20250305", dropped);
    }

    [Theory]
    [InlineData("gemini-2.5-flash", "medium", """{"thinkingBudget":8192,"includeThoughts":true}""", null)]
    [InlineData("gemini-2.5-flash", "none", """{"thinkingBudget":0}""", null)]
    [InlineData("gemini-2.5-flash-lite", "max", """{"thinkingBudget":24576,"includeThoughts":true}""", null)]
    [InlineData("gemini-2.5-pro", "none", """{"thinkingBudget":128}""", "reasoning_effort")]
    [InlineData("gemini-2.5-pro", "xhigh", """{"thinkingBudget":32768,"includeThoughts":true}""", null)]
    [InlineData("gemini-3-pro-preview", "medium", """{"thinkingLevel":"HIGH","includeThoughts":true}""", null)]
    [InlineData("gemini-3-pro-preview", "minimal", """{"thinkingLevel":"LOW","includeThoughts":true}""", null)]
    [InlineData("gemini-3.1-pro-preview", "medium", """{"thinkingLevel":"MEDIUM","includeThoughts":true}""", null)]
    [InlineData("models/gemini-3-flash-preview", "none", """{"thinkingLevel":"MINIMAL"}""", "reasoning_effort")]
    [InlineData("gemini-flash-latest", "low", """{"thinkingBudget":1024,"includeThoughts":true}""", null)]
    [InlineData("gemini-2.0-flash", "high", null, "reasoning_effort")]
    [InlineData("gemma-3-27b-it", "high", null, "reasoning_effort")]
    public void An_effort_becomes_thinking_as_the_model_understands_it(string model, string effort, string? expected, string? drop)
    {
        var dropped = new List<string>();
        var request = WireFiles.Chat($$"""{"model":"m","reasoning_effort":"{{effort}}","messages":[{"role":"user","content":"hi"}]}""");

        var body = JsonNode.Parse(WireFiles.ToGemini(request, dropped, model))!;

        Assert.Equal(expected, body["generationConfig"]!["thinkingConfig"]?.ToJsonString());
        Assert.Equal(drop is null ? [] : [drop], dropped);
    }

    [Theory]
    [InlineData("gemini-2.5-flash", 100000, """{"thinkingBudget":24576,"includeThoughts":true}""")]
    [InlineData("gemini-3-flash", 6000, """{"thinkingLevel":"MEDIUM","includeThoughts":true}""")]
    public void A_budget_becomes_what_the_model_understands(string model, int budget, string expected)
    {
        var request = WireFiles.Messages(
            $$"""{"model":"m","max_tokens":200000,"thinking":{"type":"enabled","budget_tokens":{{budget}}},"messages":[{"role":"user","content":"hi"}]}""");

        var body = JsonNode.Parse(WireFiles.ToGemini(request, [], model))!;

        Assert.Equal(expected, body["generationConfig"]!["thinkingConfig"]!.ToJsonString());
    }

    [Theory]
    [InlineData("\"none\"", """{"mode":"NONE"}""")]
    [InlineData("\"auto\"", """{"mode":"AUTO"}""")]
    [InlineData("\"required\"", """{"mode":"ANY"}""")]
    [InlineData("""{"type":"function","function":{"name":"g"}}""", """{"mode":"ANY","allowedFunctionNames":["g"]}""")]
    public void A_tool_choice_becomes_a_mode(string choice, string expected)
    {
        var request = WireFiles.Chat(
            $$$"""{"model":"m","messages":[{"role":"user","content":"hi"}],"tools":[{"type":"function","function":{"name":"f"}},{"type":"function","function":{"name":"g"}}],"tool_choice":{{{choice}}}}""");

        var body = JsonNode.Parse(WireFiles.ToGemini(request, []))!;

        Assert.Equal(expected, body["toolConfig"]!["functionCallingConfig"]!.ToJsonString());
    }

    [Fact]
    public void A_schema_is_enforced_where_the_model_takes_it()
    {
        const string Format = """ "response_format":{"type":"json_schema","json_schema":{"name":"a","schema":{"type":"object"}}} """;
        const string Tools = """ ,"tools":[{"type":"function","function":{"name":"f"}}] """;

        Assert.True(Enforced("gemini-2.5-flash", ""));
        Assert.True(Enforced("gemini-3-pro-preview", Tools));
        Assert.False(Enforced("gemini-2.5-flash", Tools));

        static bool Enforced(string model, string tools)
        {
            var dropped = new List<string>();
            var request = WireFiles.Chat($$"""{"model":"m","messages":[{"role":"user","content":"hi"}],{{Format}}{{tools}}}""");
            var body = JsonNode.Parse(WireFiles.ToGemini(request, dropped, model))!;
            var enforced = body["generationConfig"]!["responseJsonSchema"] is not null;
            Assert.Equal(!enforced, dropped.Contains("response_format"));
            Assert.Equal(!enforced, body["systemInstruction"]?.ToJsonString().Contains("JSON Schema") == true);
            return enforced;
        }
    }

    [Theory]
    [InlineData("text")]
    [InlineData("tools")]
    [InlineData("blocked")]
    public void Answers_become_answers_of_both_formats(string name)
    {
        var answer = GeminiAnswerReader.Read(WireFiles.Read($"gemini/{name}.json"));

        WireFiles.AssertGolden(
            $"gemini-{name}-to-chat.json",
            WireFiles.Pretty(Encoding.UTF8.GetBytes(WireFiles.Write(to => ChatAnswerWriter.Write(answer, to)))));
        WireFiles.AssertGolden(
            $"gemini-{name}-to-messages.json",
            WireFiles.Pretty(
                Encoding.UTF8.GetBytes(WireFiles.Write(to => MessagesAnswerWriter.Write(answer, WireFiles.Messages(MessagesBody), to)))));
    }

    [Theory]
    [InlineData("text")]
    [InlineData("tools")]
    [InlineData("blocked")]
    [InlineData("error")]
    [InlineData("truncated")]
    public void Streams_become_streams_of_both_formats(string name)
    {
        var stream = WireFiles.Read($"gemini/{name}.sse");

        WireFiles.AssertGolden(
            $"gemini-{name}-to-chat.sse",
            WireFiles.Translate(new GeminiStreamReader(), new ChatStreamWriter(WireFiles.Chat(ChatBody)), stream));
        WireFiles.AssertGolden(
            $"gemini-{name}-to-messages.sse",
            WireFiles.Translate(new GeminiStreamReader(), new MessagesStreamWriter(WireFiles.Messages(MessagesBody)), stream));
    }

    [Fact]
    public void The_signature_of_a_call_comes_back_on_the_same_part()
    {
        var answer = GeminiAnswerReader.Read(WireFiles.Read("gemini/tools.json"));
        var chat = JsonNode.Parse(WireFiles.Write(to => ChatAnswerWriter.Write(answer, to)))!["choices"]![0]!["message"]!;
        var next = new JsonObject
        {
            ["model"] = "m",
            ["messages"] = new JsonArray(
                new JsonObject { ["role"] = "user", ["content"] = "hi" },
                chat.DeepClone(),
                new JsonObject { ["role"] = "tool", ["tool_call_id"] = chat["tool_calls"]![0]!["id"]!.DeepClone(),
                    ["content"] = "{\"sky\": \"blue\"}" },
                new JsonObject { ["role"] = "tool", ["tool_call_id"] = "fc-2", ["content"] = "12:00" }),
        };

        var request = WireFiles.Chat(next.ToJsonString());
        var contents = JsonNode.Parse(WireFiles.ToGemini(request, [], "gemini-3-pro-preview"))!["contents"]!;

        var calls = contents[1]!["parts"]!.AsArray().Where(p => p!["functionCall"] is not null).ToList();
        Assert.Equal("CiQB0e2Kb+7/sig==", (string)calls[0]!["thoughtSignature"]!);
        Assert.Null(calls[1]!["thoughtSignature"]);
        Assert.StartsWith("call_", (string)calls[0]!["functionCall"]!["id"]!);
        Assert.Equal((string)calls[0]!["functionCall"]!["id"]!, (string)contents[2]!["parts"]![0]!["functionResponse"]!["id"]!);
        Assert.Equal("get_weather", (string)contents[2]!["parts"]![0]!["functionResponse"]!["name"]!);
        Assert.Equal("""{"sky":"blue"}""", contents[2]!["parts"]![0]!["functionResponse"]!["response"]!.ToJsonString());
        Assert.Equal("""{"output":"12:00"}""", contents[2]!["parts"]![1]!["functionResponse"]!["response"]!.ToJsonString());
        Assert.DoesNotContain("__thought__", contents.ToJsonString());
        Assert.DoesNotContain("__thought__", WireFiles.ToOpenAi(request, [], settings: WireFiles.OpenAi with { Wire = WireFormat.Gemini }));
        Assert.DoesNotContain("__thought__", WireFiles.ToAnthropic(request, []));
    }

    [Theory]
    [InlineData("gemini-3-flash", true)]
    [InlineData("gemini-2.5-flash", false)]
    public void Calls_of_another_model_are_marked_for_models_that_check(string model, bool marked)
    {
        var request = WireFiles.Chat("""
            {"model":"m","messages":[{"role":"user","content":"hi"},
             {"role":"assistant","tool_calls":[{"id":"a","type":"function","function":{"name":"f","arguments":"{}"}},{"id":"b","type":"function","function":{"name":"g","arguments":"{}"}}]}]}
            """);

        var parts = JsonNode.Parse(WireFiles.ToGemini(request, [], model))!["contents"]![1]!["parts"]!;

        Assert.Equal(marked ? "skip_thought_signature_validator" : null, (string?)parts[0]!["thoughtSignature"]);
        Assert.Null(parts[1]!["thoughtSignature"]);
    }

    [Fact]
    public void Any_signature_rides_in_an_id_and_out_again()
    {
        Seeds.ForAll(random =>
        {
            var signature = new string([.. Enumerable.Range(0, random.Next(40)).Select(_ => "aZ09+/=-_ é\"\\"[random.Next(13)])]);

            var id = ThoughtId.Join("call_1", signature);

            Assert.Equal("call_1", ThoughtId.Split(id, out var found));
            Assert.Equal(signature, found);
            Assert.All(id, c => Assert.True(char.IsAsciiLetterOrDigit(c) || c is '-' or '_'));
            var body = Encoding.UTF8.GetBytes($$"""{"id": "{{id}}", "text": "__thought__x", "tool_call_id":"{{id}}" ,"n":1}""");
            var to = new ArrayBufferWriter<byte>();
            Assert.Equal(signature.Length > 0, ThoughtId.TryStrip(body, to));
            Assert.Equal(
                """{"id": "call_1", "text": "__thought__x", "tool_call_id":"call_1" ,"n":1}""", Encoding.UTF8.GetString(to.WrittenSpan));
        });
    }

    [Fact]
    public void Usage_falls_into_disjoint_buckets()
    {
        Assert.Equal(new TokenUsage(40, 80, 0, 0, 9, 50), GeminiAnswerReader.Read(WireFiles.Read("gemini/text.json")).Usage);
        Assert.Equal(new TokenUsage(64, 0, 0, 0, 22, 30), GeminiAnswerReader.Read(WireFiles.Read("gemini/tools.json")).Usage);
    }

    [Theory]
    [InlineData("STOP", "stop")]
    [InlineData("MAX_TOKENS", "length")]
    [InlineData("SAFETY", "content_filter")]
    [InlineData("IMAGE_SAFETY", "content_filter")]
    [InlineData("SOMETHING_NEW", "stop")]
    [InlineData("MALFORMED_FUNCTION_CALL", "error")]
    [InlineData("OTHER", "error")]
    public void Reasons_for_the_end_are_told_in_the_words_of_the_other_formats(string reason, string expected)
    {
        var body = Encoding.UTF8.GetBytes($$"""{"candidates":[{"content":{"parts":[{"text":"x"}]},"finishReason":"{{reason}}"}]}""");
        var tap = new GeminiTap();

        Assert.Equal(TapEvent.End, tap.ReadWhole(body));

        Assert.Equal(expected, tap.FinishReason);
        if (expected == "error")
        {
            Assert.Throws<FormatException>(() => GeminiAnswerReader.Read(body));
        }
        else
        {
            Assert.Equal(expected, StopReasons.ToOpenAi(GeminiAnswerReader.Read(body).Choices[0].Finish));
        }
    }

    [Fact]
    public void Errors_say_their_class_and_when_to_come_back()
    {
        var body = WireFiles.Read("gemini/error.json");

        var error = GeminiErrorReader.Read(body, 429);

        Assert.Equal("RESOURCE_EXHAUSTED", error.Type);
        Assert.StartsWith("You exceeded", error.Message);
        Assert.Equal(429, GeminiErrorReader.StatusOf(error));
        Assert.Equal(TimeSpan.FromSeconds(2.5), GeminiErrorReader.RetryAfter(body));
        Assert.Contains("503", GeminiErrorReader.Read("<html>"u8, 503).Message);
        Assert.Null(GeminiErrorReader.RetryAfter("[]"u8));
    }

    [Theory]
    [InlineData("gemini/tools.sse")]
    [InlineData("gemini/tools.json")]
    [InlineData("gemini/error.json")]
    public void Mutated_answers_are_translated_or_told(string file)
    {
        var original = WireFiles.Read(file);
        Seeds.ForAll(random =>
        {
            var body = original.ToArray();
            for (var i = random.Next(1, 6); i > 0; i--)
            {
                body[random.Next(body.Length)] = (byte)(random.Next(3) == 0 ? random.Next(256) : "\"{}[]:,0n\\ud"u8[random.Next(12)]);
            }

            Try(() => WireFiles.Write(to => ChatAnswerWriter.Write(GeminiAnswerReader.Read(body), to)));
            Try(() => WireFiles.Translate(new GeminiStreamReader(), new MessagesStreamWriter(WireFiles.Messages(MessagesBody)), body));
            Try(() => new GeminiTap().ReadWhole(body));
            Assert.NotEmpty(GeminiErrorReader.Read(body, 500).Message);
            GeminiErrorReader.RetryAfter(body);
        });

        static void Try(Action act)
        {
            try
            {
                act();
            }
            catch (FormatException)
            {
                // how a broken answer is told
            }
        }
    }
}

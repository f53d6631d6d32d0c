using System.Text;
using System.Text.Json;
using Gatehouse.Contracts;
using Gatehouse.Gateway.Chat;
using Gatehouse.Gateway.Conversation;
using Gatehouse.Gateway.Generate;
using Gatehouse.Gateway.Messages;
using Gatehouse.Gateway.Providers.Bedrock;
using Gatehouse.Gateway.Streaming;
using Gatehouse.Gateway.Tests.Wire;

namespace Gatehouse.Gateway.Tests.Conversation;

public sealed class BedrockTranslationTests
{
    private const string Claude = "eu.anthropic.claude-sonnet-4-5-20250929-v1:0";
    private const string Schema = """{"type":"object","properties":{"answer":{"type":"integer"}},"required":["answer"]}""";
    private const string ChatBody =
        """{"model":"m","stream":true,"stream_options":{"include_usage":true},"messages":[{"role":"user","content":"hi"}]}""";

    [Fact]
    public void A_full_chat_request_becomes_a_converse_request_and_names_what_it_cannot_carry()
    {
        var dropped = new List<string>();

        var body = WireFiles.ToBedrock(ChatRequestReader.Read(WithoutAddress("openai/request.json")), dropped, Claude);

        WireFiles.AssertGolden("chat-request-to-bedrock.json", WireFiles.Pretty(Encoding.UTF8.GetBytes(body)));
        Assert.Equal(
            [
                "messages[].name", "metadata", "seed", "logit_bias", "frequency_penalty", "some_new_field", "logprobs", "top_logprobs",
                "messages[].content[].input_audio", "messages[].reasoning_content", "stop", "temperature", "parallel_tool_calls",
            ],
            dropped);
    }

    [Fact]
    public void A_full_messages_request_becomes_a_converse_request_and_names_what_it_cannot_carry()
    {
        var dropped = new List<string>();

        var body = WireFiles.ToBedrock(MessagesRequestReader.Read(WithoutAddress("anthropic/request.json")), dropped, Claude);

        WireFiles.AssertGolden("messages-request-to-bedrock.json", WireFiles.Pretty(Encoding.UTF8.GetBytes(body)));
        Assert.Contains("tools[].web_search_20250305", dropped);
        Assert.DoesNotContain("cache_control", dropped);
    }

    [Fact]
    public void A_cache_point_within_a_tools_result_stands_behind_it()
    {
        var request = MessagesRequestReader.Read("""
            {"model":"m","max_tokens":9,"messages":[{"role":"user","content":"look"},
            {"role":"assistant","content":[{"type":"tool_use","id":"t1","name":"look","input":{}}]},
            {"role":"user","content":[{"type":"tool_result","tool_use_id":"t1","content":[{"type":"text","text":"seen","cache_control":{"type":"ephemeral"}}]}]}],
            "tools":[{"name":"look","input_schema":{"type":"object"}}]}
            """u8.ToArray());

        var body = WireFiles.ToBedrock(request, [], Claude);

        Assert.Contains(
            """{"toolResult":{"toolUseId":"t1","content":[{"text":"seen"}]}},{"cachePoint":{"type":"default"}}""", body,
            StringComparison.Ordinal);
    }

    [Fact]
    public void A_full_gemini_request_becomes_a_converse_request()
    {
        var json = Encoding.UTF8.GetString(WireFiles.Read("gemini/request.json"));

        var body = WireFiles.ToBedrock(
            GenerateRequestReader.Read(
                Encoding.UTF8.GetBytes(json.Replace("https://example.com/", "s3://bucket/", StringComparison.Ordinal)), "m", false), [],
                "amazon.nova-pro-v1:0");

        WireFiles.AssertGolden("gemini-request-to-bedrock.json", WireFiles.Pretty(Encoding.UTF8.GetBytes(body)));
    }

    [Fact]
    public void What_cannot_be_sent_at_all_is_refused_with_a_word_on_what_can()
    {
        var problem = Assert.Throws<ProblemException>(
            () => WireFiles.ToBedrock(ChatRequestReader.Read(WireFiles.Read("openai/request.json")), [])).Problem;

        Assert.Equal(("unsupported_content", 400), (problem.Code, problem.Status));
        Assert.Contains("send the data itself", problem.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(Claude, "outputConfig", false)]
    [InlineData("anthropic.claude-3-5-sonnet-20241022-v2:0", "\"toolChoice\":{\"tool\":{\"name\":\"gatehouse_answer\"}}", false)]
    [InlineData("us.amazon.nova-lite-v1:0", "\"toolChoice\":{\"tool\":{\"name\":\"gatehouse_answer\"}}", false)]
    [InlineData("meta.llama3-3-70b-instruct-v1:0", "matches this JSON Schema", true)]
    [InlineData("openai.gpt-oss-120b-1:0", "outputConfig", false)]
    public void A_schema_is_native_a_forced_tool_or_words_as_the_model_can(string model, string expected, bool reported)
    {
        var dropped = new List<string>();
        var request = WireFiles.Chat(
            $$$$"""{"model":"m","messages":[{"role":"user","content":"hi"}],"response_format":{"type":"json_schema","json_schema":{"name":"answer","schema":{{{{Schema}}}}}}}""");

        var body = WireFiles.ToBedrock(request, dropped, model);

        Assert.Contains(expected, body, StringComparison.Ordinal);
        Assert.Equal(reported, dropped.Contains("response_format"));
        Assert.Equal(body.Contains("gatehouse_answer", StringComparison.Ordinal), request.AnswersByTool);
    }

    [Fact]
    public void With_tools_of_the_caller_the_answer_is_one_of_those_that_must_be_called()
    {
        var request = WireFiles.Chat(
            $$$$"""{"model":"m","messages":[{"role":"user","content":"hi"}],"tools":[{"type":"function","function":{"name":"f","parameters":{"type":"object"}}}],"response_format":{"type":"json_schema","json_schema":{"name":"answer","schema":{{{{Schema}}}}}}}""");

        var config = JsonElement.Parse(WireFiles.ToBedrock(request, [], "amazon.nova-lite-v1:0")).GetProperty("toolConfig");

        Assert.Equal(
            ["f", "gatehouse_answer"],
            config.GetProperty("tools").EnumerateArray().Select(t => t.GetProperty("toolSpec").GetProperty("name").GetString()));
        Assert.Equal("""{"any":{}}""", config.GetProperty("toolChoice").GetRawText());
    }

    [Fact]
    public void A_conversation_with_calls_names_their_tools_even_if_the_request_does_not()
    {
        var dropped = new List<string>();
        var request = WireFiles.Chat(
            """{"model":"m","messages":[{"role":"user","content":"a"},{"role":"assistant","tool_calls":[{"id":"c","type":"function","function":{"name":"f","arguments":"{}"}}]},{"role":"tool","tool_call_id":"c","content":""}]}""");

        var body = JsonElement.Parse(WireFiles.ToBedrock(request, dropped, Claude));

        Assert.Equal("f", body.GetProperty("toolConfig").GetProperty("tools")[0].GetProperty("toolSpec").GetProperty("name").GetString());
        Assert.Equal(
            """[{"text":"(no output)"}]""",
            body.GetProperty("messages")[2].GetProperty("content")[0].GetProperty("toolResult").GetProperty("content").GetRawText());
        Assert.Empty(dropped);
    }

    [Fact]
    public void Thinking_goes_to_claude_with_its_signature_and_comes_back_with_it()
    {
        var answer = WireFiles.Write(
            to => MessagesAnswerWriter.Write(
                BedrockAnswerReader.Read(WireFiles.Read("bedrock/text.json"), Claude),
                WireFiles.Messages("""{"model":"m","max_tokens":9,"messages":[{"role":"user","content":"hi"}]}"""), to));
        var content = JsonElement.Parse(answer).GetProperty("content").GetRawText();
        var request = WireFiles.Messages(
            $$"""{"model":"m","max_tokens":5000,"thinking":{"type":"enabled","budget_tokens":2000},"messages":[{"role":"user","content":"hi"},{"role":"assistant","content":{{content}}},{"role":"user","content":"go on"}]}""");

        var body = JsonElement.Parse(WireFiles.ToBedrock(request, [], Claude));

        Assert.Equal(
            """{"reasoningContent":{"reasoningText":{"text":"They greet.","signature":"ErcBCkg="}}}""",
            body.GetProperty("messages")[1].GetProperty("content")[0].GetRawText());
        Assert.Equal(
            """{"thinking":{"type":"enabled","budget_tokens":2000}}""", body.GetProperty("additionalModelRequestFields").GetRawText());
    }

    [Theory]
    [InlineData("text")]
    [InlineData("tools")]
    public void Answers_become_those_of_every_client(string name)
    {
        var answer = BedrockAnswerReader.Read(WireFiles.Read($"bedrock/{name}.json"), Claude);
        answer.Id = "id_1";

        WireFiles.AssertGolden(
            $"bedrock-{name}-to-chat.json",
            WireFiles.Pretty(Encoding.UTF8.GetBytes(WireFiles.Write(to => ChatAnswerWriter.Write(answer, to)))));
        WireFiles.AssertGolden(
            $"bedrock-{name}-to-messages.json",
            WireFiles.Pretty(
                Encoding.UTF8.GetBytes(WireFiles.Write(to => MessagesAnswerWriter.Write(answer, WireFiles.Chat(ChatBody), to)))));
        WireFiles.AssertGolden(
            $"bedrock-{name}-to-gemini.json",
            WireFiles.Pretty(Encoding.UTF8.GetBytes(WireFiles.Write(to => GenerateAnswerWriter.Write(answer, to)))));
    }

    [Theory]
    [InlineData("text")]
    [InlineData("tools")]
    [InlineData("refusal")]
    [InlineData("error")]
    [InlineData("truncated")]
    public void Streams_become_those_of_every_client(string name)
    {
        var stream = Encoding.UTF8.GetString(WireFiles.Read($"bedrock/{name}.events"));

        Golden("chat", new ChatStreamWriter(WireFiles.Chat(ChatBody)));
        Golden("messages", new MessagesStreamWriter(WireFiles.Chat(ChatBody)));
        Golden("gemini", new GenerateStreamWriter(WireFiles.Chat(ChatBody), new GenerateFrames(false, false)));

        void Golden(string format, IStreamWriter writer) => WireFiles.AssertGolden(
            $"bedrock-{name}-to-{format}.sse",
            WireFiles.Translate(new BedrockStreamReader(Claude), writer, EventStreamFrames.Encode(stream), new EventStreamParser()));
    }

    [Fact]
    public void An_answer_by_tool_becomes_text_and_its_preface_goes()
    {
        var stream = EventStreamFrames.Encode(Encoding.UTF8.GetString(WireFiles.Read("bedrock/answer-tool.events")));

        var events = WireFiles.Events(new SchemaToolReader(new BedrockStreamReader(Claude)), stream, new EventStreamParser());

        Assert.Equal("""{"answer":42}""", string.Concat(events.OfType<TextEvent>().Select(e => e.Text)));
        Assert.Equal(FinishReason.Stop, events.OfType<FinishedEvent>().Single().Reason);
        Assert.Empty(events.OfType<ToolStartedEvent>());
    }

    [Fact]
    public void Calls_beside_the_answer_keep_their_order_without_a_gap()
    {
        var inner = new BedrockStreamReader(Claude);
        var stream = EventStreamFrames.Encode("""
            {"contentBlockStart":{"contentBlockIndex":0,"start":{"toolUse":{"name":"gatehouse_answer","toolUseId":"a"}}}}
            {"contentBlockDelta":{"contentBlockIndex":0,"delta":{"toolUse":{"input":"{}"}}}}
            {"contentBlockStart":{"contentBlockIndex":1,"start":{"toolUse":{"name":"f","toolUseId":"b"}}}}
            {"contentBlockDelta":{"contentBlockIndex":1,"delta":{"toolUse":{"input":"{\"x\":1}"}}}}
            {"messageStop":{"stopReason":"tool_use"}}
            """);

        var events = WireFiles.Events(new SchemaToolReader(inner), stream, new EventStreamParser());

        Assert.Equal(0, events.OfType<ToolStartedEvent>().Single().Index);
        Assert.Equal((0, """{"x":1}"""), events.OfType<ToolArgumentsEvent>().Select(e => (e.Index, e.Arguments)).Single());
        Assert.Equal(FinishReason.ToolCalls, events.OfType<FinishedEvent>().Single().Reason);
    }

    [Theory]
    [InlineData("malformed_tool_use")]
    [InlineData("malformed_model_output")]
    public void A_model_that_failed_is_no_answer(string reason)
    {
        var body = Encoding.UTF8.GetBytes($$$"""{"output":{"message":{"content":[],"role":"assistant"}},"stopReason":"{{{reason}}}"}""");

        Assert.Throws<FormatException>(() => BedrockAnswerReader.Read(body, Claude));
    }

    [Theory]
    [InlineData("""{"message":"Input is too long for requested model."}""", 400, "context_length_exceeded",
        "Input is too long for requested model.")]
    [InlineData("""{"message":"The request signature we calculated does not match.\n\nThe Canonical String for this request should have been\n'POST\nx-amz-security-token:SECRET"}""", 403, null, "The request signature we calculated does not match.")]
    [InlineData("<html>", 502, null, "The provider answered with status 502 and no message.")]
    [InlineData("""{"Message":"User is not authorized"}""", 403, null, "User is not authorized")]
    public void Errors_are_read_and_secrets_that_they_repeat_are_not(string body, int status, string? code, string message)
    {
        var error = BedrockErrorReader.Read(Encoding.UTF8.GetBytes(body), status);

        Assert.Equal((code, message), (error.Code, error.Message));
    }

    [Theory]
    [InlineData("throttlingException", 429)]
    [InlineData("validationException", 400)]
    [InlineData("modelStreamErrorException", 500)]
    [InlineData("internalServerException", 500)]
    [InlineData("serviceUnavailableException", 503)]
    [InlineData("modelTimeoutException", 408)]
    public void Exceptions_within_a_stream_have_the_status_they_would_have_had_before_it(string name, int status)
    {
        var error = BedrockErrorReader.Read(Encoding.UTF8.GetBytes($$$"""{"{{{name}}}":{"message":"m"}}"""), 0);

        Assert.Equal(status, BedrockErrorReader.StatusOf(error));
    }

    /// <summary>Without the image by address, which Bedrock cannot fetch.</summary>
    private static byte[] WithoutAddress(string file)
    {
        var lines = Encoding.UTF8.GetString(WireFiles.Read(file)).Split('\n').Where(l => !l.Contains("cat.jpg", StringComparison.Ordinal));
        return Encoding.UTF8.GetBytes(string.Join('\n', lines));
    }
}

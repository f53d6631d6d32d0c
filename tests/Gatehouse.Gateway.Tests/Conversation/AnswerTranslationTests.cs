using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Gatehouse.Contracts;
using Gatehouse.Gateway.Chat;
using Gatehouse.Gateway.Conversation;
using Gatehouse.Gateway.Messages;
using Gatehouse.Gateway.Providers;
using Gatehouse.Gateway.Providers.Anthropic;
using Gatehouse.Gateway.Providers.OpenAi;
using Gatehouse.Gateway.Tests.Wire;

namespace Gatehouse.Gateway.Tests.Conversation;

public sealed class AnswerTranslationTests
{
    private static readonly ChatRequest Asked = WireFiles.Messages(
        """{"model":"m","max_tokens":9,"messages":[{"role":"user","content":"12345678"}]}""");

    [Fact]
    public void A_message_whose_provider_counted_nothing_has_an_estimate_and_no_zeros()
    {
        var answer = OpenAiAnswerReader.Read("""{"choices":[{"index":0,"message":{"content":"12345678901"},"finish_reason":"stop"}]}"""u8);

        var body = WireFiles.Write(to => MessagesAnswerWriter.Write(answer, Asked, to));

        Assert.Contains(
            "\"usage\":{\"input_tokens\":2,\"cache_creation_input_tokens\":0,\"cache_read_input_tokens\":0,\"output_tokens\":3}", body);
    }

    [Theory]
    [InlineData("text")]
    [InlineData("tools")]
    [InlineData("refusal")]
    [InlineData("reasoning")]
    public void A_chat_answer_becomes_a_message(string name)
    {
        var answer = OpenAiAnswerReader.Read(WireFiles.Read($"openai/{name}.json"));

        var body = WireFiles.Write(to => MessagesAnswerWriter.Write(answer, Asked, to));

        WireFiles.AssertGolden($"openai-{name}-to-messages.json", WireFiles.Pretty(Encoding.UTF8.GetBytes(body)));
    }

    [Theory]
    [InlineData("text")]
    [InlineData("tools")]
    [InlineData("refusal")]
    public void A_message_becomes_a_chat_answer(string name)
    {
        var answer = AnthropicAnswerReader.Read(WireFiles.Read($"anthropic/{name}.json"));

        var body = WireFiles.Write(to => ChatAnswerWriter.Write(answer, to));

        WireFiles.AssertGolden($"anthropic-{name}-to-chat.json", WireFiles.Pretty(Encoding.UTF8.GetBytes(body)));
    }

    [Fact]
    public void Signed_thinking_survives_the_turn_through_a_chat_client()
    {
        var answer = AnthropicAnswerReader.Read(WireFiles.Read("anthropic/tools.json"));
        var message = JsonNode.Parse(WireFiles.Write(to => ChatAnswerWriter.Write(answer, to)))!["choices"]![0]!["message"]!.DeepClone();
        var next = new JsonObject
        {
            ["model"] = "m",
            ["messages"] = new JsonArray(
                new JsonObject { ["role"] = "user", ["content"] = "hi" },
                message,
                new JsonObject { ["role"] = "tool", ["tool_call_id"] = "toolu_01A", ["content"] = "Sunny" }),
        };

        var sent = JsonElement.Parse(WireFiles.ToAnthropic(WireFiles.Chat(next.ToJsonString()), []));

        var original = JsonElement.Parse(WireFiles.Read("anthropic/tools.json")).GetProperty("content");
        Assert.True(JsonElement.DeepEquals(original, sent.GetProperty("messages")[1].GetProperty("content")), sent.GetRawText());
    }

    [Fact]
    public void A_custom_tool_and_a_legacy_function_come_back_in_the_form_they_were_asked()
    {
        const string Messages = """ "model":"m","messages":[{"role":"user","content":"hi"}] """;
        var answer = new ChatAnswer { Id = "1", Model = "m", Created = 1 };
        answer.Choices.Add(new ChatChoice { Finish = FinishReason.ToolCalls });
        answer.Choices[0].Parts.Add(new ToolCallPart("t", "run_sql", """{"input":"select 1"}"""));

        var custom = WireFiles.Write(to => ChatAnswerWriter.Write(
            answer, to, WireFiles.Chat("{" + Messages + ""","tools":[{"type":"custom","custom":{"name":"run_sql"}}]}""")));
        var legacy = WireFiles.Write(to => ChatAnswerWriter.Write(
            answer, to, WireFiles.Chat("{" + Messages + ""","functions":[{"name":"run_sql"}]}""")));

        Assert.Contains("""{"id":"t","type":"custom","custom":{"name":"run_sql","input":"select 1"}}""", custom);
        Assert.Contains(""" "function_call":{"name":"run_sql" """.Trim(), legacy);
        Assert.Contains(""" "finish_reason":"function_call" """.Trim(), legacy);
    }

    [Theory]
    [InlineData("")]
    [InlineData("<html>")]
    [InlineData("[]")]
    [InlineData("{}")]
    [InlineData("""{"choices":[]}""")]
    [InlineData("""{"choices":[{}]}""")]
    [InlineData("""{"content":"x"}""")]
    public void What_is_no_answer_is_told(string body)
    {
        Assert.Throws<FormatException>(() => OpenAiAnswerReader.Read(Encoding.UTF8.GetBytes(body)));
        Assert.Throws<FormatException>(() => AnthropicAnswerReader.Read(Encoding.UTF8.GetBytes(body)));
    }

    [Theory]
    [InlineData("openai/tools.json")]
    [InlineData("anthropic/tools.json")]
    public void Mutated_answers_are_translated_or_told(string file)
    {
        Seeds.ForAll(random =>
        {
            var body = WireFiles.Read(file);
            for (var i = random.Next(1, 4); i > 0; i--)
            {
                body[random.Next(body.Length)] = (byte)(random.Next(3) == 0 ? random.Next(256) : "\"{}[]:,0n\\ud"u8[random.Next(12)]);
            }

            try
            {
                WireFiles.Write(to => MessagesAnswerWriter.Write(OpenAiAnswerReader.Read(body), Asked, to));
                WireFiles.Write(to => ChatAnswerWriter.Write(AnthropicAnswerReader.Read(body), to));
            }
            catch (FormatException)
            {
                // how a broken answer is told
            }

            Assert.NotEmpty(OpenAiErrorReader.Read(body, 500).Message);
            Assert.NotEmpty(AnthropicErrorReader.Read(body, 500).Message);
        });
    }

    [Fact]
    public void Stop_reasons_have_a_name_in_both_formats_and_come_back()
    {
        foreach (var reason in Enum.GetValues<FinishReason>())
        {
            Assert.Equal(reason, StopReasons.FromAnthropic(StopReasons.ToAnthropic(reason)));
        }

        foreach (var name in new[] { "stop", "length", "tool_calls", "content_filter" })
        {
            Assert.Equal(name, StopReasons.ToOpenAi(StopReasons.FromOpenAi(name)));
        }

        Assert.Equal("length", StopReasons.ToOpenAi(StopReasons.FromAnthropic("model_context_window_exceeded")));
        Assert.Equal("stop", StopReasons.ToOpenAi(StopReasons.FromAnthropic("pause_turn")));
    }

    [Fact]
    public void Errors_are_read_whatever_a_server_sends()
    {
        Assert.Equal(
            new UpstreamError(
                "context_length_exceeded", "invalid_request_error",
                "This model's maximum context length is 128000 tokens. However, your messages resulted in 130012 tokens.", "messages"),
            OpenAiErrorReader.Read(WireFiles.Read("openai/error.json"), 400));
        Assert.Equal("rate_limit_error", AnthropicErrorReader.Read(WireFiles.Read("anthropic/error.json"), 429).Type);
        Assert.Equal("model not found", OpenAiErrorReader.Read("""{"error":"model not found"}"""u8, 404).Message);
        Assert.Equal("429", OpenAiErrorReader.Read("""{"error":{"code":429,"message":"slow"}}"""u8, 429).Code);
        Assert.Contains("503", OpenAiErrorReader.Read("<html>"u8, 503).Message);
        Assert.Contains("529", AnthropicErrorReader.Read(""u8, 529).Message);
    }

    [Theory]
    [InlineData(400, "invalid_request_error", "invalid_request_error")]
    [InlineData(401, "authentication_error", "authentication_error")]
    [InlineData(402, "insufficient_quota", "billing_error")]
    [InlineData(403, "permission_error", "permission_error")]
    [InlineData(404, "invalid_request_error", "not_found_error")]
    [InlineData(413, "invalid_request_error", "request_too_large")]
    [InlineData(422, "invalid_request_error", "invalid_request_error")]
    [InlineData(429, "rate_limit_error", "rate_limit_error")]
    [InlineData(500, "server_error", "api_error")]
    [InlineData(503, "server_error", "overloaded_error")]
    [InlineData(504, "server_error", "timeout_error")]
    public void Errors_have_the_type_that_clients_know(int status, string chat, string messages)
    {
        var problem = new Problem("some_code", status, "Say what to change.") { Field = "model" };

        var chatBody = JsonElement.Parse(WireFiles.Write(to => ChatErrors.Write(problem, "req_1", to)));
        var messagesBody = JsonElement.Parse(WireFiles.Write(to => MessagesErrors.Write(problem, "req_1", to)));

        Assert.Equal(
            $$"""{"error":{"message":"Say what to change.","type":"{{chat}}","param":"model","code":"some_code"},"request_id":"req_1"}""",
            chatBody.GetRawText());
        Assert.Equal(
            $$"""{"type":"error","error":{"type":"{{messages}}","message":"Say what to change."},"request_id":"req_1"}""",
            messagesBody.GetRawText());
    }
}

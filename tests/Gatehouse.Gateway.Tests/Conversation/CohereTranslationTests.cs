using System.Text;
using System.Text.Json;
using Gatehouse.Contracts;
using Gatehouse.Gateway.Chat;
using Gatehouse.Gateway.Conversation;
using Gatehouse.Gateway.Messages;
using Gatehouse.Gateway.Providers.Cohere;
using Gatehouse.Gateway.Tests.Wire;

namespace Gatehouse.Gateway.Tests.Conversation;

public sealed class CohereTranslationTests
{
    private const string ChatBody =
        """{"model":"m","stream":true,"stream_options":{"include_usage":true},"messages":[{"role":"user","content":"hi"}]}""";

    [Fact]
    public void A_full_chat_request_becomes_a_cohere_request_and_names_what_it_cannot_carry()
    {
        var dropped = new List<string>();

        var body = ToCohere(ChatRequestReader.Read(WithoutFiles("openai/request.json")), dropped);

        WireFiles.AssertGolden("chat-request-to-cohere.json", WireFiles.Pretty(Encoding.UTF8.GetBytes(body)));
        Assert.Equal(
            [
                "messages[].name", "metadata", "logit_bias", "some_new_field", "logprobs", "top_logprobs", "user", "parallel_tool_calls",
                "cache_control",
                "messages[].content[].input_audio", "messages[].reasoning_content", "temperature",
            ],
            dropped);
    }

    [Fact]
    public void A_schema_is_native_alone_and_a_tool_beside_tools()
    {
        const string Format =
            "\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{\"name\":\"a\",\"schema\":{\"type\":\"object\"}}}";
        var alone = WireFiles.Chat($$"""{"model":"m","messages":[{"role":"user","content":"hi"}],{{Format}}}""");
        var beside = WireFiles.Chat(
            $$$"""{"model":"m","messages":[{"role":"user","content":"hi"}],"tools":[{"type":"function","function":{"name":"f"}}],{{{Format}}}}""");

        Assert.Contains("""{"type":"json_object","schema":{"type":"object"}}""", ToCohere(alone, []), StringComparison.Ordinal);
        Assert.False(alone.AnswersByTool);
        Assert.Contains("\"tool_choice\":\"REQUIRED\"", ToCohere(beside, []), StringComparison.Ordinal);
        Assert.True(beside.AnswersByTool);
    }

    [Fact]
    public void One_named_tool_is_the_only_one_offered()
    {
        var request = WireFiles.Chat(
            """{"model":"m","messages":[{"role":"user","content":"hi"}],"tools":[{"type":"function","function":{"name":"a"}},{"type":"function","function":{"name":"b"}}],"tool_choice":{"type":"function","function":{"name":"b"}}}""");

        var body = JsonElement.Parse(ToCohere(request, []));

        Assert.Equal(
            "b", Assert.Single(body.GetProperty("tools").EnumerateArray()).GetProperty("function").GetProperty("name").GetString());
        Assert.Equal("REQUIRED", body.GetProperty("tool_choice").GetString());
    }

    [Fact]
    public void Files_are_refused()
    {
        var problem = Assert.Throws<ProblemException>(
            () => ToCohere(ChatRequestReader.Read(WireFiles.Read("openai/request.json")), [])).Problem;

        Assert.Equal(("unsupported_content", 400), (problem.Code, problem.Status));
    }

    [Theory]
    [InlineData("text")]
    [InlineData("tools")]
    public void Answers_and_streams_become_those_of_every_client(string name)
    {
        var answer = CohereAnswerReader.Read(WireFiles.Read($"cohere/{name}.json"), "command-a");
        var stream = WireFiles.Read($"cohere/{name}.sse");

        WireFiles.AssertGolden(
            $"cohere-{name}-to-chat.json",
            WireFiles.Pretty(Encoding.UTF8.GetBytes(WireFiles.Write(to => ChatAnswerWriter.Write(answer, to)))));
        WireFiles.AssertGolden(
            $"cohere-{name}-to-messages.json",
            WireFiles.Pretty(
                Encoding.UTF8.GetBytes(WireFiles.Write(to => MessagesAnswerWriter.Write(answer, WireFiles.Chat(ChatBody), to)))));
        WireFiles.AssertGolden(
            $"cohere-{name}-to-chat.sse",
            WireFiles.Translate(new CohereStreamReader("command-a"), new ChatStreamWriter(WireFiles.Chat(ChatBody)), stream));
        WireFiles.AssertGolden(
            $"cohere-{name}-to-messages.sse",
            WireFiles.Translate(new CohereStreamReader("command-a"), new MessagesStreamWriter(WireFiles.Chat(ChatBody)), stream));
    }

    [Theory]
    [InlineData("ERROR")]
    [InlineData("TIMEOUT")]
    public void A_model_that_failed_is_no_answer(string reason) => Assert.Throws<FormatException>(
        () => CohereAnswerReader.Read(Encoding.UTF8.GetBytes($$$"""{"message":{"content":[]},"finish_reason":"{{{reason}}}"}"""), "m"));

    private static string ToCohere(ChatRequest r, List<string> dropped) =>
        WireFiles.Write(to => CohereRequestWriter.Write(r, "command-a-03-2025", to, dropped));

    private static byte[] WithoutFiles(string file)
    {
        var lines = Encoding.UTF8.GetString(WireFiles.Read(file)).Split('\n')
            .Where(l => !l.Contains("paper.pdf", StringComparison.Ordinal));
        return Encoding.UTF8.GetBytes(string.Join('\n', lines));
    }
}

using System.Text.Json;
using Gatehouse.Gateway.Tests.Wire;

namespace Gatehouse.Gateway.Tests.Conversation;

/// <summary>Servers that resemble OpenAI, where they differ.</summary>
public sealed class QuirkTests
{
    private const string Conversation =
        """{"model":"m","max_tokens":9,"metadata":{"user_id":"u"},"messages":[{"role":"user","content":"hi"},{"role":"assistant","content":[{"type":"tool_use","id":"toolu_01","name":"f","input":{}}]},{"role":"user","content":[{"type":"tool_result","tool_use_id":"toolu_01","content":"x"}]}],"tools":[{"name":"f","input_schema":{"type":"object"}}],"tool_choice":{"type":"any","disable_parallel_tool_use":true}}""";

    private const string Schema =
        """{"model":"m","max_tokens":9,"messages":[{"role":"user","content":"hi"}],"output_config":{"format":{"type":"json_schema","schema":{"type":"object","properties":{"a":{"type":"string"}},"required":["a"],"additionalProperties":false}}}}""";

    [Fact]
    public void Mistral_gets_ids_of_nine_characters_the_same_in_call_and_result()
    {
        var dropped = new List<string>();

        var messages = JsonElement.Parse(Write("mistral", Conversation, dropped)).GetProperty("messages");

        var id = messages[1].GetProperty("tool_calls")[0].GetProperty("id").GetString()!;
        Assert.Equal(id, messages[2].GetProperty("tool_call_id").GetString());
        Assert.True(id.Length == 9 && id.All(char.IsAsciiLetterOrDigit), id);
        Assert.Equal(["metadata.user_id"], dropped);
    }

    [Fact]
    public void Mistrals_seed_has_a_name_of_its_own()
    {
        var request = Gatehouse.Gateway.Generate.GenerateRequestReader.Read(
            """{"contents":[{"parts":[{"text":"hi"}]}],"generationConfig":{"seed":7}}"""u8.ToArray(), "m", false);

        Assert.Contains(
            "\"random_seed\":7", WireFiles.ToOpenAi(request, [], "m", WireFiles.OpenAi with { Kind = "mistral" }),
            StringComparison.Ordinal);
    }

    [Fact]
    public void DeepSeek_gets_a_schema_as_a_tool_that_must_be_called()
    {
        var dropped = new List<string>();

        var body = JsonElement.Parse(Write("deepseek", Schema, dropped));

        Assert.False(body.TryGetProperty("response_format", out _));
        Assert.Equal("gatehouse_answer", body.GetProperty("tool_choice").GetProperty("function").GetProperty("name").GetString());
        Assert.Empty(dropped);
    }

    [Fact]
    public void Ollama_is_not_asked_to_force_tools_and_that_is_reported()
    {
        var dropped = new List<string>();

        var body = JsonElement.Parse(Write("ollama", Conversation, dropped));

        Assert.False(body.TryGetProperty("tool_choice", out _));
        Assert.Equal(["tool_choice", "tool_choice.disable_parallel_tool_use", "metadata.user_id"], dropped);
    }

    [Theory]
    [InlineData("vllm", true)]
    [InlineData("together", true)]
    [InlineData("openai", false)]
    public void Top_k_goes_where_it_is_known(string kind, bool taken)
    {
        var dropped = new List<string>();

        var body = Write(kind, """{"model":"m","max_tokens":9,"top_k":5,"messages":[{"role":"user","content":"hi"}]}""", dropped);

        Assert.Equal((taken, !taken), (body.Contains("\"top_k\":5", StringComparison.Ordinal), dropped.Contains("top_k")));
    }

    private static string Write(string kind, string messages, List<string> dropped) =>
        WireFiles.ToOpenAi(WireFiles.Messages(messages), dropped, "m", WireFiles.OpenAi with { Kind = kind });
}

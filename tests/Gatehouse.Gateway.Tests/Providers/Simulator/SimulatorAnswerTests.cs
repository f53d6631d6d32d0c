using System.Text.Json;
using System.Text.Json.Nodes;
using Gatehouse.Gateway.Providers;
using Gatehouse.Gateway.Providers.Simulator;

namespace Gatehouse.Gateway.Tests.Providers.Simulator;

public sealed class SimulatorAnswerTests
{
    private const string WeatherSchema = """
        {"type":"object","required":["city","unit"],"properties":{"city":{"type":"string"},"unit":{"enum":["c","f"]},"days":{"type":"integer"}}}
        """;

    private readonly SimulatorUpstream _simulator = new(new SimulatorSettings(), new ManualClock());

    [Fact]
    public async Task It_says_that_it_is_no_model_and_what_was_asked()
    {
        var answer = await _simulator.AnswerAsync(SimulatorCalls.Request("Why is the sky blue?"));

        var choice = answer.GetProperty("choices")[0];
        var text = choice.GetProperty("message").GetProperty("content").GetString();
        Assert.Contains("simulator, not a language model", text, StringComparison.Ordinal);
        Assert.Contains("“Why is the sky blue?”", text, StringComparison.Ordinal);
        Assert.Equal("stop", choice.GetProperty("finish_reason").GetString());
        Assert.Equal("sim", answer.GetProperty("model").GetString());
        Assert.Equal("chat.completion", answer.GetProperty("object").GetString());
    }

    [Fact]
    public async Task Usage_counts_four_characters_as_a_token()
    {
        var answer = await _simulator.AnswerAsync(SimulatorCalls.Request("12345678 "));

        var usage = answer.GetProperty("usage");
        var text = answer.GetProperty("choices")[0].GetProperty("message").GetProperty("content").GetString()!;
        Assert.Equal(3, usage.GetProperty("prompt_tokens").GetInt32());
        Assert.Equal((text.Length + 3) / 4, usage.GetProperty("completion_tokens").GetInt32());
        Assert.Equal(3 + ((text.Length + 3) / 4), usage.GetProperty("total_tokens").GetInt32());
    }

    [Fact]
    public async Task The_same_seed_and_request_get_the_same_answer_and_others_get_another()
    {
        var request = SimulatorCalls.Request("Hello");
        var other = new SimulatorUpstream(new SimulatorSettings { Seed = 2 }, new ManualClock());

        var first = await _simulator.AnswerAsync(request);
        var second = await _simulator.AnswerAsync(request);
        var third = await other.AnswerAsync(request);

        Assert.Equal(first.GetRawText(), second.GetRawText());
        Assert.NotEqual(first.GetRawText(), third.GetRawText());
    }

    [Fact]
    public async Task A_stream_gives_the_same_text_as_a_whole_answer_and_ends_as_OpenAI_does()
    {
        var request = SimulatorCalls.Request("Grüße 🎈 an alle", stream: true);
        request["stream_options"] = new JsonObject { ["include_usage"] = true };

        var events = await _simulator.EventsAsync(request);
        request["stream"] = false;
        var whole = await _simulator.AnswerAsync(request);

        Assert.Equal("[DONE]", events[^1]);
        Assert.Equal(
            whole.GetProperty("choices")[0].GetProperty("message").GetProperty("content").GetString(), SimulatorCalls.Joined(events));
        var usage = JsonElement.Parse(events[^2]);
        Assert.Equal(0, usage.GetProperty("choices").GetArrayLength());
        Assert.Equal(whole.GetProperty("usage").GetRawText(), usage.GetProperty("usage").GetRawText());
        Assert.Equal("stop", JsonElement.Parse(events[^3]).GetProperty("choices")[0].GetProperty("finish_reason").GetString());
        Assert.Equal(
            "assistant", JsonElement.Parse(events[0]).GetProperty("choices")[0].GetProperty("delta").GetProperty("role").GetString());
    }

    [Fact]
    public async Task A_stream_reports_usage_only_when_it_is_asked_for()
    {
        var events = await _simulator.EventsAsync(SimulatorCalls.Request("Hello", stream: true));

        Assert.DoesNotContain(events, e => e.Contains("usage", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("max_tokens")]
    [InlineData("max_completion_tokens")]
    public async Task A_limit_of_tokens_cuts_the_answer(string field)
    {
        var request = SimulatorCalls.Request("Hello");
        request[field] = 5;

        var answer = await _simulator.AnswerAsync(request);

        Assert.Equal("length", answer.GetProperty("choices")[0].GetProperty("finish_reason").GetString());
        Assert.Equal(5, answer.GetProperty("usage").GetProperty("completion_tokens").GetInt32());
        Assert.Equal("I am Gatehouse's sim", answer.GetProperty("choices")[0].GetProperty("message").GetProperty("content").GetString());
    }

    [Fact]
    public async Task A_stop_sequence_ends_the_answer_before_it()
    {
        var request = SimulatorCalls.Request("Hello");
        request["stop"] = new JsonArray(", not");

        var answer = await _simulator.AnswerAsync(request);

        Assert.Equal(
            "I am Gatehouse's simulator", answer.GetProperty("choices")[0].GetProperty("message").GetProperty("content").GetString());
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Several_choices_differ(bool stream)
    {
        var request = SimulatorCalls.Request("Hello", stream);
        request["n"] = 3;

        var texts = stream
            ? await StreamedAsync()
            : (await _simulator.AnswerAsync(request)).GetProperty("choices").EnumerateArray()
                .Select(c => c.GetProperty("message").GetProperty("content").GetString()!).ToList();

        Assert.Equal(3, texts.Distinct().Count());

        async Task<List<string>> StreamedAsync()
        {
            var events = await _simulator.EventsAsync(request);
            return [.. Enumerable.Range(0, 3).Select(i => SimulatorCalls.Joined(events, i))];
        }
    }

    [Fact]
    public async Task Reasoning_effort_costs_tokens_that_are_part_of_the_output()
    {
        var request = SimulatorCalls.Request("Hello");
        var without = (await _simulator.AnswerAsync(request)).GetProperty("usage").GetProperty("completion_tokens").GetInt32();
        request["reasoning_effort"] = "medium";

        var usage = (await _simulator.AnswerAsync(request)).GetProperty("usage");

        Assert.Equal(128, usage.GetProperty("completion_tokens_details").GetProperty("reasoning_tokens").GetInt32());
        Assert.Equal(without + 128, usage.GetProperty("completion_tokens").GetInt32());
    }

    [Theory]
    [InlineData("\"required\"", "Hello", "weather")]
    [InlineData("""{"type":"function","function":{"name":"time"}}""", "Hello", "time")]
    [InlineData("\"auto\"", "Please call time", "time")]
    [InlineData("\"auto\"", "Call weather and time.", "weather,time")]
    [InlineData("\"auto\"", "call weather twice", "weather,weather")]
    [InlineData("\"auto\"", "call weather 3 times", "weather,weather,weather")]
    [InlineData("\"auto\"", "How is the weather?", "")]
    [InlineData("\"none\"", "call weather", "")]
    public async Task Tools_are_called_when_forced_or_asked_for(string choice, string text, string expected)
    {
        var request = WithTools(text);
        request["tool_choice"] = JsonNode.Parse(choice);

        var answer = (await _simulator.AnswerAsync(request)).GetProperty("choices")[0];

        var calls = ToolCalls(answer);
        Assert.Equal(expected, string.Join(',', calls.Select(c => c.GetProperty("function").GetProperty("name").GetString())));
        Assert.Equal(expected.Length > 0 ? "tool_calls" : "stop", answer.GetProperty("finish_reason").GetString());
        Assert.Equal(calls.Count, calls.Select(c => c.GetProperty("id").GetString()).Distinct().Count());
        foreach (var call in calls.Where(c => c.GetProperty("function").GetProperty("name").GetString() == "weather"))
        {
            var arguments = JsonElement.Parse(call.GetProperty("function").GetProperty("arguments").GetString()!);
            Assert.NotEmpty(arguments.GetProperty("city").GetString()!);
            Assert.Contains(arguments.GetProperty("unit").GetString(), new[] { "c", "f" });
        }
    }

    [Fact]
    public async Task One_tool_at_a_time_when_parallel_calls_are_off()
    {
        var request = WithTools("call weather and time");
        request["parallel_tool_calls"] = false;

        Assert.Single(ToolCalls((await _simulator.AnswerAsync(request)).GetProperty("choices")[0]));
    }

    [Fact]
    public async Task A_streamed_tool_call_arrives_in_pieces_that_join_to_the_same_call()
    {
        var request = WithTools("call weather and time");
        var whole = ToolCalls((await _simulator.AnswerAsync(request)).GetProperty("choices")[0]);
        request["stream"] = true;

        var deltas = (await _simulator.EventsAsync(request)).Where(e => e.StartsWith('{')).Select(e => JsonElement.Parse(e))
            .SelectMany(SimulatorCalls.Choices).Select(c => c.GetProperty("delta"))
            .Where(d => d.TryGetProperty("tool_calls", out _)).Select(d => d.GetProperty("tool_calls")[0]).ToList();

        for (var index = 0; index < 2; index++)
        {
            var mine = deltas.Where(d => d.GetProperty("index").GetInt32() == index).ToList();
            Assert.Equal(whole[index].GetProperty("id").GetString(), mine[0].GetProperty("id").GetString());
            Assert.Equal(
                whole[index].GetProperty("function").GetProperty("arguments").GetString(),
                string.Concat(mine.Select(d => d.GetProperty("function").GetProperty("arguments").GetString())));
        }
    }

    [Fact]
    public async Task After_a_tools_result_the_answer_is_text_about_it()
    {
        var request = WithTools("call weather");
        request["messages"]!.AsArray().Add(new JsonObject { ["role"] = "tool", ["tool_call_id"] = "call_1", ["content"] = "21 degrees" });

        var choice = (await _simulator.AnswerAsync(request)).GetProperty("choices")[0];

        Assert.Contains(
            "The tool answered: “21 degrees”", choice.GetProperty("message").GetProperty("content").GetString(), StringComparison.Ordinal);
        Assert.Equal("stop", choice.GetProperty("finish_reason").GetString());
    }

    [Fact]
    public async Task A_json_schema_is_answered_with_JSON_that_it_allows()
    {
        var request = SimulatorCalls.Request("Hello");
        request["response_format"] = JsonNode.Parse(
            $$$"""{"type":"json_schema","json_schema":{"name":"w","schema":{{{WeatherSchema}}}}}""");

        var text = (await _simulator.AnswerAsync(request)).GetProperty("choices")[0].GetProperty("message").GetProperty("content")
            .GetString()!;

        Assert.Contains(JsonElement.Parse(text).GetProperty("unit").GetString(), new[] { "c", "f" });
    }

    [Fact]
    public async Task A_json_object_is_answered_with_JSON()
    {
        var request = SimulatorCalls.Request("Say \"hi\"\n");
        request["response_format"] = new JsonObject { ["type"] = "json_object" };

        var text = (await _simulator.AnswerAsync(request)).GetProperty("choices")[0].GetProperty("message").GetProperty("content")
            .GetString()!;

        Assert.Equal("Say \"hi\"\n", JsonElement.Parse(text).GetProperty("asked").GetString());
    }

    [Theory]
    [InlineData("[1]")]
    [InlineData("""{"model":"sim"}""")]
    [InlineData("""{"model":"sim","messages":[]}""")]
    [InlineData("""{"model":"sim","n":99,"messages":[{"role":"user","content":"x"}]}""")]
    [InlineData("""{"model":"sim","messages":[{"role":"user","content":"[simulator: explode]"}]}""")]
    [InlineData("""{"model":""")]
    public async Task A_wrong_request_is_400_with_an_error_object(string body)
    {
        var request = new UpstreamRequest("/chat/completions", System.Text.Encoding.UTF8.GetBytes(body), [], TimeSpan.FromSeconds(1));

        await using var answer = await _simulator.SendAsync(request, TestContext.Current.CancellationToken);

        Assert.Equal(400, answer.Status);
        var error = JsonElement.Parse(await SimulatorCalls.TextAsync(answer)).GetProperty("error");
        Assert.Equal("invalid_request_error", error.GetProperty("type").GetString());
        Assert.NotEmpty(error.GetProperty("message").GetString()!);
    }

    private static JsonObject WithTools(string text)
    {
        var request = SimulatorCalls.Request(text);
        request["tools"] = new JsonArray(
            SimulatorCalls.Tool("weather", WeatherSchema), SimulatorCalls.Tool("time", """{"type":"object","properties":{}}"""));
        return request;
    }

    private static List<JsonElement> ToolCalls(JsonElement choice) =>
        choice.GetProperty("message").TryGetProperty("tool_calls", out var calls) ? [.. calls.EnumerateArray()] : [];
}

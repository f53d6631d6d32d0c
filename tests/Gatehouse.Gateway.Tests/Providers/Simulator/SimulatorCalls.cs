using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Gatehouse.Gateway.Providers;
using Gatehouse.Gateway.Providers.Simulator;

namespace Gatehouse.Gateway.Tests.Providers.Simulator;

/// <summary>Calls of a simulator and what came back.</summary>
internal static class SimulatorCalls
{
    public static JsonObject Request(string text, bool stream = false) => new()
    {
        ["model"] = "sim",
        ["stream"] = stream,
        ["messages"] = new JsonArray(new JsonObject { ["role"] = "user", ["content"] = text }),
    };

    public static JsonObject Tool(string name, string schema) => new()
    {
        ["type"] = "function",
        ["function"] = new JsonObject { ["name"] = name, ["parameters"] = JsonNode.Parse(schema) },
    };

    public static ValueTask<UpstreamAnswer> SendAsync(this SimulatorUpstream upstream, JsonObject request, CancellationToken ct) =>
        upstream.SendAsync(
            new UpstreamRequest("/chat/completions", Encoding.UTF8.GetBytes(request.ToJsonString()), [], TimeSpan.FromSeconds(1)), ct);

    public static async Task<JsonElement> AnswerAsync(this SimulatorUpstream upstream, JsonObject request)
    {
        await using var answer = await upstream.SendAsync(request, TestContext.Current.CancellationToken);
        return JsonElement.Parse(await TextAsync(answer));
    }

    public static async Task<string> TextAsync(UpstreamAnswer answer)
    {
        using var reader = new StreamReader(answer.Body);
        return await reader.ReadToEndAsync(TestContext.Current.CancellationToken);
    }

    /// <summary>The data of each event of a stream.</summary>
    public static async Task<List<string>> EventsAsync(this SimulatorUpstream upstream, JsonObject request)
    {
        await using var answer = await upstream.SendAsync(request, TestContext.Current.CancellationToken);
        Assert.Equal("text/event-stream; charset=utf-8", answer.Header("Content-Type"));
        return Events(await TextAsync(answer));
    }

    public static List<string> Events(string body) =>
        [.. body.Split("\n\n", StringSplitOptions.RemoveEmptyEntries).Select(
            e => e.StartsWith("data: ", StringComparison.Ordinal) ? e[6..] : e)];

    /// <summary>The text, or the arguments of the tool calls by index, that a stream's chunks make together.</summary>
    public static string Joined(IEnumerable<string> events, int choice = 0)
    {
        var text = new StringBuilder();
        foreach (var delta in events.Where(e => e.StartsWith('{')).Select(e => JsonElement.Parse(e)).SelectMany(Choices)
            .Where(c => Index(c) == choice))
        {
            if (delta.GetProperty("delta").TryGetProperty("content", out var content))
            {
                text.Append(content.GetString());
            }
        }

        return text.ToString();
    }

    public static IEnumerable<JsonElement> Choices(JsonElement chunk) =>
        chunk.TryGetProperty("choices", out var choices) ? choices.EnumerateArray() : [];

    private static int Index(JsonElement choice) => choice.GetProperty("index").GetInt32();
}

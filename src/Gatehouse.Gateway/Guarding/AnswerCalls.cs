using System.Text.Json;
using Gatehouse.Gateway.Conversation;

namespace Gatehouse.Gateway.Guarding;

/// <summary>A tool call of a whole answer.</summary>
/// <param name="Arguments">As JSON, or as what the model wrote instead.</param>
/// <param name="IsText">They stand in a string.</param>
internal sealed record AnswerCall(string Name, string Arguments, bool IsText);

/// <summary>The tool calls of a whole answer, of all formats in one walk, in their order; and whether the format says it refuses.</summary>
internal static class AnswerCalls
{
    private const int MaxDepth = 32;

    public static List<AnswerCall> Read(ReadOnlySpan<byte> answer, out bool refuses)
    {
        var calls = new List<AnswerCall>();
        refuses = false;
        var root = WireJson.ParseAnswer(answer);
        foreach (var name in (string[])["choices", "content", "output", "candidates"])
        {
            if (WireJson.TryGet(root, name, out var value))
            {
                Walk(value, calls, ref refuses, 0);
            }
        }

        return calls;
    }

    private static void Walk(JsonElement value, List<AnswerCall> to, ref bool refuses, int depth)
    {
        if (depth > MaxDepth)
        {
            return;
        }

        if (value.ValueKind == JsonValueKind.Array)
        {
            foreach (var item in value.EnumerateArray())
            {
                Walk(item, to, ref refuses, depth + 1);
            }
        }
        else if (value.ValueKind == JsonValueKind.Object)
        {
            refuses |= WireJson.StringOrNull(value, "refusal") is { Length: > 0 };
            if (WireJson.StringOrNull(value, "name") is { } name && Arguments(value) is { } arguments)
            {
                to.Add(arguments.ValueKind == JsonValueKind.String
                    ? new AnswerCall(name, arguments.GetString()!, IsText: true)
                    : new AnswerCall(name, arguments.GetRawText(), IsText: false));
                return;
            }

            foreach (var member in value.EnumerateObject())
            {
                Walk(member.Value, to, ref refuses, depth + 1);
            }
        }
    }

    private static JsonElement? Arguments(JsonElement call) =>
        call.TryGetProperty("arguments", out var value) || call.TryGetProperty("args", out value)
        || (call.TryGetProperty("input", out value) && value.ValueKind == JsonValueKind.Object)
            ? value
            : null;
}

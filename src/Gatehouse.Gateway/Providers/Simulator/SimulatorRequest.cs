using System.Diagnostics.CodeAnalysis;
using System.Text;
using System.Text.Json;

namespace Gatehouse.Gateway.Providers.Simulator;

/// <summary>A function that the simulator may call.</summary>
internal sealed record SimulatorTool(string Name, JsonElement Schema);

/// <summary>The parts of a chat request that the simulator minds. Its elements live as long as the document it was read from.</summary>
internal sealed record SimulatorRequest
{
    public required string Model { get; init; }

    /// <summary>The text of the last user message, without its directive.</summary>
    public required string Asked { get; init; }

    public required SimulatorDirective Directive { get; init; }

    /// <summary>What a tool said, when the last message is a tool's.</summary>
    public string? ToolResult { get; init; }

    /// <summary>One token is four characters of message or tool text, or one 85th of an image.</summary>
    public required int InputTokens { get; init; }

    public bool Stream { get; init; }

    public bool IncludeUsage { get; init; }

    public int Choices { get; init; } = 1;

    public int? MaxTokens { get; init; }

    public IReadOnlyList<string> Stop { get; init; } = [];

    public IReadOnlyList<SimulatorTool> Tools { get; init; } = [];

    /// <summary><c>auto</c>, <c>none</c>, <c>required</c>, or the name of a tool that must be called after a colon.</summary>
    public string ToolChoice { get; init; } = "auto";

    public bool ParallelToolCalls { get; init; } = true;

    /// <summary><c>text</c>, <c>json_object</c> or <c>json_schema</c>.</summary>
    public string Format { get; init; } = "text";

    /// <summary>Of <c>json_schema</c>.</summary>
    public JsonElement FormatSchema { get; init; }

    public string? ReasoningEffort { get; init; }

    /// <param name="error">In the words of a provider that refuses the request.</param>
    public static bool TryRead(JsonElement root, [NotNullWhen(true)] out SimulatorRequest? request, [NotNullWhen(false)] out string? error)
    {
        request = null;
        if (root.ValueKind != JsonValueKind.Object || Text(root, "model") is not { } model)
        {
            error = "The request needs a 'model'.";
            return false;
        }

        if (!root.TryGetProperty("messages", out var messages) || messages.ValueKind != JsonValueKind.Array
            || messages.GetArrayLength() == 0)
        {
            error = "'messages' must be an array with at least one message.";
            return false;
        }

        var asked = "";
        string? toolResult = null;
        var chars = 0;
        var images = 0;
        foreach (var message in messages.EnumerateArray())
        {
            var text = ContentText(message, ref images);
            chars += text.Length;
            var role = Text(message, "role");
            asked = role == "user" ? text : asked;
            toolResult = role == "tool" ? text : null;
        }

        if (!SimulatorDirective.TryParse(asked, out var directive, out var rest, out error))
        {
            return false;
        }

        var choices = Number(root, "n") ?? 1;
        if (choices is < 1 or > 16)
        {
            error = "'n' must be between 1 and 16.";
            return false;
        }

        var tools = ReadTools(root, ref chars);
        var format = root.TryGetProperty("response_format", out var element) ? element : default;
        request = new SimulatorRequest
        {
            Model = model,
            Asked = rest,
            Directive = directive.Model is null || directive.Model == model ? directive : SimulatorDirective.None,
            ToolResult = toolResult,
            InputTokens = ((chars + 3) / 4) + (images * 85),
            Stream = Flag(root, "stream") ?? false,
            IncludeUsage = root.TryGetProperty("stream_options", out var options) && Flag(options, "include_usage") is true,
            Choices = choices,
            MaxTokens = Number(root, "max_completion_tokens") ?? Number(root, "max_tokens"),
            Stop = ReadStop(root),
            Tools = tools,
            ToolChoice = ReadToolChoice(root),
            ParallelToolCalls = Flag(root, "parallel_tool_calls") ?? true,
            Format = Text(format, "type") ?? "text",
            FormatSchema = format.ValueKind == JsonValueKind.Object && format.TryGetProperty("json_schema", out var named)
                && named.ValueKind == JsonValueKind.Object && named.TryGetProperty("schema", out var schema) ? schema : default,
            ReasoningEffort = Text(root, "reasoning_effort"),
        };
        return true;
    }

    private static List<SimulatorTool> ReadTools(JsonElement root, ref int chars)
    {
        var tools = new List<SimulatorTool>();
        if (!root.TryGetProperty("tools", out var list) || list.ValueKind != JsonValueKind.Array)
        {
            return tools;
        }

        chars += list.GetRawText().Length;
        foreach (var tool in list.EnumerateArray())
        {
            if (tool.ValueKind == JsonValueKind.Object && tool.TryGetProperty("function", out var function)
                && Text(function, "name") is { } name)
            {
                tools.Add(new SimulatorTool(name, function.TryGetProperty("parameters", out var parameters) ? parameters : default));
            }
        }

        return tools;
    }

    private static string ReadToolChoice(JsonElement root)
    {
        if (!root.TryGetProperty("tool_choice", out var choice))
        {
            return "auto";
        }

        if (choice.ValueKind == JsonValueKind.Object && choice.TryGetProperty("function", out var function)
            && Text(function, "name") is { } name)
        {
            return ":" + name;
        }

        return choice.ValueKind == JsonValueKind.String ? choice.GetString()! : "auto";
    }

    private static string[] ReadStop(JsonElement root) => !root.TryGetProperty("stop", out var stop) ? [] : stop.ValueKind switch
    {
        JsonValueKind.String => [stop.GetString()!],
        JsonValueKind.Array => [.. stop.EnumerateArray().Where(s => s.ValueKind == JsonValueKind.String).Select(s => s.GetString()!)],
        _ => [],
    };

    private static string ContentText(JsonElement message, ref int images)
    {
        if (message.ValueKind != JsonValueKind.Object || !message.TryGetProperty("content", out var content))
        {
            return "";
        }

        if (content.ValueKind != JsonValueKind.Array)
        {
            return content.ValueKind == JsonValueKind.String ? content.GetString()! : "";
        }

        var text = new StringBuilder();
        foreach (var part in content.EnumerateArray())
        {
            text.Append(Text(part, "text"));
            images += Text(part, "type") == "image_url" ? 1 : 0;
        }

        return text.ToString();
    }

    private static string? Text(JsonElement element, string name) =>
        element.ValueKind == JsonValueKind.Object && element.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String
            ? value.GetString()
            : null;

    private static int? Number(JsonElement element, string name) =>
        element.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out var number)
            ? number
            : null;

    private static bool? Flag(JsonElement element, string name) =>
        element.ValueKind == JsonValueKind.Object && element.TryGetProperty(name, out var value)
            && value.ValueKind is JsonValueKind.True or JsonValueKind.False ? value.GetBoolean() : null;
}

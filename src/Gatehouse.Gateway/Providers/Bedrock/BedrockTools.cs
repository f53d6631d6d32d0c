using System.Text.Json;
using Gatehouse.Gateway.Conversation;
using Gatehouse.Gateway.Providers.Anthropic;

namespace Gatehouse.Gateway.Providers.Bedrock;

/// <summary>Writes <c>toolConfig</c>.</summary>
internal static class BedrockTools
{
    public static void Write(Utf8JsonWriter json, ChatRequest r, BedrockModel model, List<string> dropped)
    {
        foreach (var tool in r.Tools.Where(t => t.Kind == ToolKind.Opaque))
        {
            dropped.AddOnce($"tools[].{tool.Name}");
        }

        var tools = Offered(r, dropped);
        if (tools.Count == 0 && !r.AnswersByTool)
        {
            return;
        }

        json.WriteStartObject("toolConfig");
        json.WriteStartArray("tools");
        foreach (var tool in tools)
        {
            WriteTool(json, tool, model, dropped);
        }

        if (r.AnswersByTool)
        {
            WriteTool(json, SchemaTool.Of(r.ResponseFormat!), model, dropped);
        }

        json.WriteEndArray();
        WriteChoice(json, r, model, tools.Count, dropped);
        json.WriteEndObject();
    }

    /// <summary>
    /// What the caller's choice forbids is not offered. A conversation that holds calls must name their tools, though: the format refuses
    /// it otherwise.
    /// </summary>
    private static List<ChatTool> Offered(ChatRequest r, List<string> dropped)
    {
        var called = r.Messages.SelectMany(m => m.Parts).OfType<ToolCallPart>().Select(c => c.Name).ToHashSet(StringComparer.Ordinal);
        if (r.ToolChoice?.Mode == ToolChoiceMode.None)
        {
            if (called.Count == 0)
            {
                return [];
            }

            dropped.AddOnce(r.NameOf("tool_choice", "tool_choice", "toolConfig.functionCallingConfig.mode"));
        }

        var allowed = r.ToolChoice?.Allowed;
        var tools = r.Tools.Where(t => t.Kind != ToolKind.Opaque && (allowed is null || allowed.Contains(t.Name))).ToList();
        if (tools.Count == 0)
        {
            tools.AddRange(called.Order(StringComparer.Ordinal).Select(name => new ChatTool(ToolKind.Function, name)));
        }

        return tools;
    }

    private static void WriteTool(Utf8JsonWriter json, ChatTool tool, BedrockModel model, List<string> dropped)
    {
        json.WriteStartObject();
        json.WriteStartObject("toolSpec");
        json.WriteString("name", tool.Name);
        if (!string.IsNullOrWhiteSpace(tool.Description))
        {
            json.WriteString("description", tool.Description);
        }

        json.WriteStartObject("inputSchema");
        json.WritePropertyName("json");
        AnthropicRequestWriter.WriteInputSchema(json, tool);
        json.WriteEndObject();
        if (tool.Strict == true)
        {
            if (model.Schemas == SchemaMeans.Native)
            {
                json.WriteBoolean("strict", true);
            }
            else
            {
                dropped.AddOnce("tools[].function.strict");
            }
        }

        json.WriteEndObject();
        json.WriteEndObject();
        if (tool.CacheControl is { } control)
        {
            BedrockMessageWriter.WriteCachePoint(json, control, model, dropped);
        }
    }

    private static void WriteChoice(Utf8JsonWriter json, ChatRequest r, BedrockModel model, int tools, List<string> dropped)
    {
        var choice = r.ToolChoice;
        var mode = choice?.Mode ?? ToolChoiceMode.Auto;
        if (r.ParallelTools == false && tools > 0)
        {
            dropped.AddOnce(r.NameOf("parallel_tool_calls", "tool_choice.disable_parallel_tool_use", "toolConfig"));
        }

        if (r.AnswersByTool)
        {
            // With tools of the caller, one of them or the answer; without, the answer.
            var free = tools > 0 && mode != ToolChoiceMode.None;
            Write(free ? "any" : "tool", free ? null : SchemaTool.Name);
            return;
        }

        if (mode is not (ToolChoiceMode.Required or ToolChoiceMode.Named))
        {
            return; // the model decides: the default
        }

        if (!model.TakesToolChoice)
        {
            dropped.AddOnce(r.NameOf("tool_choice", "tool_choice", "toolConfig.functionCallingConfig.mode"));
            return;
        }

        Write(mode == ToolChoiceMode.Named ? "tool" : "any", choice!.Name);

        void Write(string kind, string? name)
        {
            json.WriteStartObject("toolChoice");
            json.WriteStartObject(kind);
            if (name is not null)
            {
                json.WriteString("name", name);
            }

            json.WriteEndObject();
            json.WriteEndObject();
        }
    }
}

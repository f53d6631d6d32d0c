using System.Buffers;
using System.Text;
using System.Text.Json;
using Gatehouse.Gateway.Conversation;

namespace Gatehouse.Gateway.Guarding;

/// <summary>
/// Events of OpenAI's responses format: pieces, then the same text again when its part, its item and the response are done. Events have
/// numbers. One for each stream.
/// </summary>
internal sealed class ResponsesStreamTexts : StreamTexts
{
    private const string OutputText = "response.output_text";
    private const string Refusal = "response.refusal";
    private const string Summary = "response.reasoning_summary_text";
    private const string Reasoning = "response.reasoning_text";
    private const string Arguments = "response.function_call_arguments";
    private const string CustomInput = "response.custom_tool_call_input";
    private const string Delta = ".delta";

    private readonly Dictionary<TextKey, byte[]> _deltas = [];
    private int _number;

    public override ReadOnlySpan<byte> EventName(TextKey key) => Encoding.UTF8.GetBytes(key.Name + Delta);

    public override int? NextNumber() => _number++;

    public override void Read(JsonElement root, EventTexts to)
    {
        var type = root.TryGetProperty("type", out var named) ? named.GetString() ?? "" : "";
        var group = Number(root, "output_index");
        var index = Math.Max(Number(root, "content_index"), Number(root, "summary_index"));
        AddShadow(root, to);
        if (type.EndsWith(Delta, StringComparison.Ordinal))
        {
            ReadDelta(root, new TextKey(group, index, type[..^Delta.Length]), to);
            return;
        }

        to.SaysMore = true;
        if (TryObject(root, "response", out var response))
        {
            to.ClosesAll = type is not ("response.created" or "response.in_progress" or "response.queued");
            var item = 0;
            foreach (var output in Items(response, "output"))
            {
                ReadItem(item++, output, to);
            }

            return;
        }

        if (!root.TryGetProperty("output_index", out _))
        {
            return;
        }

        to.Closed.Add(group);
        if (type.EndsWith(".done", StringComparison.Ordinal))
        {
            foreach (var name in (string[])["text", "refusal", "arguments", "input", "code"])
            {
                if (root.TryGetProperty(name, out var whole))
                {
                    to.AddRepeat(whole, new TextKey(group, index, type[..^".done".Length]), name is "arguments" or "input");
                }
            }
        }

        if (TryObject(root, "part", out var part))
        {
            ReadPart(group, index, part, to);
        }

        if (TryObject(root, "item", out var done))
        {
            ReadItem(group, done, to);
        }
    }

    public override void WriteMore(TextKey key, string text, JsonElement latest, IBufferWriter<byte> to)
    {
        using var delta = JsonDocument.Parse(_deltas[key]);
        using var json = JsonOut.Begin(to);
        json.WriteStartObject();
        foreach (var member in delta.RootElement.EnumerateObject())
        {
            switch (member.Name)
            {
                case "delta":
                    json.WriteString("delta", text);
                    break;
                case "logprobs":
                    json.WriteStartArray("logprobs");
                    json.WriteEndArray();
                    break;
                default:
                    json.WriteRaw(member.Name, member.Value);
                    break;
            }
        }

        json.WriteEndObject();
    }

    private void ReadDelta(JsonElement root, TextKey key, EventTexts to)
    {
        if (root.TryGetProperty("delta", out var piece))
        {
            to.AddPiece(
                piece, key, isArguments: key.Name is Arguments or CustomInput or "response.mcp_call_arguments",
                isThinking: key.Name is Summary or Reasoning);
            _deltas.TryAdd(key, Encoding.UTF8.GetBytes(root.GetRawText()));
        }
    }

    private static void ReadItem(int group, JsonElement item, EventTexts to)
    {
        if (item.TryGetProperty("name", out var name))
        {
            to.AddCall(group, 0, name);
        }

        var index = 0;
        foreach (var part in Items(item, "content"))
        {
            ReadPart(group, index++, part, to);
        }

        index = 0;
        foreach (var part in Items(item, "summary"))
        {
            ReadPart(group, index++, part, to);
        }

        if (item.TryGetProperty("arguments", out var arguments))
        {
            to.AddRepeat(arguments, new TextKey(group, 0, Arguments), isArguments: true);
        }

        if (item.TryGetProperty("input", out var input))
        {
            to.AddRepeat(input, new TextKey(group, 0, CustomInput), isArguments: true);
        }
    }

    private static void ReadPart(int group, int index, JsonElement part, EventTexts to)
    {
        var type = part.ValueKind == JsonValueKind.Object && part.TryGetProperty("type", out var named) ? named.GetString() : null;
        if (type is null)
        {
            return;
        }

        AddShadow(part, to);
        var name = type switch { "summary_text" => Summary, "reasoning_text" => Reasoning, "refusal" => Refusal, _ => OutputText };
        if (part.TryGetProperty(type == "refusal" ? "refusal" : "text", out var text))
        {
            to.AddRepeat(text, new TextKey(group, index, name));
        }
    }

    private static void AddShadow(JsonElement of, EventTexts to)
    {
        if (of.TryGetProperty("logprobs", out var shadow) && shadow.ValueKind == JsonValueKind.Array && shadow.GetArrayLength() > 0)
        {
            to.Shadows.Add(shadow);
        }
    }
}

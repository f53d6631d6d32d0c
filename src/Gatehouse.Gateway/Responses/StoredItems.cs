using System.Buffers;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text.Json;
using Gatehouse.Gateway.Conversation;

namespace Gatehouse.Gateway.Responses;

/// <summary>Items of stored responses: each has an id there, and is sent to a provider without it, since no provider knows it.</summary>
internal static class StoredItems
{
    private static readonly HashSet<string> WithoutId =
        ["message", "reasoning", "function_call", "function_call_output", "custom_tool_call", "custom_tool_call_output"];

    private const int LongestItemId = 256;

    /// <summary>The input of a request as it is stored: an array of whole items.</summary>
    /// <param name="input">A string or an array; empty when there is none.</param>
    /// <param name="named">Items that it names by their ids.</param>
    public static byte[] WithIds(ReadOnlySpan<byte> input, Dictionary<string, JsonElement> named)
    {
        var to = new ArrayBufferWriter<byte>(input.Length + 256);
        using (var json = JsonOut.Begin(to))
        {
            json.WriteStartArray();
            if (!input.IsEmpty)
            {
                WriteItems(json, WireJson.ParseItems(input), named);
            }

            json.WriteEndArray();
        }

        return to.WrittenSpan.ToArray();
    }

    public static StoredResponse Response(
        ResponseScope scope, string? previousId, DateTimeOffset now, ReadOnlyMemory<byte> input, ReadOnlyMemory<byte> response)
    {
        var json = WireJson.ParseAnswer(response.Span);
        return new StoredResponse(
            scope, WireJson.StringOrEmpty(json, "id"), previousId, now, WireJson.StringOrEmpty(json, "status"), input, response)
        {
            ItemIds = [.. WireJson.Items(json, "output").Select(o => WireJson.StringOrEmpty(o, "id")).Where(IsItemId)],
        };
    }

    /// <summary>What a later request may name an item by: another kind of id could not be a key of every database.</summary>
    private static bool IsItemId(string id) => id.Length is > 0 and <= LongestItemId && !id.AsSpan().ContainsAnyExceptInRange('!', '~');

    /// <summary>Everything that the model was given and said, oldest first.</summary>
    public static IEnumerable<JsonElement> OfThread(IReadOnlyList<StoredResponse> thread)
    {
        foreach (var response in thread)
        {
            foreach (var item in WireJson.Parse(response.Input.Span).EnumerateArray())
            {
                yield return item;
            }

            foreach (var item in Output(response))
            {
                yield return item;
            }
        }
    }

    public static IEnumerable<JsonElement> Output(StoredResponse response) =>
        WireJson.Items(WireJson.Parse(response.Response.Span), "output");

    /// <summary>The item itself, or the one that it names.</summary>
    public static JsonElement Resolved(JsonElement item, Dictionary<string, JsonElement> named) =>
        WireJson.StringOrNull(item, "type") == "item_reference" && named.TryGetValue(WireJson.StringOrEmpty(item, "id"), out var found)
            ? found
            : item;

    /// <summary>An item as a provider gets it.</summary>
    public static void WriteForProvider(Utf8JsonWriter json, JsonElement item)
    {
        var type = WireJson.StringOrNull(item, "type") ?? "message";
        if (!WithoutId.Contains(type) || !WireJson.TryGet(item, "id", out _))
        {
            json.WriteRaw(item);
            return;
        }

        json.WriteStartObject();
        foreach (var member in item.EnumerateObject())
        {
            if (member.Name != "id")
            {
                json.WriteRaw(member.Name, member.Value);
            }
        }

        json.WriteEndObject();
    }

    private static void WriteItems(Utf8JsonWriter json, JsonElement input, Dictionary<string, JsonElement> named)
    {
        if (input.ValueKind == JsonValueKind.String)
        {
            BeginItem(json, "message", 0);
            json.WriteString("status", "completed");
            json.WriteString("role", "user");
            WriteText(json, input, isOutput: false);
            json.WriteEndObject();
            return;
        }

        var i = 0;
        foreach (var item in input.EnumerateArray())
        {
            if (item.ValueKind == JsonValueKind.Object)
            {
                WriteItem(json, Resolved(item, named), i++);
            }
        }
    }

    private static void WriteItem(Utf8JsonWriter json, JsonElement item, int index)
    {
        var type = WireJson.StringOrNull(item, "type") ?? "message";
        if (WireJson.StringOrNull(item, "id") is { } id)
        {
            json.WriteStartObject();
            json.WriteString("type", type);
            json.WriteString("id", id);
        }
        else
        {
            BeginItem(json, type, index);
        }

        var message = type == "message";
        if (message && !WireJson.TryGet(item, "status", out _))
        {
            json.WriteString("status", "completed");
        }

        foreach (var member in item.EnumerateObject())
        {
            if (member.Name is "type" or "id")
            {
                continue;
            }

            if (message && member is { Name: "content", Value.ValueKind: JsonValueKind.String })
            {
                WriteText(json, member.Value, WireJson.StringOrNull(item, "role") == "assistant");
            }
            else
            {
                json.WriteRaw(member.Name, member.Value);
            }
        }

        json.WriteEndObject();
    }

    private static void BeginItem(Utf8JsonWriter json, string type, int index)
    {
        var prefix = type switch
        {
            "message" => "msg",
            "function_call" => "fc",
            "function_call_output" => "fco",
            "reasoning" => "rs",
            _ => "item",
        };
        json.WriteStartObject();
        json.WriteString("type", type);
        json.WriteString("id", string.Create(CultureInfo.InvariantCulture, $"{prefix}_{Guid.CreateVersion7():N}{index:x4}"));
    }

    private static void WriteText(Utf8JsonWriter json, JsonElement text, bool isOutput)
    {
        json.WriteStartArray("content");
        json.WriteStartObject();
        json.WriteString("type", isOutput ? "output_text" : "input_text");
        json.WritePropertyName("text");
        json.WriteRawValue(JsonMarshal.GetRawUtf8Value(text), skipInputValidation: true);
        if (isOutput)
        {
            json.WriteStartArray("annotations");
            json.WriteEndArray();
        }

        json.WriteEndObject();
        json.WriteEndArray();
    }
}

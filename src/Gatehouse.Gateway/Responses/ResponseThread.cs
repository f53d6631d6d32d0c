using System.Buffers;
using System.Text.Json;
using Gatehouse.Contracts;
using Gatehouse.Gateway.Conversation;

namespace Gatehouse.Gateway.Responses;

/// <summary>Puts into a request what it only names: the responses that it goes on from, and items of theirs.</summary>
internal static class ResponseThread
{
    /// <param name="Body">The body with all of it in <c>input</c>, and without <c>previous_response_id</c>; empty when it names
    /// nothing.</param>
    /// <param name="Input">What is new in it, to be stored; empty when it is not.</param>
    public readonly record struct Expanded(ReadOnlyMemory<byte> Body, ReadOnlyMemory<byte> Input);

    /// <exception cref="ProblemException">What is named is not here, or the whole is too large.</exception>
    public static async ValueTask<Expanded> ExpandAsync(
        IResponseStore store, ResponseScope scope, ReadOnlyMemory<byte> body, ResponsesPeek peek, bool keepsInput, int maxBytes,
        CancellationToken ct)
    {
        IReadOnlyList<StoredResponse> thread = [];
        if (peek.PreviousId is { } previous)
        {
            thread = await store.FindThreadAsync(scope, previous, MostStored(maxBytes), ct);
            Check(thread, previous);
        }

        var named = new Dictionary<string, JsonElement>(StringComparer.Ordinal);
        if (peek.HasReferences)
        {
            await FindNamedAsync(store, scope, WireJson.ParseItems(body.Span[peek.Input]), named, ct);
        }

        var input = keepsInput ? StoredItems.WithIds(body.Span[peek.Input], named) : [];
        if (thread.Count == 0 && named.Count == 0)
        {
            return new Expanded(default, input);
        }

        var expanded = Write(WireJson.ParseRequest(body.Span), thread, named);
        return expanded.Length <= maxBytes
            ? new Expanded(expanded, input)
            : throw StoredResponse.TooLarge(maxBytes);
    }

    /// <summary>
    /// How much of a thread is read: a stored response says again what its request said, so not all of it counts for the next one.
    /// </summary>
    public static long MostStored(int maxBodyBytes) => 2L * maxBodyBytes;

    public static Problem NotFound(string id) => new(
        "previous_response_not_found", 400,
        $"There is no response '{ParameterNames.Shown(id, 80)}' here: it was not stored, has expired or was deleted, or another system or environment owns it.")
    {
        Field = "previous_response_id",
    };

    private static void Check(IReadOnlyList<StoredResponse> thread, string id)
    {
        if (thread is not [.., var last])
        {
            throw new ProblemException(NotFound(id));
        }

        if (last.IsRunning)
        {
            throw new ProblemException(new Problem(
                "previous_response_not_ready", 400,
                $"The response '{ParameterNames.Shown(id, 80)}' is still being made: wait until it is completed.")
            {
                Field = "previous_response_id",
            });
        }
    }

    private static async ValueTask FindNamedAsync(
        IResponseStore store, ResponseScope scope, JsonElement input, Dictionary<string, JsonElement> named, CancellationToken ct)
    {
        if (input.ValueKind != JsonValueKind.Array)
        {
            return;
        }

        foreach (var item in input.EnumerateArray())
        {
            if (WireJson.StringOrNull(item, "type") != "item_reference" || WireJson.StringOrNull(item, "id") is not { } id
                || named.ContainsKey(id))
            {
                continue;
            }

            var response = await store.FindByItemAsync(scope, id, ct);
            foreach (var found in response is null ? [] : StoredItems.Output(response))
            {
                named[WireJson.StringOrEmpty(found, "id")] = found;
            }

            if (!named.ContainsKey(id))
            {
                throw new ProblemException(new Problem(
                    "item_not_found", 400,
                    $"There is no item '{ParameterNames.Shown(id, 80)}' here: its response was not stored, has expired or was deleted. Send the item itself.")
                {
                    Field = "input",
                });
            }
        }
    }

    private static byte[] Write(JsonElement body, IReadOnlyList<StoredResponse> thread, Dictionary<string, JsonElement> named)
    {
        var to = new ArrayBufferWriter<byte>();
        using (var json = JsonOut.Begin(to))
        {
            json.WriteStartObject();
            foreach (var member in body.EnumerateObject())
            {
                if (member.Name is not ("input" or "previous_response_id"))
                {
                    json.WriteRaw(member.Name, member.Value);
                }
            }

            json.WriteStartArray("input");
            foreach (var item in StoredItems.OfThread(thread))
            {
                WriteItem(json, item, named);
            }

            if (WireJson.TryGet(body, "input", out var input))
            {
                WriteInput(json, input, named);
            }

            json.WriteEndArray();
            json.WriteEndObject();
        }

        return to.WrittenSpan.ToArray();
    }

    private static void WriteInput(Utf8JsonWriter json, JsonElement input, Dictionary<string, JsonElement> named)
    {
        if (input.ValueKind == JsonValueKind.String)
        {
            json.WriteStartObject();
            json.WriteString("role", "user");
            json.WriteRaw("content", input);
            json.WriteEndObject();
            return;
        }

        foreach (var item in input.EnumerateArray())
        {
            WriteItem(json, item, named);
        }
    }

    private static void WriteItem(Utf8JsonWriter json, JsonElement item, Dictionary<string, JsonElement> named) =>
        StoredItems.WriteForProvider(json, StoredItems.Resolved(item, named));
}

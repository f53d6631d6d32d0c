using System.Buffers;
using System.Data.Common;
using System.Text;
using System.Text.Json;
using Gatehouse.Contracts;
using Gatehouse.Gateway.Calls;
using Gatehouse.Gateway.Conversation;
using Gatehouse.Gateway.Providers;

namespace Gatehouse.Gateway.Batches;

/// <summary>
/// Puts files into a request that names them by the ids that <c>POST /v1/files</c> gave: providers have never seen these. Ids that are not
/// of Gatehouse's making stay as they are.
/// </summary>
internal sealed class NamedFiles(IFileStore store)
{
    private const string IdStart = "file-";
    private const int IdDigits = 32;
    private static readonly SearchValues<char> Digits = SearchValues.Create("0123456789abcdef");

    /// <summary>Whether a request is worth a closer look.</summary>
    public static bool MayBeIn(Call call) => call.Body.Span.IndexOf("\"file_id\""u8) >= 0 && call.Surface.HasConversation
        && call.Surface.Wire is WireFormat.OpenAi or WireFormat.Responses or WireFormat.Anthropic;

    /// <returns>Why the call cannot be served, or <see langword="null"/>.</returns>
    /// <exception cref="ProblemException">The request is not what its format allows.</exception>
    public async ValueTask<Problem?> ReadAsync(Call call)
    {
        await Task.Yield(); // off the socket's thread: databases and large files are nothing for it
        var root = WireJson.ParseRequest(call.Body.Span);
        var named = new List<string>();
        Walk(root, new Finder(named));
        if (named.Count == 0)
        {
            return null;
        }

        var files = new Dictionary<string, Content>(StringComparer.Ordinal);
        try
        {
            if (await ReadAsync(BatchOwner.Of(call.Principal), named, call, files) is { } problem)
            {
                return problem;
            }
        }
        catch (DbException)
        {
            return new Problem("store_unavailable", 503, "The files that the request names cannot be reached at the moment: try again.");
        }

        var body = new ArrayBufferWriter<byte>(call.Body.Length);
        using (var json = JsonOut.Begin(body))
        {
            Walk(root, new Filler(json, files));
        }

        call.Body.Clear();
        call.Body.Write(body.WrittenSpan);
        call.Rewritten();
        return null;
    }

    private async ValueTask<Problem?> ReadAsync(BatchOwner owner, List<string> named, Call call, Dictionary<string, Content> into)
    {
        long bytes = call.Body.Length;
        foreach (var id in named)
        {
            if (!into.TryGetValue(id, out var content))
            {
                if (await store.FindAsync(owner, id, call.Aborted) is not { } file)
                {
                    return new Problem(
                        "file_not_found", 400,
                        $"There is no file '{id}' here: it has expired or was deleted, or another system or environment owns it.") { Field = "file_id" };
                }

                content = new Content(file);
                into.Add(id, content);
            }

            bytes += (content.File.Bytes + 2) / 3 * 4;
            if (bytes > call.Table.MaxBodyBytes)
            {
                return new Problem(
                    "request_too_large", 413,
                    $"With the files that it names the request is larger than {call.Table.MaxBodyBytes} bytes, the limit of this installation.") { Field = "file_id" };
            }
        }

        if (BodyMemory.Reserve(call.Body, (int)bytes, call.Table) is { } full)
        {
            return full;
        }

        foreach (var content in into.Values)
        {
            using var all = new MemoryStream((int)content.File.Bytes);
            await foreach (var chunk in store.ReadAsync(owner, content.File.Id, call.Aborted))
            {
                all.Write(chunk);
            }

            content.Bytes = all.ToArray();
        }

        return null;
    }

    /// <summary>Every part of every message, and nothing that only looks like one: the input of a tool is the caller's own.</summary>
    private static void Walk(JsonElement root, Visitor visitor)
    {
        visitor.Begin();
        foreach (var member in root.EnumerateObject())
        {
            if (member.Name is "messages" or "input" && member.Value.ValueKind == JsonValueKind.Array)
            {
                WalkItems(member.Name, member.Value, visitor);
            }
            else
            {
                visitor.Member(member);
            }
        }

        visitor.End();
    }

    private static void WalkItems(string name, JsonElement items, Visitor visitor)
    {
        visitor.BeginItems(name);
        foreach (var item in items.EnumerateArray())
        {
            if (item.ValueKind != JsonValueKind.Object)
            {
                visitor.Value(item);
            }
            else if (IdOf(item) is { } id)
            {
                visitor.Named(item, id);
            }
            else
            {
                visitor.Begin();
                foreach (var member in item.EnumerateObject())
                {
                    // a message's parts, a tool's result in any of the formats
                    if (member.Name is "content" or "output" && member.Value.ValueKind == JsonValueKind.Array)
                    {
                        WalkItems(member.Name, member.Value, visitor);
                    }
                    else
                    {
                        visitor.Member(member);
                    }
                }

                visitor.End();
            }
        }

        visitor.EndItems();
    }

    /// <returns>The id that a part names, if Gatehouse gave it.</returns>
    private static string? IdOf(JsonElement part)
    {
        var holder = WireJson.StringOrNull(part, "type") switch
        {
            "input_file" or "input_image" => part,
            "file" when WireJson.TryGet(part, "file", out var file) => file,
            "document" or "image" when WireJson.TryGet(part, "source", out var source) => source,
            _ => default,
        };
        return holder.ValueKind == JsonValueKind.Object && WireJson.StringOrNull(holder, "file_id") is { } id && IsOurs(id) ? id : null;
    }

    private static bool IsOurs(string id) => id.Length == IdStart.Length + IdDigits && id.StartsWith(IdStart, StringComparison.Ordinal)
        && !id.AsSpan(IdStart.Length).ContainsAnyExcept(Digits);

    private sealed class Content(StoredFile file)
    {
        public StoredFile File { get; } = file;

        public byte[] Bytes { get; set; } = [];

        public string Type => FileTypes.Of(File.Name, Bytes);

        public string DataUrl => $"data:{Type};base64,{Convert.ToBase64String(Bytes)}";
    }

    private abstract class Visitor
    {
        public virtual void Begin()
        {
        }

        public virtual void End()
        {
        }

        public virtual void BeginItems(string name)
        {
        }

        public virtual void EndItems()
        {
        }

        public virtual void Member(JsonProperty member)
        {
        }

        public virtual void Value(JsonElement value)
        {
        }

        public abstract void Named(JsonElement part, string id);
    }

    private sealed class Finder(List<string> named) : Visitor
    {
        public override void Named(JsonElement part, string id) => named.Add(id);
    }

    private sealed class Filler(Utf8JsonWriter json, Dictionary<string, Content> files) : Visitor
    {
        public override void Begin() => json.WriteStartObject();

        public override void End() => json.WriteEndObject();

        public override void BeginItems(string name) => json.WriteStartArray(name);

        public override void EndItems() => json.WriteEndArray();

        public override void Member(JsonProperty member) => json.WriteRaw(member.Name, member.Value);

        public override void Value(JsonElement value) => json.WriteRaw(value);

        public override void Named(JsonElement part, string id)
        {
            var content = files[id];
            json.WriteStartObject();
            foreach (var member in part.EnumerateObject())
            {
                if (member.Name is "file" or "source")
                {
                    json.WriteStartObject(member.Name);
                    Write(content, member.Name == "source" ? FileForm.Messages : FileForm.Chat, member.Value);
                    json.WriteEndObject();
                }
                else if (member.Name is not ("file_id" or "filename"))
                {
                    json.WriteRaw(member.Name, member.Value);
                }
            }

            var type = WireJson.StringOrNull(part, "type");
            if (type == "input_image")
            {
                json.WriteString("image_url", content.DataUrl);
            }
            else if (type == "input_file")
            {
                Write(content, FileForm.Chat, part);
            }

            json.WriteEndObject();
        }

        private void Write(Content content, FileForm form, JsonElement from)
        {
            if (form == FileForm.Chat)
            {
                json.WriteString("filename", WireJson.StringOrNull(from, "filename") ?? content.File.Name);
                json.WriteString("file_data", content.DataUrl);
                return;
            }

            var isText = content.Type.StartsWith("text/", StringComparison.Ordinal); // takes no Base64 there
            json.WriteString("type", isText ? "text" : "base64");
            json.WriteString("media_type", isText ? "text/plain" : content.Type);
            json.WriteString("data", isText ? Encoding.UTF8.GetString(content.Bytes) : Convert.ToBase64String(content.Bytes));
        }
    }

    private enum FileForm
    {
        Chat,
        Messages,
    }
}

using System.Buffers;
using System.Runtime.InteropServices;
using System.Text.Json;
using Gatehouse.Contracts;
using Gatehouse.Gateway.Conversation;

namespace Gatehouse.Gateway.Batches;

/// <summary>OpenAI's lines: <c>custom_id</c>, <c>method</c>, <c>url</c> and <c>body</c> in, <c>response</c> or <c>error</c> out.</summary>
internal sealed class OpenAiBatchWords : BatchWords
{
    public static readonly OpenAiBatchWords Instance = new();

    private const int MaxCustomIdChars = 512;

    public override BatchItem? Read(Batch batch, in BatchLine line, out BatchError? error)
    {
        if (line.IsTooLong)
        {
            error = new BatchError("line_too_long", "This line is longer than a request may be.", null, line.Number);
            return null;
        }

        JsonElement root;
        try
        {
            root = WireJson.ParseRequest(line.Bytes.Span);
        }
        catch (ProblemException)
        {
            error = new BatchError("invalid_json_line", "This line is not parseable as valid JSON.", null, line.Number);
            return null;
        }

        error = Fault(batch, root, line.Number);
        return error is null
            ? new BatchItem(
                line.Number, root.GetProperty("custom_id").GetString()!, JsonMarshal.GetRawUtf8Value(root.GetProperty("body")).ToArray())
            : null;
    }

    public override byte[] Answered(Batch batch, BatchItem item, BatchAnswer answer) => Line(batch, item, json =>
    {
        json.WriteStartObject("response");
        json.WriteNumber("status_code", answer.Status);
        json.WriteString("request_id", answer.RequestId);
        json.WritePropertyName("body");
        json.WriteRawValue(answer.Body, skipInputValidation: true);
        json.WriteEndObject();
        json.WriteNull("error");
    });

    public override BatchUsage UsageOf(BatchAnswer answer) => BatchUsage.Of(answer.Body);

    public override byte[] NotRun(Batch batch, BatchItem item, BatchOutcome why) => Line(batch, item, json =>
    {
        json.WriteNull("response");
        json.WriteStartObject("error");
        json.WriteString("code", why == BatchOutcome.Expired ? "batch_expired" : "batch_cancelled");
        json.WriteString("message", why == BatchOutcome.Expired
            ? "This request could not be executed before the completion window expired."
            : "The batch was cancelled before this request was executed.");
        json.WriteEndObject();
    });

    private static BatchError? Fault(Batch batch, JsonElement root, int line)
    {
        if (WireJson.StringOrNull(root, "custom_id") is not { Length: > 0 } id)
        {
            return Missing("custom_id", line);
        }

        return id.Length > MaxCustomIdChars
                ? new BatchError("invalid_custom_id", $"'custom_id' may have {MaxCustomIdChars} characters.", "custom_id", line)
            : WireJson.StringOrNull(root, "method") is not { } method ? Missing("method", line)
            : method != "POST" ? new BatchError("invalid_method", "The method must be POST.", "method", line)
            : WireJson.StringOrNull(root, "url") is not { } url ? Missing("url", line)
            : url != batch.Endpoint
                ? new BatchError(
                    "mismatched_url", $"The URL provided for this request does not match the endpoint of the batch, {batch.Endpoint}.",
                    "url", line)
            : WireJson.TryGet(root, "body", out var body) && body.ValueKind == JsonValueKind.Object ? null
            : Missing("body", line);
    }

    private static BatchError Missing(string name, int line) =>
        new("missing_required_parameter", $"Missing required parameter: '{name}'.", name, line);

    private static byte[] Line(Batch batch, BatchItem item, Action<Utf8JsonWriter> write)
    {
        var to = new ArrayBufferWriter<byte>(512);
        using (var json = JsonOut.Begin(to))
        {
            json.WriteStartObject();
            json.WriteString("id", $"batch_req_{RequestId(batch, item)[(batch.Id.IndexOf('_', StringComparison.Ordinal) + 1)..]}");
            json.WriteString("custom_id", item.CustomId);
            write(json);
            json.WriteEndObject();
        }

        return to.WrittenSpan.ToArray();
    }
}

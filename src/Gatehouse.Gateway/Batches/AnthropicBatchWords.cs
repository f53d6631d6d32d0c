using System.Buffers;
using System.Runtime.InteropServices;
using System.Text.Json;
using Gatehouse.Gateway.Conversation;

namespace Gatehouse.Gateway.Batches;

/// <summary>Anthropic's lines: <c>custom_id</c> and <c>params</c> in, <c>result</c> out.</summary>
internal sealed class AnthropicBatchWords : BatchWords
{
    public static readonly AnthropicBatchWords Instance = new();

    /// <summary>The lines were written here, after the request was checked.</summary>
    public override BatchItem? Read(Batch batch, in BatchLine line, out BatchError? error)
    {
        error = null;
        var root = WireJson.Parse(line.Bytes.Span);
        return new BatchItem(
            line.Number, root.GetProperty("custom_id").GetString()!, JsonMarshal.GetRawUtf8Value(root.GetProperty("params")).ToArray());
    }

    public override byte[] Answered(Batch batch, BatchItem item, BatchAnswer answer) => Line(item, json =>
    {
        var good = answer.Status == 200;
        json.WriteString("type", good ? "succeeded" : "errored");
        json.WritePropertyName(good ? "message" : "error");
        json.WriteRawValue(answer.Body, skipInputValidation: true);
    });

    public override byte[] NotRun(Batch batch, BatchItem item, BatchOutcome why) =>
        Line(item, json => json.WriteString("type", why == BatchOutcome.Expired ? "expired" : "canceled"));

    private static byte[] Line(BatchItem item, Action<Utf8JsonWriter> write)
    {
        var to = new ArrayBufferWriter<byte>(512);
        using (var json = JsonOut.Begin(to))
        {
            json.WriteStartObject();
            json.WriteString("custom_id", item.CustomId);
            json.WriteStartObject("result");
            write(json);
            json.WriteEndObject();
            json.WriteEndObject();
        }

        return to.WrittenSpan.ToArray();
    }
}

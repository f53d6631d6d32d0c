using System.Buffers;
using System.Globalization;
using System.Text.Json;

namespace Gatehouse.Observability.Traces;

/// <summary>
/// OTLP in its JSON form: ids in hexadecimal, 64-bit integers as strings, enums as numbers
/// (opentelemetry.io/docs/specs/otlp, "JSON Protobuf Encoding").
/// </summary>
internal static class OtlpJson
{
    private const int StatusError = 2;

    public static byte[] Traces(IReadOnlyList<ExportedCall> calls, string version, string node)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            json.WriteStartArray("resourceSpans");
            json.WriteStartObject();
            WriteResource(json, version, node);
            json.WriteStartArray("scopeSpans");
            json.WriteStartObject();
            WriteScope(json, version);
            json.WriteStartArray("spans");
            foreach (var (call, trace) in calls)
            {
                foreach (var span in CallSpans.Of(call, trace))
                {
                    WriteSpan(json, call.TraceId, call.StartedAt, span);
                }
            }

            json.WriteEndArray();
            json.WriteEndObject();
            json.WriteEndArray();
            json.WriteEndObject();
            json.WriteEndArray();
            json.WriteEndObject();
        }

        return buffer.WrittenSpan.ToArray();
    }

    public static void WriteResource(Utf8JsonWriter json, string version, string node)
    {
        json.WriteStartObject("resource");
        WriteAttributes(json,
        [
            new("service.name", "gatehouse"), new("service.version", version), new("service.instance.id", node),
        ]);
        json.WriteEndObject();
    }

    public static void WriteScope(Utf8JsonWriter json, string version)
    {
        json.WriteStartObject("scope");
        json.WriteString("name", "Gatehouse");
        json.WriteString("version", version);
        json.WriteEndObject();
    }

    public static void WriteAttributes(Utf8JsonWriter json, IEnumerable<KeyValuePair<string, object>> attributes)
    {
        json.WriteStartArray("attributes");
        foreach (var (key, value) in attributes)
        {
            json.WriteStartObject();
            json.WriteString("key", key);
            json.WriteStartObject("value");
            WriteValue(json, value);
            json.WriteEndObject();
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }

    /// <summary>Nanoseconds since the Unix epoch, as OTLP writes them.</summary>
    public static string Nanos(DateTimeOffset at) =>
        ((at.UtcTicks - DateTimeOffset.UnixEpoch.Ticks) * 100).ToString(CultureInfo.InvariantCulture);

    private static void WriteSpan(Utf8JsonWriter json, string traceId, DateTimeOffset startedAt, TraceSpan span)
    {
        json.WriteStartObject();
        json.WriteString("traceId", traceId);
        json.WriteString("spanId", span.SpanId);
        if (span.ParentSpanId is { } parent)
        {
            json.WriteString("parentSpanId", parent);
        }

        json.WriteString("name", span.Name);
        json.WriteNumber("kind", (int)span.Kind);
        json.WriteString("startTimeUnixNano", Nanos(startedAt.AddMicroseconds(span.StartMicros)));
        json.WriteString("endTimeUnixNano", Nanos(startedAt.AddMicroseconds(span.EndMicros)));
        WriteAttributes(json, span.Attributes);
        if (span.Error is { } error)
        {
            json.WriteStartObject("status");
            json.WriteNumber("code", StatusError);
            json.WriteString("message", error);
            json.WriteEndObject();
        }

        json.WriteEndObject();
    }

    private static void WriteValue(Utf8JsonWriter json, object value)
    {
        switch (value)
        {
            case bool flag:
                json.WriteBoolean("boolValue", flag);
                break;
            case long or int:
                json.WriteString("intValue", Convert.ToString(value, CultureInfo.InvariantCulture));
                break;
            case double number when double.IsFinite(number):
                json.WriteNumber("doubleValue", number);
                break;
            case string[] list:
                json.WriteStartObject("arrayValue");
                json.WriteStartArray("values");
                foreach (var item in list)
                {
                    json.WriteStartObject();
                    json.WriteString("stringValue", item);
                    json.WriteEndObject();
                }

                json.WriteEndArray();
                json.WriteEndObject();
                break;
            default:
                json.WriteString("stringValue", Convert.ToString(value, CultureInfo.InvariantCulture));
                break;
        }
    }
}

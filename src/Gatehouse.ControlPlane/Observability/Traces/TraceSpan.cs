using System.Globalization;
using Gatehouse.Contracts;

namespace Gatehouse.Observability.Traces;

/// <summary>The kinds of OpenTelemetry, with their numbers on the wire.</summary>
internal enum TraceSpanKind
{
    Internal = 1,
    Server = 2,
    Client = 3,
}

/// <summary>A span with typed attributes: shown as <see cref="CallSpan"/>, exported over OTLP.</summary>
/// <param name="Attributes">Values are <see cref="string"/>, <see cref="long"/>, <see cref="double"/>, <see cref="bool"/> or an array of
/// strings.</param>
internal sealed record TraceSpan(
    string SpanId,
    string? ParentSpanId,
    string Name,
    TraceSpanKind Kind,
    long StartMicros,
    long EndMicros,
    string? Error,
    IReadOnlyList<KeyValuePair<string, object>> Attributes)
{
    public CallSpan ToCallSpan() => new(
        SpanId, ParentSpanId, Name, StartMicros, EndMicros, Error, Attributes.ToDictionary(a => a.Key, a => Text(a.Value)));

    private static string Text(object value) => value switch
    {
        string[] list => string.Join(", ", list),
        bool flag => flag ? "true" : "false",
        _ => Convert.ToString(value, CultureInfo.InvariantCulture) ?? "",
    };
}

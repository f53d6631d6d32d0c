using System.Text.Json;
using Gatehouse.Contracts;
using Gatehouse.Gateway.Journal;
using Gatehouse.Gateway.Routing;
using Gatehouse.Observability.Traces;

namespace Gatehouse.Observability.Ledger;

/// <summary>A call on its way from the journal into the tables: what the record says, and what is known here beside it.</summary>
/// <param name="Earlier">What targets used that did not end the call.</param>
internal sealed record LedgerEntry(CallRecord Record, TraceDocument Trace, DateTimeOffset TraceExpiresAt, IReadOnlyList<TargetTokens> Earlier)
{
    /// <summary>Bounds of texts that are parts of index keys: PostgreSQL's limit is 2,704 bytes a key.</summary>
    private const int MaxModelChars = 256;
    private const int MaxNameChars = 100;

    /// <summary>Where no policy is known any more (the system is gone), traces live this long.</summary>
    private const int DefaultRetentionDays = 30;

    public static LedgerEntry Of(CallRecord record, GatewayTable table, SystemLookup systems)
    {
        var places = new Dictionary<string, ProviderPlace>(StringComparer.Ordinal);
        foreach (var attempt in record.Attempts)
        {
            if (!places.ContainsKey(attempt.Provider) && PlaceOf(table, attempt.Provider) is { } place)
            {
                places.Add(attempt.Provider, place);
            }
        }

        List<TargetTokens> earlier =
        [
            .. TargetTokens.Earlier(record).Select(t => t with { Provider = Cut(t.Provider, MaxNameChars)!, Model = Cut(t.Model, MaxModelChars)! }),
        ];
        record.Route = Cut(record.Route, MaxModelChars) ?? "";
        record.Model = Cut(record.Model, MaxModelChars);
        record.Provider = Cut(record.Provider, MaxNameChars);
        record.ErrorCode = Cut(record.ErrorCode, MaxNameChars);
        var trace = new TraceDocument(
            record.SpanId,
            record.ParentSpanId,
            record.Attempts,
            record.DroppedParameters,
            record.RequestAttributes ?? [],
            places);
        var days = systems.PolicyOf(record.SystemId, record.Environment)?.RetentionDays ?? DefaultRetentionDays;
        return new LedgerEntry(record, trace, StartOf(record).AddDays(days), earlier);
    }

    public CallSummary ToSummary(SystemLookup systems) => new(
        Record.Id,
        Record.RequestId,
        Record.TraceId,
        StartOf(Record),
        Record.TeamId,
        Record.SystemId == Guid.Empty ? null : Record.SystemId,
        systems.NameOf(Record.SystemId) ?? Record.SystemId.ToString(),
        Record.Environment,
        Record.KeyId == Guid.Empty ? null : Record.KeyId,
        Record.Surface,
        Record.Route,
        Record.Provider,
        Record.Model,
        Record.AnsweredModel,
        Record.Streamed,
        Record.Status,
        Record.Outcome,
        Record.ErrorCode,
        Record.ErrorMessage,
        Record.FinishReason,
        Record.Usage,
        Record.CostNanos is { } nanos ? Nanos.ToUsd(nanos) : null,
        Record.PriceRevision,
        Record.DurationMicros,
        Record.FirstByteMicros,
        Record.OwnMicros,
        Record.Attempts.Count);

    public object?[] ToLedgerRow(string node, DateTimeOffset recordedAt, PriceTexts prices)
    {
        var r = Record;
        return
        [
            r.TeamId, r.Id, r.SystemId, r.KeyId, Words.Of(r.Environment), node, r.RequestId, r.TraceId, r.Surface, r.Route, r.Provider,
            r.Model, r.AnsweredModel, r.Streamed, r.Status, Words.Of(r.Outcome), r.ErrorCode, r.ErrorMessage, r.FinishReason,
            r.Usage?.UncachedInput, r.Usage?.CacheRead, r.Usage?.CacheWrite, r.Usage?.CacheWriteLong, r.Usage?.Output, r.Usage?.Reasoning,
            r.CostNanos, r.PriceRevision, r.Price is null ? null : prices.TextOf(r.Price),
            r.ConfigurationRevision, r.StartedAtMicros, r.DurationMicros, r.FirstByteMicros, r.OwnMicros, r.Attempts.Count, recordedAt,
            Earlier.Count == 0 ? null : JsonSerializer.Serialize(Earlier, StoredJson.Default.TargetTokensList),
            r.ChargedNanos, r.EndUser.Length == 0 ? null : r.EndUser, r.Usage?.AudioInput, r.Usage?.ImageInput, r.Usage?.AudioOutput,
            Cut(r.ServiceTier, MaxNameChars),
        ];
    }

    public object?[] ToTraceRow() =>
        [Record.Id, JsonSerializer.Serialize(Trace, StoredJson.Default.TraceDocument), TraceExpiresAt];

    private static DateTimeOffset StartOf(CallRecord record) => DateTimeOffset.UnixEpoch.AddMicroseconds(record.StartedAtMicros);

    private static string? Cut(string? text, int chars) => text is null || text.Length <= chars ? text : text[..chars];

    private static ProviderPlace? PlaceOf(GatewayTable table, string provider)
    {
        foreach (var route in table.Routes.Routes)
        {
            foreach (var target in route.Targets)
            {
                if (target.Provider.Name == provider)
                {
                    var settings = target.Provider.Settings;
                    return new ProviderPlace(settings.Kind, settings.BaseUrl.Host, settings.BaseUrl.Port);
                }
            }
        }

        return null;
    }
}

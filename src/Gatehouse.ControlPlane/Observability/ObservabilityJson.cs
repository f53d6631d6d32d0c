using System.Text.Json;
using System.Text.Json.Serialization;
using Gatehouse.Contracts;
using Gatehouse.Observability.Ledger;
using Gatehouse.Observability.Traces;

namespace Gatehouse.Observability;

/// <summary>JSON of this module: what its endpoints answer.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    Converters = [typeof(SnakeCaseOutcome), typeof(SnakeCaseEnvironment), typeof(SnakeCaseCacheUse), typeof(SnakeCaseVerdict)])]
[JsonSerializable(typeof(CallSummary))]
[JsonSerializable(typeof(CallPage))]
[JsonSerializable(typeof(CallDetail))]
[JsonSerializable(typeof(Traffic))]
[JsonSerializable(typeof(TrafficShareList))]
[JsonSerializable(typeof(RepriceResult))]
[JsonSerializable(typeof(RepriceCalls.Request), TypeInfoPropertyName = "RepriceCallsRequest")]
[JsonSerializable(typeof(DaySpendingList))]
[JsonSerializable(typeof(GuardActivityList))]
internal sealed partial class ObservabilityJson : JsonSerializerContext;

/// <summary>
/// What the tables hold as JSON. Without converters, so that writing takes the generated short cut: there is one of each a call.
/// </summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(TraceDocument))]
[JsonSerializable(typeof(Price))]
[JsonSerializable(typeof(IReadOnlyList<TargetTokens>), TypeInfoPropertyName = "TargetTokensList")]
internal sealed partial class StoredJson : JsonSerializerContext;

/// <summary>The answer of <c>GET /api/traffic/by/{dimension}</c>.</summary>
internal sealed record TrafficShareList(IReadOnlyList<TrafficShare> Items);

/// <summary>The answer of <c>GET /api/guard/activity</c>.</summary>
internal sealed record GuardActivityList(IReadOnlyList<GuardActivity> Items);

internal sealed class SnakeCaseVerdict() : JsonStringEnumConverter<GuardVerdict>(JsonNamingPolicy.SnakeCaseLower);

internal sealed class SnakeCaseOutcome() : JsonStringEnumConverter<CallOutcome>(JsonNamingPolicy.SnakeCaseLower);

internal sealed class SnakeCaseCacheUse() : JsonStringEnumConverter<CacheUse>(JsonNamingPolicy.SnakeCaseLower);

internal sealed class SnakeCaseEnvironment() : JsonStringEnumConverter<SystemEnvironment>(JsonNamingPolicy.SnakeCaseLower);

using System.Text.Json;
using Gatehouse.Contracts;
using Gatehouse.Gateway.Journal;

namespace Gatehouse.Observability.Ledger;

/// <summary>What a call has in common with many: one row of <c>observability_call_shape</c>. Equal when all but the number is.</summary>
internal sealed class CallShape : IEquatable<CallShape>
{
    /// <summary>Where it stands in the table; 0 until it is there.</summary>
    public long Number { get; set; }

    public Guid TeamId { get; private set; }

    public Guid SystemId { get; private set; }

    public Guid KeyId { get; private set; }

    public SystemEnvironment Environment { get; private set; }

    public string Surface { get; private set; } = "";

    public string Route { get; private set; } = "";

    public string? Provider { get; private set; }

    public string? Model { get; private set; }

    public string? AnsweredModel { get; private set; }

    public bool Streamed { get; private set; }

    public long Status { get; private set; }

    public CallOutcome Outcome { get; private set; }

    public string? ErrorCode { get; private set; }

    public string? FinishReason { get; private set; }

    public string? ServiceTier { get; private set; }

    public long Attempts { get; private set; }

    public string? PriceRevision { get; private set; }

    public Price? Price { get; private set; }

    public string ConfigurationRevision { get; private set; } = "";

    public CacheUse Cache { get; private set; }

    public GuardVerdict? Guard { get; private set; }

    /// <summary>The sums have its calls without their name (<see cref="CallerNames"/>).</summary>
    public bool IsOther { get; private set; }

    /// <summary>The sums have its calls under another name than the one that was asked for.</summary>
    public bool IsOutside => IsOther || UnknownRoute.Is(Status, Outcome, Route, Model);

    /// <summary>The columns of the table, in the order of <see cref="Write"/> after number and node.</summary>
    public static string[] Columns { get; } =
    [
        "number", "node", "team_id", "system_id", "key_id", "environment", "surface", "route", "provider", "model", "answered_model",
        "streamed",
        "status", "outcome", "error_code", "finish_reason", "service_tier", "attempts", "price_revision", "price", "configuration_revision",
        "cache", "guard_verdict", "is_other",
    ];

    /// <summary>Becomes the shape of the record, so that one object can ask for thousands.</summary>
    public void Take(CallRecord record, bool isOther)
    {
        TeamId = record.TeamId;
        SystemId = record.SystemId;
        KeyId = record.KeyId;
        Environment = record.Environment;
        Surface = record.Surface;
        Route = record.Route;
        Provider = record.Provider;
        Model = record.Model;
        AnsweredModel = record.AnsweredModel;
        Streamed = record.Streamed;
        Status = record.Status;
        Outcome = record.Outcome;
        ErrorCode = record.ErrorCode;
        FinishReason = record.FinishReason;
        ServiceTier = record.ServiceTier;
        Attempts = record.Attempts.Count;
        PriceRevision = record.PriceRevision;
        Price = record.Price;
        ConfigurationRevision = record.ConfigurationRevision;
        Cache = record.Cache;
        Guard = record.Guard?.Verdict;
        IsOther = isOther;
    }

    public void Write(Storage.RowWriter row, string node)
    {
        row.Long(Number);
        row.Text(node);
        row.Id(TeamId);
        row.Id(SystemId);
        row.Id(KeyId);
        row.Text(Words.Of(Environment));
        row.Text(Surface);
        row.Text(Route);
        row.Text(Provider ?? "");
        row.Text(Model ?? "");
        row.Text(AnsweredModel ?? "");
        row.Bool(Streamed);
        row.Long(Status);
        row.Text(Words.Of(Outcome));
        row.Text(ErrorCode ?? "");
        row.Text(FinishReason ?? "");
        row.Text(ServiceTier ?? "");
        row.Long(Attempts);
        row.Text(PriceRevision ?? "");
        row.Text(Price is null ? "" : JsonSerializer.Serialize(Price, StoredJson.Default.Price));
        row.Text(ConfigurationRevision);
        row.Text(Cache == CacheUse.None ? "" : CacheUses.Word(Cache));
        row.Text(Guard is { } verdict ? Words.Of(verdict) : "");
        row.Bool(IsOther);
    }

    public static CallShape Read(Storage.Row row) => new()
    {
        Number = row.Long(0),
        TeamId = row.Id(2),
        SystemId = row.Id(3),
        KeyId = row.Id(4),
        Environment = Words.Environment(row.Text(5)) ?? default,
        Surface = row.Text(6),
        Route = row.Text(7),
        Provider = NullIfNone(row.Text(8)),
        Model = NullIfNone(row.Text(9)),
        AnsweredModel = NullIfNone(row.Text(10)),
        Streamed = row.Bool(11),
        Status = row.Long(12),
        Outcome = Words.Outcome(row.Text(13)) ?? default,
        ErrorCode = NullIfNone(row.Text(14)),
        FinishReason = NullIfNone(row.Text(15)),
        ServiceTier = NullIfNone(row.Text(16)),
        Attempts = row.Long(17),
        PriceRevision = NullIfNone(row.Text(18)),
        Price = NullIfNone(row.Text(19)) is { } price ? JsonSerializer.Deserialize(price, StoredJson.Default.Price) : null,
        ConfigurationRevision = row.Text(20),
        Cache = CacheUses.Of(row.Text(21)),
        Guard = NullIfNone(row.Text(22)) is { } verdict ? Words.Verdict(verdict) : null,
        IsOther = row.Bool(23),
    };

    public CallShape Copy() => (CallShape)MemberwiseClone();

    public bool Equals(CallShape? other) =>
        other is not null && KeyId == other.KeyId && SystemId == other.SystemId && TeamId == other.TeamId
            && Environment == other.Environment
        && Streamed == other.Streamed && Status == other.Status && Outcome == other.Outcome && Attempts == other.Attempts
        && Cache == other.Cache
        && Guard == other.Guard && IsOther == other.IsOther && Route == other.Route && Surface == other.Surface
        && Provider == other.Provider && Model == other.Model
        && AnsweredModel == other.AnsweredModel && ErrorCode == other.ErrorCode && FinishReason == other.FinishReason
        && ServiceTier == other.ServiceTier && PriceRevision == other.PriceRevision && ConfigurationRevision == other.ConfigurationRevision
        && IsSame(Price, other.Price);

    public override bool Equals(object? obj) => Equals(obj as CallShape);

    /// <summary>Of the few fields that tell most shapes apart: this runs once a call.</summary>
    public override int GetHashCode() => HashCode.Combine(KeyId, Route, Model, Status, Outcome, Streamed, Attempts, AnsweredModel?.Length);

    private static string? NullIfNone(string text) => text.Length == 0 ? null : text;

    /// <summary>By content: the tiers of a price are a list, and lists are equal only to themselves.</summary>
    private static bool IsSame(Price? one, Price? other)
    {
        if (one is null || other is null || one.Tiers.Count == 0 || one.Tiers.Count != other.Tiers.Count)
        {
            return one == other;
        }

        for (var i = 0; i < one.Tiers.Count; i++)
        {
            if (one.Tiers[i].AboveInputTokens != other.Tiers[i].AboveInputTokens || !IsSame(one.Tiers[i].Price, other.Tiers[i].Price))
            {
                return false;
            }
        }

        return (one with { Tiers = [] }) == (other with { Tiers = [] });
    }
}

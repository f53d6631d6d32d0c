namespace Gatehouse.Contracts;

/// <summary>How often a budget begins anew. Days and months are those of UTC.</summary>
public enum BudgetPeriod
{
    Day,
    Month,

    /// <summary>Never: the sum since the first call.</summary>
    Total,
}

/// <summary>What happens when a budget is used up.</summary>
public enum BudgetMode
{
    /// <summary>It is reported.</summary>
    Soft,

    /// <summary>Calls are refused, so that it is never passed.</summary>
    Hard,
}

/// <summary>What a hard budget does with a call whose worst case nobody can name, because a target has no price.</summary>
public enum UnknownPrice
{
    /// <summary>Refuses it.</summary>
    Refuse,

    /// <summary>Lets it through at no cost, and counts it.</summary>
    Count,
}

/// <summary>Which calls a budget or limit applies to: those that fit every part that is given.</summary>
/// <param name="TeamId"><see langword="null"/>: the calls of all teams together.</param>
/// <param name="Route">The model name that clients ask for; a trailing <c>*</c> stands for any rest.</param>
/// <param name="EndUser">One end user as calls name them; <c>*</c>: each end user on their own.</param>
public sealed record CallScope(Guid? TeamId, Guid? SystemId = null, Guid? KeyId = null, string? Route = null, string? EndUser = null)
{
    /// <summary>Each end user has what the rule allows, on their own.</summary>
    public const string EachUser = "*";

    public bool IsPerUser => EndUser == EachUser;

    public bool Matches(Guid teamId, Guid systemId, Guid keyId, ReadOnlySpan<char> route, ReadOnlySpan<char> endUser) =>
        (TeamId is null || TeamId == teamId)
        && (SystemId is null || SystemId == systemId)
        && (KeyId is null || KeyId == keyId)
        && (Route is null || IsRoute(route))
        && (EndUser is null || IsPerUser || endUser.SequenceEqual(EndUser));

    private bool IsRoute(ReadOnlySpan<char> route) => Route!.EndsWith('*')
        ? route.StartsWith(Route.AsSpan(0, Route.Length - 1), StringComparison.Ordinal)
        : route.SequenceEqual(Route);
}

/// <summary>Money that calls may cost.</summary>
/// <param name="Name">Lower-case name, unique in its team.</param>
/// <param name="AlertPercent">The share of the limit at which it is reported, 1 to 100.</param>
public sealed record Budget(
    Guid Id,
    string Name,
    CallScope Scope,
    BudgetPeriod Period,
    BudgetMode Mode,
    decimal LimitUsd,
    int AlertPercent,
    UnknownPrice UnknownPrice,
    string CreatedBy,
    DateTimeOffset CreatedAt);

/// <summary>A budget and how it stands in its present period.</summary>
/// <param name="Team">Name of the team in its scope; <see langword="null"/> for all.</param>
/// <param name="SpentUsd">What the ledger holds. Of the end user who spent most, when each has their own.</param>
/// <param name="ReservedUsd">Worst cases of calls under way.</param>
/// <param name="ForecastUsd">Spent at the end of the period if it goes on as so far; <see langword="null"/> in its first hundredth and
/// without an end.</param>
/// <param name="UnknownCalls">Calls that cost something nobody knows.</param>
/// <param name="Users">Who spent most, when each end user has their own; at most ten.</param>
public sealed record BudgetStanding(
    Budget Budget,
    string? Team,
    string? System,
    string? Key,
    DateTimeOffset? From,
    DateTimeOffset? Until,
    decimal SpentUsd,
    decimal ReservedUsd,
    decimal LeftUsd,
    decimal? ForecastUsd,
    long UnknownCalls,
    IReadOnlyList<UserSpending> Users);

/// <summary>What one end user spent in the present period.</summary>
public sealed record UserSpending(string EndUser, decimal SpentUsd, decimal ReservedUsd);

/// <summary>How fast calls may come. At least one of the three is given.</summary>
/// <param name="RequestsPerMinute">Calls that begin within one minute of the clock.</param>
/// <param name="TokensPerMinute">Tokens of calls that begin within one minute of the clock.</param>
/// <param name="Concurrency">Calls under way at the same time.</param>
public sealed record RateLimit(
    Guid Id,
    string Name,
    CallScope Scope,
    long? RequestsPerMinute,
    long? TokensPerMinute,
    long? Concurrency,
    string CreatedBy,
    DateTimeOffset CreatedAt);

/// <summary>A limit with the names of what it applies to.</summary>
public sealed record RateLimitEntry(RateLimit Limit, string? Team, string? System, string? Key);

/// <summary>What a budget reported.</summary>
public enum BudgetEventKind
{
    /// <summary>The share at which it alerts was reached.</summary>
    Alert,

    /// <summary>All of it was spent.</summary>
    Exhausted,
}

/// <summary>Something that a budget reported, once in each period.</summary>
/// <param name="EndUser">Whose, when each end user has their own.</param>
public sealed record BudgetEvent(
    Guid BudgetId, string Budget, Guid? TeamId, string EndUser, BudgetEventKind Kind, DateTimeOffset At, decimal SpentUsd,
    decimal LimitUsd);

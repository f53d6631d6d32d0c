namespace Gatehouse.Gateway.Routing;

/// <summary>When a call whose first target is slow goes to the next one as well. The first that has something to say serves it.</summary>
/// <param name="After">How long the first target may take; <see langword="null"/>: as <paramref name="Percentile"/> says.</param>
/// <param name="Percentile">Of the target's last times to its first byte, from 1 to 99; without enough of them nothing is hedged.</param>
/// <param name="MaxShare">Second attempts, as a share of the route's calls on this node: above 0 and at most 1.</param>
/// <param name="MaxCostNanos">What attempts that were outrun may cost in a day (UTC) on this node; <see langword="null"/>: no
/// limit.</param>
public sealed record Hedge(TimeSpan? After, int Percentile, double MaxShare, long? MaxCostNanos);

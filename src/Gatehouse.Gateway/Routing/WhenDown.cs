namespace Gatehouse.Gateway.Routing;

/// <summary>What a route does with calls when every target is down: they wait, in place of being refused.</summary>
/// <param name="Wait">How long each may wait for a target to come back.</param>
/// <param name="Length">How many may wait at once, on this node.</param>
public sealed record WhenDown(TimeSpan Wait, int Length);

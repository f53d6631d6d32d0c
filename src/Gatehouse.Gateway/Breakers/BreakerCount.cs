using Gatehouse.Contracts;

namespace Gatehouse.Gateway.Breakers;

/// <summary>What one node counted for a breaker within its window.</summary>
/// <param name="Fingerprint">Of a request or a call of a tool that came more than once; 0 for the sums.</param>
/// <param name="Amount">Nanos, violations or calls of tools.</param>
/// <param name="Generation">The breaker's last change when it was counted, in microseconds: counts from before it are void.</param>
public sealed record BreakerCount(
    Guid TeamId, Guid SystemId, SystemEnvironment Environment, string Name, long Fingerprint, long Calls, long Amount, long Generation);

using Gatehouse.Contracts;

namespace Gatehouse.Gateway.Resilience;

/// <summary>Whether a credential is used.</summary>
public enum CredentialState
{
    Ready,

    /// <summary>The provider limited its rate (429): it rests as long as the provider asks.</summary>
    Limited,

    /// <summary>The provider refused it, or the account behind it: 401, 402, 403, or a 429 for a quota that is used up.</summary>
    Refused,
}

/// <summary>
/// Several credentials of one provider. The first that does not rest is used, so that a provider's prompt cache stays warm; when all
/// rest, the one whose rest ends first is used rather than none. Lock-free, safe from any thread.
/// </summary>
public sealed class CredentialRing(IReadOnlyList<string> credentials, TimeProvider clock)
{
    /// <summary>Rest after a 429 that does not say how long.</summary>
    internal static readonly TimeSpan LimitedRest = TimeSpan.FromSeconds(30);

    /// <summary>Longest rest after a 429, whatever the provider asks.</summary>
    internal static readonly TimeSpan LongestLimitedRest = TimeSpan.FromHours(1);

    /// <summary>Rest after a 401 or 403: somebody has to act, and one call in this time finds out whether they have.</summary>
    internal static readonly TimeSpan RefusedRest = TimeSpan.FromMinutes(10);

    private readonly long[] _restsUntil = new long[credentials.Count]; // timestamps: the time of day may be set meanwhile
    private readonly int[] _states = new int[credentials.Count];

    public int Count => credentials.Count;

    internal string this[int index] => credentials[index];

    /// <returns>The state of one credential and, unless it is ready, the end of its rest.</returns>
    public (CredentialState State, DateTimeOffset? RestsUntil) StateOf(int index)
    {
        var left = clock.GetElapsedTime(clock.GetTimestamp(), Volatile.Read(ref _restsUntil[index]));
        return left <= TimeSpan.Zero
            ? (CredentialState.Ready, null)
            : ((CredentialState)Volatile.Read(ref _states[index]), clock.GetUtcNow() + left);
    }

    /// <param name="isReady"><see langword="false"/> when every credential rests.</param>
    internal int Pick(out bool isReady)
    {
        var now = clock.GetTimestamp();
        var soonest = 0;
        for (var i = 0; i < _restsUntil.Length; i++)
        {
            var until = Volatile.Read(ref _restsUntil[i]);
            if (until <= now)
            {
                isReady = true;
                return i;
            }

            soonest = until < Volatile.Read(ref _restsUntil[soonest]) ? i : soonest;
        }

        isReady = false;
        return soonest;
    }

    /// <param name="status">Other statuses than 401, 402, 403 and 429 say nothing about the credential.</param>
    /// <returns>Whether the credential rests and another one is ready.</returns>
    internal bool TryRotate(int index, int status, TimeSpan? retryAfter)
    {
        if (status is not (401 or 402 or 403 or 429))
        {
            return false;
        }

        var rest = status != 429 ? RefusedRest
            : retryAfter is not { } asked ? LimitedRest
            : asked < LongestLimitedRest ? asked : LongestLimitedRest;
        Volatile.Write(ref _states[index], (int)(status == 429 ? CredentialState.Limited : CredentialState.Refused));
        Volatile.Write(ref _restsUntil[index], clock.TimestampIn(rest));
        Pick(out var isReady);
        return isReady;
    }
}

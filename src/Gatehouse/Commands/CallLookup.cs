using Gatehouse.Client;
using Gatehouse.Contracts;

namespace Gatehouse.Commands;

/// <summary>Finds a call just made in the ledger, which follows the answer by some milliseconds.</summary>
internal static class CallLookup
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(3);
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(50);

    /// <returns><see langword="null"/> when the token may not see calls or the record is late: the answer stands without it.</returns>
    public static async Task<CallDetail?> TryFindAsync(ApiClient api, string requestId, CancellationToken ct)
    {
        if (api.Connection.Token is null)
        {
            return null;
        }

        var clock = TimeProvider.System;
        var start = clock.GetTimestamp();
        while (true)
        {
            try
            {
                return await api.GetAsync($"api/calls/{Uri.EscapeDataString(requestId)}", ClientJson.Default.CallDetail, ct);
            }
            catch (ProblemException e) when (e.Problem.Status == 404 && clock.GetElapsedTime(start) < Patience)
            {
                await Task.Delay(Pause, clock, ct);
            }
            catch (ProblemException)
            {
                return null;
            }
        }
    }
}

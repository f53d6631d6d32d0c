using Gatehouse.Gateway.Providers.Connections;

namespace Gatehouse.Gateway.Tests.Providers.Connections;

internal static class AnswerHeads
{
    /// <summary>Waits for the head as a call does.</summary>
    /// <returns>Whether one came.</returns>
    public static async Task<bool> ReceiveHeadAsync(this UpstreamConnection connection, CancellationToken ct)
    {
        do
        {
            if (connection.TryReadHead())
            {
                return true;
            }
        }
        while (connection.TryTake(await connection.ReceiveAsync(ct)));

        return false;
    }
}

using System.Globalization;
using System.Net.Sockets;
using System.Runtime.CompilerServices;
using Gatehouse.Gateway.Calls;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;

namespace Gatehouse.Gateway.Scheduling;

/// <summary>
/// Lets what waits for a socket go on at the thread that polls the socket, without a wake-up of the pool: nearly half of a call's cost.
/// Chosen for clients' and providers' sockets alone: a database driver's continuation must not run there. Whatever runs there must
/// never block; <see cref="PoolContext"/> takes the rest of the server off those threads.
/// </summary>
public static class InlineSockets
{
    /// <summary>
    /// Bodies larger than this are read (parsed, guarded, translated) on the pool: the thread that polls has other calls to serve.
    /// </summary>
    internal const int MaxInlineBytes = 64 << 10;

    private const string ThreadCount = "DOTNET_SYSTEM_NET_SOCKETS_THREAD_COUNT";

    private static volatile bool _missing;

    /// <summary>
    /// Sets how many threads poll sockets, unless the environment does: as many as there are processors, because calls run on them. With
    /// one on two processors a call waits whenever the ledger's thread is in its way. To be called before the process uses its first
    /// socket, which is when the runtime reads it.
    /// </summary>
    public static void ChooseThreads()
    {
        if (Environment.GetEnvironmentVariable(ThreadCount) is null)
        {
            Environment.SetEnvironmentVariable(ThreadCount, Environment.ProcessorCount.ToString(CultureInfo.InvariantCulture));
        }
    }

    /// <summary>Connection middleware of the listener.</summary>
    public static ConnectionDelegate Accept(ConnectionDelegate next) => connection =>
    {
        if (connection.Features.Get<IConnectionSocketFeature>()?.Socket is { } socket)
        {
            TryPrefer(socket);
        }

        connection.Features.Set(new KnownKey());
        return next(connection);
    };

    /// <returns><see langword="false"/> when this runtime has no such thing: calls are slower then, and nothing else.</returns>
    internal static bool TryPrefer(Socket socket)
    {
        if (_missing)
        {
            return false;
        }

        try
        {
            SetPreferInlineCompletions(socket, true);
            return true;
        }
        catch (MissingMethodException)
        {
            _missing = true;
            return false;
        }
    }

    // The runtime keeps this setter for callers like us and has no public one.
    [UnsafeAccessor(UnsafeAccessorKind.Method, Name = "set_PreferInlineCompletions")]
    private static extern void SetPreferInlineCompletions(Socket socket, bool value);
}

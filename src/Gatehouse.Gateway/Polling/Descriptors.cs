using System.Net.Sockets;
using System.Runtime.InteropServices;

namespace Gatehouse.Gateway.Polling;

/// <summary>
/// The files and sockets that the process may have open. The runtime needs one to start a thread, and ends the process when it gets none:
/// so neither clients nor calls to providers may have the last ones. The kernel gives the lowest free number, which tells how many are in
/// use.
/// </summary>
public static unsafe class Descriptors
{
    private const int KeptForThreads = 32;
    private const int DuplicateAndCloseOnExec = 1030; // F_DUPFD_CLOEXEC
    private const int OpenFiles = 7; // RLIMIT_NOFILE

    /// <summary>How to have more.</summary>
    public const string Mend =
        "Raise the limit: 'LimitNOFILE=65536' in a systemd unit, 'ulimit -n 65536' in a shell, '--ulimit nofile=65536' of a container.";

    /// <summary>A server with fewer accepts nobody, or ends before it could: some 260 are open before the first client comes.</summary>
    public const int Least = 384;

    /// <summary>How many there may be; <see cref="int.MaxValue"/> where nobody says.</summary>
    public static int Limit { get; } = Read();

    /// <summary>A client's number is lower.</summary>
    internal static int OfClients { get; } = ClientsOf(Limit);

    /// <summary>The number of a connection to a provider is lower.</summary>
    internal static int OfCalls { get; } = Limit - KeptForThreads;

    /// <summary>How many clients may have, with the files that are open anyway: a quarter is left for what their calls need.</summary>
    public static int ClientsOf(int limit) => Math.Max(0, limit - Math.Max(2 * KeptForThreads, limit / 4));

    /// <summary>
    /// Refuses a connection to a provider that has one of the last. To be asked once it is connected: of a socket whose number somebody has
    /// seen, the runtime tries no second address.
    /// </summary>
    /// <exception cref="SocketException">It would.</exception>
    internal static void LeaveSome(Socket socket)
    {
        if (socket.Handle >= OfCalls)
        {
            throw Libc.Failure(Libc.TooManyFilesOfOurs);
        }
    }

    /// <summary>Whether another client may have one.</summary>
    /// <param name="open">Any that is open.</param>
    internal static bool AreLeft(SafeHandle open)
    {
        var lowest = Libc.Duplicate(open, DuplicateAndCloseOnExec, 0);
        return lowest >= 0 && Libc.Close(lowest) == 0 && lowest < OfClients;
    }

    private static int Read()
    {
        var limits = stackalloc ulong[2]; // now, and at most
        return OperatingSystem.IsLinux() && Libc.GetLimit(OpenFiles, limits) == 0 ? (int)Math.Min(limits[0], int.MaxValue) : int.MaxValue;
    }
}

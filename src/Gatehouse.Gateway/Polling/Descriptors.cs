using System.Runtime.InteropServices;

namespace Gatehouse.Gateway.Polling;

/// <summary>
/// The files and sockets that the process may have open. The runtime needs one to start a thread, and ends the process when it gets none:
/// so neither clients nor calls to providers may have the last ones. The kernel gives the lowest free number, which tells how many are in
/// use.
/// </summary>
internal static unsafe class Descriptors
{
    private const int KeptForThreads = 32;
    private const int DuplicateAndCloseOnExec = 1030; // F_DUPFD_CLOEXEC
    private const int OpenFiles = 7; // RLIMIT_NOFILE

    private static readonly int Limit = Read();

    /// <summary>A client's number is lower: a quarter is left for what its call needs.</summary>
    public static int OfClients { get; } = Limit - Math.Max(2 * KeptForThreads, Limit / 4);

    /// <summary>The number of a connection to a provider is lower.</summary>
    public static int OfCalls { get; } = Limit - KeptForThreads;

    /// <summary>Whether another client may have one.</summary>
    /// <param name="open">Any that is open.</param>
    public static bool AreLeft(SafeHandle open)
    {
        var lowest = Libc.Duplicate(open, DuplicateAndCloseOnExec, 0);
        return lowest >= 0 && Libc.Close(lowest) == 0 && lowest < OfClients;
    }

    private static int Read()
    {
        var limits = stackalloc ulong[2]; // now, and at most
        return Libc.GetLimit(OpenFiles, limits) == 0 ? (int)Math.Min(limits[0], int.MaxValue) : int.MaxValue;
    }
}

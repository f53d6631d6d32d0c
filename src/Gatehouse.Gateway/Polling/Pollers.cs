namespace Gatehouse.Gateway.Polling;

/// <summary>
/// The threads of this process that poll sockets for calls: those of clients, and those to providers. They are made with the first socket
/// and stay.
/// </summary>
public static class Pollers
{
    private static readonly Lock Making = new();
    private static Poller[] _all = [];
    private static int _next;
    private static int _count; // none before they are chosen

    /// <summary>
    /// One for each processor, because calls run on them; with one on two processors calls wait whenever the ledger's thread is in its way.
    /// None where there is no <c>epoll</c>.
    /// </summary>
    public static int DefaultCount { get; } = IsSupported() ? Environment.ProcessorCount : 0;

    /// <summary>Whether calls use them at all, or the sockets of the runtime.</summary>
    internal static bool AreUsed => _count > 0;

    /// <summary>This thread's own, or each in its turn.</summary>
    internal static Poller Here => Poller.Current ?? Next();

    /// <summary>To be called before the first socket.</summary>
    /// <param name="count">0: the sockets of the runtime.</param>
    public static void Choose(int count) => _count = DefaultCount > 0 ? count : 0;

    internal static Poller Next()
    {
        var all = Volatile.Read(ref _all);
        if (all.Length == 0)
        {
            lock (Making)
            {
                all = _all.Length > 0 ? _all : [.. Enumerable.Range(0, Math.Max(1, _count)).Select(static n => new Poller(n))];
                Volatile.Write(ref _all, all);
            }
        }

        return all[(int)((uint)Interlocked.Increment(ref _next) % (uint)all.Length)];
    }

    private static bool IsSupported()
    {
        if (!OperatingSystem.IsLinux())
        {
            return false;
        }

        try
        {
            using var probe = new SocketHandle(Libc.CreatePoll(Libc.CloseOnExec));
            return !probe.IsInvalid;
        }
        catch (Exception e) when (e is DllNotFoundException or EntryPointNotFoundException)
        {
            return false; // another C library
        }
    }
}

using System.Diagnostics;
using System.Runtime.InteropServices;

namespace Gatehouse.Load;

/// <summary>The monotonic clock in nanoseconds, and sleep until a moment of it, exact to some microseconds.</summary>
internal static partial class Clock
{
    private const int Monotonic = 1;
    private const int Absolute = 1; // TIMER_ABSTIME
    private const int TimerSlack = 29; // PR_SET_TIMERSLACK
    private const long NanosPerSecond = 1_000_000_000;

    public static long Now => Stopwatch.GetTimestamp(); // in nanoseconds on Linux

    /// <summary>Lets the kernel wake this thread at the moment and not with others 50 µs later.</summary>
    public static void BeExact() => _ = Control(TimerSlack, 1, 0, 0, 0);

    public static void SleepUntil(long nanos)
    {
        var at = new Moment(nanos / NanosPerSecond, nanos % NanosPerSecond);
        while (Now < nanos)
        {
            _ = Sleep(Monotonic, Absolute, in at, IntPtr.Zero);
        }
    }

    [LibraryImport("libc", EntryPoint = "clock_nanosleep")]
    private static partial int Sleep(int clock, int flags, in Moment until, IntPtr left);

    [LibraryImport("libc", EntryPoint = "prctl")]
    private static partial int Control(int option, ulong a, ulong b, ulong c, ulong d);

    [StructLayout(LayoutKind.Sequential)]
    private readonly record struct Moment(long Seconds, long Nanos);
}

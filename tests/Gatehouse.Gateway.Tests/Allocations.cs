namespace Gatehouse.Gateway.Tests;

/// <summary>What code allocates.</summary>
internal static class Allocations
{
    /// <summary>
    /// The bytes that <paramref name="code"/> allocates on this thread: the least of several runs. What code needs, it needs each time; a
    /// collection that empties the pools of arrays in between, or code that is not yet compiled for good, costs a run more.
    /// </summary>
    /// <param name="code">Is run until a run allocates nothing, <paramref name="runs"/> times at most.</param>
    /// <param name="runs">How often at most.</param>
    public static long Of(Action code, int runs = 50)
    {
        var least = long.MaxValue;
        for (var run = 0; run < runs && least > 0; run++)
        {
            var before = GC.GetAllocatedBytesForCurrentThread();
            code();
            least = Math.Min(least, GC.GetAllocatedBytesForCurrentThread() - before);
        }

        return least;
    }
}

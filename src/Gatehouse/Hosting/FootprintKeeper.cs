using Gatehouse.Gateway.Streaming;

namespace Gatehouse.Hosting;

/// <summary>Gives back, while the server runs, the memory that it took for a while: looks three times a minute.</summary>
internal sealed class FootprintKeeper : IAsyncDisposable
{
    private static readonly TimeSpan First = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan Every = TimeSpan.FromSeconds(20);

    /// <summary>After the first minute code pages are looked at this seldom: the compiler makes less and less superfluous.</summary>
    private const int LooksUntilPages = 30;

    private const int LooksAtFirst = 3;

    /// <summary>Allocated between two looks: more than workers without calls need, less than a call a second.</summary>
    private const long QuietBytes = 4 << 20;

    private readonly Timer _timer;
    private long _allocated;
    private int _looks;

    public FootprintKeeper() => _timer = new Timer(static keeper => ((FootprintKeeper)keeper!).Look(), this, First, Every);

    public ValueTask DisposeAsync() => _timer.DisposeAsync();

    private void Look()
    {
        var allocated = GC.GetTotalAllocatedBytes();
        var isQuiet = allocated - _allocated < QuietBytes;
        _allocated = allocated;
        if (LargeBuffers.Trim())
        {
            // Nobody waits in a quiet moment; else the collector works beside the calls, and gives back what it frees by and by.
            GC.Collect(2, isQuiet ? GCCollectionMode.Aggressive : GCCollectionMode.Forced, blocking: isQuiet, compacting: isQuiet);
        }

        Footprint.Trim();
        if (_looks++ < LooksAtFirst || _looks % LooksUntilPages == 0)
        {
            FilePages.Release();
        }
    }
}

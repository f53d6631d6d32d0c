namespace Gatehouse.Hosting;

/// <summary>Gives back, while the server runs, the memory that it took for a while: looks three times a minute.</summary>
internal sealed class FootprintKeeper : IAsyncDisposable
{
    private static readonly TimeSpan First = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan Every = TimeSpan.FromSeconds(20);

    /// <summary>After the first minute code pages are looked at this seldom: the compiler makes less and less superfluous.</summary>
    private const int LooksUntilPages = 30;

    private const int LooksAtFirst = 3;

    private readonly Timer _timer;
    private int _looks;

    public FootprintKeeper() => _timer = new Timer(static keeper => ((FootprintKeeper)keeper!).Look(), this, First, Every);

    public ValueTask DisposeAsync() => _timer.DisposeAsync();

    private void Look()
    {
        Footprint.Trim();
        if (_looks++ < LooksAtFirst || _looks % LooksUntilPages == 0)
        {
            FilePages.Release();
        }
    }
}

using System.Threading.Channels;
using Gatehouse.Gateway.Journal;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Gatehouse.Observability.Ledger;

/// <summary>
/// Stores prompts and answers once their calls are in the ledger. The queue is bounded, and so is what waits here: under pressure the
/// gateway drops text, counts it, and never waits.
/// </summary>
internal sealed partial class TextWorker(
    Channel<CallText> texts, TextStore store, ObservabilityMetrics metrics, TimeProvider clock, ILogger<TextWorker> log) : BackgroundService
{
    private const int BatchTexts = 64;

    /// <summary>Text whose call did not come this long after it is given up: the journal of that call was lost.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(5);

    private static readonly TimeSpan Retry = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan FlushTime = TimeSpan.FromSeconds(5);

    private readonly List<CallText> _waiting = new(BatchTexts);
    private DateTimeOffset _lastProgress;
    private bool _failing;

    /// <summary>The loop may have been stopped before it ever ran, so what is left is written here and not in it.</summary>
    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        await base.StopAsync(cancellationToken);
        if (ExecuteTask is { IsCompleted: true })
        {
            await FlushAsync();
        }
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        _lastProgress = clock.GetUtcNow();
        while (_waiting.Count > 0 || await texts.Reader.WaitToReadAsync(stoppingToken))
        {
            if (!await TryStoreAsync(stoppingToken))
            {
                await Task.Delay(Retry, clock, stoppingToken);
            }
        }
    }

    /// <returns>Whether everything taken was stored; else wait a little.</returns>
    private async Task<bool> TryStoreAsync(CancellationToken ct)
    {
        if (_waiting.Count == 0)
        {
            _lastProgress = clock.GetUtcNow();
        }

        while (_waiting.Count < BatchTexts && texts.Reader.TryRead(out var text))
        {
            _waiting.Add(text);
        }

        try
        {
            var early = await store.AddAsync(_waiting, ct);
            if (early.Count < _waiting.Count)
            {
                _lastProgress = clock.GetUtcNow();
            }

            _waiting.Clear();
            _waiting.AddRange(early);
            _failing = false;
        }
#pragma warning disable CA1031 // Whatever the database throws: the texts are tried again.
        catch (Exception e) when (!ct.IsCancellationRequested)
#pragma warning restore CA1031
        {
            if (!_failing)
            {
                _failing = true;
                StoreFailed(e);
            }

            return false;
        }

        if (_waiting.Count > 0 && clock.GetUtcNow() - _lastProgress > Patience)
        {
            metrics.LostText(_waiting.Count);
            _waiting.Clear();
        }

        return _waiting.Count == 0;
    }

    private async Task FlushAsync()
    {
        using var time = new CancellationTokenSource(FlushTime, clock);
        try
        {
            while ((_waiting.Count > 0 || texts.Reader.Count > 0) && await TryStoreAsync(time.Token))
            {
            }
        }
        catch (OperationCanceledException)
        {
            // Counted below with the rest.
        }

        if (_waiting.Count + texts.Reader.Count is > 0 and var left)
        {
            metrics.LostText(left);
        }
    }

    [LoggerMessage(Level = LogLevel.Error, Message = "Stored prompts and answers cannot be written; they are tried again twice a second.")]
    private partial void StoreFailed(Exception e);
}

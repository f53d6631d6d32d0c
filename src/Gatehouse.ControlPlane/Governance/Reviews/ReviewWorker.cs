using Gatehouse.Contracts;
using Gatehouse.Gateway.Journal;
using Gatehouse.Gateway.Reviews;
using Gatehouse.Storage;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Gatehouse.Governance;

/// <summary>
/// Carries questions from the calls of this node to the database and decisions back, off the way of calls:
/// <list type="number">
/// <item>What was asked is written at once; while calls wait, decisions of other nodes are looked for four times a second.</item>
/// <item>While the database is away what was asked stays here, and calls wait until their time is over.</item>
/// <item>What an earlier run of this node held is closed at the start; what a node held that has not beaten for ten seconds, by who
/// notices.</item>
/// </list>
/// </summary>
internal sealed partial class ReviewWorker(
    ReviewRows rows, Reviews reviews, ReviewDesk desk, CallJournal journal, DeletionClock deletion, TimeProvider clock,
    ILogger<ReviewWorker> log) : BackgroundService
{
    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(250);
    private static readonly TimeSpan LookAtNodes = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan GoneAfter = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan CleanEvery = TimeSpan.FromMinutes(10);

    private readonly List<ReviewAsked> _asked = [];
    private readonly List<ReviewEnded> _ended = [];
    private readonly Dictionary<string, (long Beat, long SeenAt)> _nodes = [];
    private readonly DateTimeOffset _start = clock.GetUtcNow();
    private bool _earlierClosed;
    private long _nodesAt;
    private long _cleanedAt = clock.GetTimestamp();

    /// <summary>What is known by then is written: calls that were cut off are not taken for waiting.</summary>
    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        await base.StopAsync(cancellationToken);
        try
        {
            await WriteAsync(cancellationToken);
        }
#pragma warning disable CA1031 // The next start closes them.
        catch (Exception e)
#pragma warning restore CA1031
        {
            Failed(e);
        }
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        var failing = false;
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                await WriteAsync(stoppingToken);
                await HearAsync(stoppingToken);
                failing &= !await SweepAsync(stoppingToken); // the rest may have had nothing to ask the database
            }
#pragma warning disable CA1031 // The database may be away for a while: calls wait, and their time-outs hold.
            catch (Exception e) when (!stoppingToken.IsCancellationRequested)
#pragma warning restore CA1031
            {
                if (!failing)
                {
                    Failed(e);
                }

                failing = true;
            }

            await WaitAsync(failing, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private async Task WaitAsync(bool failing, CancellationToken ct)
    {
        using var done = CancellationTokenSource.CreateLinkedTokenSource(ct);
        var pause = Beats.NextAsync(failing || desk.Waiting.Count > 0 ? Look : LookAtNodes, clock, done.Token);
        await (failing
            ? pause
            : Task.WhenAny(pause, desk.Asked.WaitToReadAsync(done.Token).AsTask(), desk.Ended.WaitToReadAsync(done.Token).AsTask()));
        await done.CancelAsync();
        ct.ThrowIfCancellationRequested();
    }

    private async Task WriteAsync(CancellationToken ct)
    {
        // What ended was asked before: read in this order, no end comes before its beginning.
        while (desk.Ended.TryRead(out var ended))
        {
            _ended.Add(ended);
        }

        while (desk.Asked.TryRead(out var asked))
        {
            _asked.Add(asked);
        }

        if (_asked.Count > 0)
        {
            await rows.AddAsync(
                _asked, journal.NodeId,
                a => reviews.TextsUntil(a.SystemId, a.Environment, a.At) ?? a.At.AddDays(Reviews.UndecidedDays), ct);
            foreach (var asked in _asked.Where(a => a.Due is not null))
            {
                Asked(asked.Id, asked.Rule, asked.Policy, asked.Due!.Value);
            }

            _asked.Clear();
        }

        for (; _ended.Count > 0; _ended.RemoveAt(0))
        {
            var ended = _ended[0];
            await rows.EndAsync(ended, await TextsUntilAsync(ended, ct), ct);
        }
    }

    private async Task<DateTimeOffset?> TextsUntilAsync(ReviewEnded ended, CancellationToken ct) =>
        await rows.ReadAsync($"r.id = {ended.Id}", 1, ct) is [var review]
            ? reviews.TextsUntil(review.SystemId, review.Environment, ended.At)
            : null;

    private async Task HearAsync(CancellationToken ct)
    {
        if (desk.Waiting is { Count: > 0 } waiting)
        {
            foreach (var (id, approved) in await rows.DecisionsAsync(waiting, ct))
            {
                desk.Decide(id, approved);
            }
        }
    }

    /// <returns>Whether the database was asked, and answered.</returns>
    private async Task<bool> SweepAsync(CancellationToken ct)
    {
        if (!_earlierClosed)
        {
            Gone(await rows.AbandonAsync(journal.NodeId, _start, clock.Now(), ct), journal.NodeId);
            _earlierClosed = true;
        }

        var now = clock.GetTimestamp();
        var isDue = _nodesAt == 0 || clock.GetElapsedTime(_nodesAt, now) >= LookAtNodes - Beats.Slack;
        if (isDue)
        {
            _nodesAt = now;
            await LookAtNodesAsync(now, ct);
        }

        if (clock.GetElapsedTime(_cleanedAt, now) >= CleanEvery)
        {
            _cleanedAt = now;
            await rows.DeleteOldTextsAsync(await deletion.GetNowAsync(ct), ct);
        }

        return isDue;
    }

    private async Task LookAtNodesAsync(long now, CancellationToken ct)
    {
        var others = (await rows.NodesAsync(ct)).Where(n => n != journal.NodeId).ToList();
        if (others.Count == 0)
        {
            _nodes.Clear();
            return;
        }

        var beats = await rows.BeatsAsync(ct);
        foreach (var node in others)
        {
            var beat = beats.GetValueOrDefault(node, -1);
            if (!_nodes.TryGetValue(node, out var seen) || seen.Beat != beat)
            {
                _nodes[node] = (beat, now);
            }
            else if (clock.GetElapsedTime(seen.SeenAt, now) >= GoneAfter)
            {
                Gone(await rows.AbandonAsync(node, DateTimeOffset.MaxValue, clock.Now(), ct), node);
                _nodes.Remove(node);
            }
        }
    }

    private void Gone(int reviews, string node)
    {
        if (reviews > 0)
        {
            Abandoned(reviews, node);
        }
    }

    [LoggerMessage(Level = LogLevel.Information,
        Message = "A call waits for a person: review {Review}, rule '{Rule}' of the policy '{Policy}', until {Due:u}.")]
    private partial void Asked(Guid review, string rule, string policy, DateTimeOffset due);

    [LoggerMessage(Level = LogLevel.Warning,
        Message = "{Reviews} reviews are abandoned: the run of node {Node} that held their calls is gone.")]
    private partial void Abandoned(int reviews, string node);

    [LoggerMessage(Level = LogLevel.Error,
        Message = "Reviews cannot be written or read; calls wait until their time is over, and it is tried again.")]
    private partial void Failed(Exception e);
}

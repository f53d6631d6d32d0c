using Gatehouse.Configuration;
using Gatehouse.Governance;
using Gatehouse.Storage;

namespace Gatehouse.Hosting;

/// <summary>
/// After a start without the database: asks for it once a second, brings its schema up to date, lets go of it, and begins the workers that
/// waited, in the order of their registration: tables first. Then it is over.
/// </summary>
internal sealed partial class DatabaseReturn(
    Database db, ConfigurationState configuration, InstallationSecret secret, NodeClaim claim, IServiceProvider services,
    TimeProvider clock, ILogger<DatabaseReturn> log) : BackgroundService
{
    private static readonly TimeSpan Look = TimeSpan.FromSeconds(1);

    private readonly StartSettings _start = configuration.Current.Start; // a newer configuration may name another database
    private volatile DatabaseTrouble? _refusal;

    /// <summary>Why the database is of no use although it answers; <see langword="null"/> when it does not, or is.</summary>
    public DatabaseTrouble? Refusal => _refusal;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (!db.IsHeldBack)
        {
            return;
        }

        while (!await TryBeginAsync(stoppingToken))
        {
            await Task.Delay(Look, clock, stoppingToken);
        }

        Returned();
    }

    private async Task<bool> TryBeginAsync(CancellationToken ct)
    {
        try
        {
            await BeginAsync(ct);
            _refusal = null;
            return true;
        }
        catch (Exception e) when (DatabaseTrouble.Of(e) is { IsAway: true })
        {
            _refusal = null;
            return false;
        }
#pragma warning disable CA1031 // Whatever is wrong with it: calls go on meanwhile, and somebody is to mend it.
        catch (Exception e) when (!ct.IsCancellationRequested)
#pragma warning restore CA1031
        {
            var why = DatabaseTrouble.Of(e) ?? (e is NodeTakenException
                ? new DatabaseTrouble("Another node that lives goes by the name of this one.", NodeTakenException.Mend)
                : new DatabaseTrouble($"The log has why ({e.GetType().Name}).", "Mend it; no restart is needed.")); // a driver may quote its settings
            if (_refusal != why)
            {
                Refused(e);
            }

            _refusal = why;
            return false;
        }
    }

    private async Task BeginAsync(CancellationToken ct)
    {
        if (db.IsHeldBack)
        {
            await using var own = ServerParts.Connect(_start); // nobody else sees the database before it is fit to be seen
            await ServerParts.PrepareAsync(own, _start, ct);
            await InstallationCheck.RunAsync(own, secret, ct);
            await claim.TakeAsync(own, ct); // before anything is drained
            db.LetGo();
        }

        foreach (var worker in services.GetServices<IHostedService>().OfType<DatabaseWorker>().Where(w => !w.HasBegun))
        {
            await worker.BeginAsync(ct);
        }
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "The database is back: tables are read from it, and calls that waited are recorded.")]
    private partial void Returned();

    [LoggerMessage(Level = LogLevel.Error, Message = "The database answers and cannot be used by this node. Calls go on from the snapshot, and it is tried again.")]
    private partial void Refused(Exception e);
}

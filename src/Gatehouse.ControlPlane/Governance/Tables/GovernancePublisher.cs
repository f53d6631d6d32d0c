namespace Gatehouse.Governance;

/// <summary>
/// Publishes new tables when the revision in the database is not the published one, and keeps them on the disk. Safe from any thread.
/// </summary>
/// <param name="keeper"><see langword="null"/> where no server runs.</param>
internal sealed class GovernancePublisher(
    GovernanceReader reader, InstallationSecret secret, GovernanceChanges changes, TimeProvider clock, TablesStanding? standing = null,
    TablesKeeper? keeper = null)
    : IDisposable
{
    private readonly SemaphoreSlim _one = new(1, 1);
    private bool _hasRead;

    public async Task RefreshAsync(CancellationToken ct)
    {
        await _one.WaitAsync(ct);
        try
        {
            var now = clock.GetUtcNow();

            // What a node started from may have the number of something else: the database may have been restored since.
            // And not all may have heard of the last ones.
            var isNew = await reader.RevisionAsync(ct) != changes.Served || !_hasRead;
            if (isNew || keeper?.IsDue(now) == true)
            {
                var rows = await reader.ReadAsync(ct);
                if (isNew)
                {
                    changes.Publish(rows.ToTables(secret));
                    _hasRead = true;
                }

                if (keeper is not null)
                {
                    await keeper.KeepAsync(rows, now, isNew);
                }
            }

            standing?.Confirm(now);
        }
        finally
        {
            _one.Release();
        }
    }

    public void Dispose() => _one.Dispose();
}

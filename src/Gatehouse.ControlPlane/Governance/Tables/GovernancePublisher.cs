using Gatehouse.Contracts;

namespace Gatehouse.Governance;

/// <summary>Publishes new tables when the revision in the database is not the published one. Safe from any thread.</summary>
internal sealed class GovernancePublisher(GovernanceReader reader, Snapshot<GovernanceTables> tables, GovernanceChanges changes)
    : IDisposable
{
    private readonly SemaphoreSlim _one = new(1, 1);

    public async Task RefreshAsync(CancellationToken ct)
    {
        await _one.WaitAsync(ct);
        try
        {
            if (await reader.RevisionAsync(ct) != tables.Current.Revision)
            {
                tables.Publish(await reader.ReadAsync(ct));
                changes.Raise();
            }
        }
        finally
        {
            _one.Release();
        }
    }

    public void Dispose() => _one.Dispose();
}

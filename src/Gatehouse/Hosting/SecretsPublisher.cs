using Gatehouse.Configuration;
using Gatehouse.Contracts;
using Gatehouse.Governance;

namespace Gatehouse.Hosting;

/// <summary>
/// Gives the stored secrets that Governance publishes to Configuration, which then makes the providers anew that use them.
/// </summary>
internal sealed class SecretsPublisher(
    SecretValues values, Snapshot<GovernanceTables> tables, GovernanceChanges changes, CredentialWatcher watcher)
        : IHostedService, IDisposable
{
    public Task StartAsync(CancellationToken cancellationToken)
    {
        changes.Published += Publish;
        Publish();
        return Task.CompletedTask;
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public void Dispose() => changes.Published -= Publish;

    private void Publish()
    {
        if (values.TryChange(tables.Current.StoredSecrets))
        {
            watcher.Changed();
        }
    }
}

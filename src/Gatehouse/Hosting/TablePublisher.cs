using Gatehouse.Configuration;
using Gatehouse.Contracts;
using Gatehouse.Gateway.Breakers;
using Gatehouse.Gateway.Limits;
using Gatehouse.Gateway.Routing;
using Gatehouse.Governance;
using Gatehouse.Guardrails.Policies;

namespace Gatehouse.Hosting;

/// <summary>
/// Joins the routes of Configuration and the keys of Governance into the one table that the gateway reads, whenever either changes:
/// a call sees one revision of both.
/// </summary>
internal sealed partial class TablePublisher : IHostedService, IDisposable
{
    private readonly ConfigurationState _configuration;
    private readonly Snapshot<GovernanceTables> _governance;
    private readonly GovernanceChanges _changes;
    private readonly Secrets _secrets;
    private readonly KeptPolicies _kept;
    private readonly AllowanceBook _book;
    private readonly BreakerBook _breakers;
    private readonly Snapshot<GatewayTable> _table;
    private readonly ILogger<TablePublisher> _log;
    private readonly Lock _one = new();
    private IReadOnlyList<string> _warned = [];

    public TablePublisher(
        ConfigurationState configuration, Snapshot<GovernanceTables> governance, GovernanceChanges changes, Secrets secrets,
        KeptPolicies kept, AllowanceBook book, BreakerBook breakers, Snapshot<GatewayTable> table, ILogger<TablePublisher> log)
    {
        _log = log;
        _kept = kept;
        _configuration = configuration;
        _governance = governance;
        _changes = changes;
        _secrets = secrets;
        _book = book;
        _breakers = breakers;
        _table = table;
    }

    /// <summary>Started after Governance and before the listener: the first call finds its key.</summary>
    public Task StartAsync(CancellationToken cancellationToken)
    {
        _configuration.Changed += OnConfigured;
        _changes.Published += Publish;
        Publish();
        return Task.CompletedTask;
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public void Dispose()
    {
        _configuration.Changed -= OnConfigured;
        _changes.Published -= Publish;
    }

    /// <summary>Inside the lock both sources are read anew, so that the last publication has the newest of both.</summary>
    private void Publish()
    {
        lock (_one)
        {
            var governance = _governance.Current;
            var compiled = _configuration.Current.Compiled;
            var kept = _kept.Compile([.. governance.GuardPolicies.Select(p => new KeptPolicyText(p.Name, p.Number, p.Text))]);
            var written = compiled.Policies.Exceptions;
            var systems = written.Count == 0 ? [] : Joints.SystemsOf(governance);
            var policies = compiled.Policies.WithKey(
                _secrets.GuardKey, kept.Select(f => f.Policy),
                [.. WrittenExceptions.Resolve(written, systems), .. governance.Exceptions.Select(ExceptionOf)]);
            Warn(WrittenExceptions.Warnings(written.Select(e => e.System), systems));
            policies.Warm(governance.Keys.Values);
            _breakers.Share(governance.Breakers);
            _table.Publish(compiled.ToTable(
                _secrets.Table(governance.Keys), governance.KillSwitches, new LimitTable(governance.Limits, _book), policies));
        }
    }

    private void Warn(IReadOnlyList<string> warnings)
    {
        foreach (var warning in warnings.Except(_warned))
        {
            CoversNobody(warning);
        }

        _warned = warnings;
    }

    private static GuardException ExceptionOf(PolicyException e) => new(
        e.System, e.Detector is { } word ? Joints.DetectorOf(word) : null, e.Types, e.Until, e.DecidedBy ?? "", e.Reason)
    {
        SystemId = e.SystemId,
    };

    private void OnConfigured(LoadedConfiguration loaded) => Publish();

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Warning}")]
    private partial void CoversNobody(string warning);
}

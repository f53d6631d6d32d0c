using Gatehouse.Api;
using Gatehouse.Configuration;
using Gatehouse.Contracts;
using Gatehouse.Gateway.Guarding;
using Gatehouse.Gateway.Journal;
using Gatehouse.Governance;
using Gatehouse.Guardrails.Policies;
using Gatehouse.Observability;
using Gatehouse.Storage;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace Gatehouse.Hosting;

/// <summary>What one module asks of another without knowing it: each joint is a delegate or a record of the module that asks.</summary>
internal static class Joints
{
    private static readonly TimeSpan RecentTraffic = TimeSpan.FromHours(1);

    public static void AddJoints(this IServiceCollection services, LoadedConfiguration loaded)
    {
        services.AddSingleton(static s => DatabasePing.Edges with
        {
            PingDatabase = (loaded, ct) => DatabasePing.PingAsync(s.GetRequiredService<TablesStanding>(), loaded, ct),
            Clock = s.GetRequiredService<TimeProvider>(),
            Tables = _ => TablesCheck.Of(
                s.GetRequiredService<TablesStanding>(), s.GetRequiredService<TablesKeeper>(), s.GetRequiredService<DatabaseReturn>()),
            Ledger = () => LedgerCheck.Of(
                s.GetRequiredService<LedgerStanding>(), s.GetRequiredService<CallJournal>(), s.GetRequiredService<NodeClaim>(),
                s.GetRequiredService<TimeProvider>()),
            ClockTraces = (now, ct) => ClockChecks.OfAsync(
                s.GetRequiredService<DeletionClock>(), s.GetRequiredService<Database>(), now, ct),
        });
        services.AddSingleton(Edge(loaded.Config.Server));
        services.AddSingleton(new OtlpOptions(loaded.Config.Telemetry.Otlp, loaded.Config.Telemetry.Headers));
        services.AddSingleton(static s => Names(s.GetRequiredService<Snapshot<GovernanceTables>>()));
        services.Replace(ServiceDescriptor.Singleton(static s => Secrets(
            s.GetRequiredService<ConfigurationState>(), s.GetRequiredService<KeptPolicies>())));
        services.AddSingleton(static s => Policies(
            s.GetRequiredService<ConfigurationState>(), s.GetRequiredService<Snapshot<GovernanceTables>>()));
        services.Replace(ServiceDescriptor.Singleton(static s => Judge(s.GetRequiredService<KeptPolicies>())));
        services.Replace(ServiceDescriptor.Singleton(new DetectorNames([.. Enum.GetValues<GuardDetector>().Select(GuardLog.NameOf)])));
        services.Replace(ServiceDescriptor.Singleton<ReadKnownSystems>(
            static s => () => SystemsOf(s.GetRequiredService<Snapshot<GovernanceTables>>().Current)));
        services.AddSingleton<ReadSpending>(SpendingAsync);
        services.Replace(ServiceDescriptor.Singleton(static s => Charges(s.GetRequiredService<BudgetDoor>())));
        services.AddSingleton(static s => Traffic(
            s.GetRequiredService<TrafficQueries>(), s.GetRequiredService<CallQueries>(), s.GetRequiredService<TimeProvider>()));
    }

    /// <summary>The ledger's transactions charge the budgets of Governance.</summary>
    private static LedgerJoint Charges(BudgetDoor door) => new()
    {
        ChargeAsync = door.ChargeAsync,
        Drained = door.Drained,
        RepricedAsync = door.RepricedAsync,
    };

    /// <summary>Governance asks Configuration which stored secrets it uses, and tells it of new ones.</summary>
    private static SecretsJoint Secrets(ConfigurationState configuration, KeptPolicies kept) => new()
    {
        InUse = () => [.. configuration.Current.StoredSecrets.Union(kept.Secrets)],
        ApplyAsync = configuration.ReloadAsync,
    };

    /// <summary>Governance asks Observability what the ledger holds.</summary>
    internal static async Task<IReadOnlyList<(string EndUser, long Nanos, long UnknownCalls)>> SpendingAsync(
        Transaction sql, CallScope scope, DateTimeOffset from, DateTimeOffset until, CancellationToken ct) =>
        [.. (await LedgerSums.ReadAsync(sql, scope, from, until, ct)).Select(s => (s.EndUser, s.Nanos, s.UnknownCalls))];

    /// <summary>Governance, Observability and Console ask Configuration how clients reach them.</summary>
    private static PublicEdge Edge(ServerOptions server) => new(
        server.PublicUrl, server.TrustedProxies is { } text && TrustedProxies.TryParse(text, out var proxies) ? proxies : []);

    /// <summary>Governance asks Configuration which guard policies there are.</summary>
    private static GuardPolicyNames Policies(ConfigurationState configuration, Snapshot<GovernanceTables> tables) => new(() =>
    [
        .. configuration.Current.Compiled.PolicyFiles.Select(f => f.Policy.Name), .. tables.Current.GuardPolicies.Select(p => p.Name),
        PolicyTable.None,
    ]);

    /// <summary>Configuration asks Governance which systems its exceptions may name.</summary>
    public static IReadOnlyCollection<KnownSystem> SystemsOf(GovernanceTables tables) =>
        [.. tables.Systems.Values.Select(s => new KnownSystem(s.Id, s.Team, s.Name))];

    /// <summary>Governance asks Configuration whether a text is a policy, and which names are taken.</summary>
    private static PolicyJoint Judge(KeptPolicies kept) => new(
        () => kept.Taken,
        (name, text) => kept.Check(name, text, out var errors) is { } file
            ? new PolicyJudgement(
                file.Policy.Revision, [],
                [.. file.Tests.Where(t => t.Failure is not null).Select(t => $"the test '{t.Name}' in line {t.Line}: {t.Failure}.")])
            : new PolicyJudgement(
                "", [.. errors.Select(e => $"line {e.Line}, column {e.Column}: {e.Message} {e.Suggestion}".TrimEnd())], []));

    /// <summary>The detector of a name that Governance keeps; one that this version does not know excepts nothing.</summary>
    public static GuardDetector DetectorOf(string word) =>
        Enum.GetValues<GuardDetector>().FirstOrDefault(d => GuardLog.NameOf(d) == word, (GuardDetector)(-1));

    /// <summary>Observability asks Governance for names and policies.</summary>
    private static SystemLookup Names(Snapshot<GovernanceTables> tables) => new(
        id => tables.Current.Systems.TryGetValue(id, out var system) ? system.Name : null,
        (id, environment) => tables.Current.PolicyOf(id, environment));

    /// <summary>Configuration asks Observability how its providers fare.</summary>
    private static ReadProviderTraffic Traffic(TrafficQueries traffic, CallQueries calls, TimeProvider clock) => async (who, ct) =>
    {
        var since = clock.GetUtcNow() - RecentTraffic;
        var found = new List<ProviderTraffic>();
        foreach (var share in await traffic.ByAsync(who, new CallFilter(From: since), TrafficDimension.Provider, ct))
        {
            var failed = share.Sum.Failed == 0
                ? null
                : await calls.NewestAsync(
                    who,
                    new CallFilter(From: since, Provider: share.Key, Outcome: CallOutcome.Failed, Limit: 1) { ButStopped = true },
                    ct);
            found.Add(new ProviderTraffic(
                share.Key, share.Sum.Calls, share.Sum.Failed, failed is [var last] ? last.ErrorMessage : null,
                failed is [var at] ? at.StartedAt : null));
        }

        return found;
    };
}

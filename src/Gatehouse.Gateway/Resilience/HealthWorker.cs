using Gatehouse.Contracts;
using Gatehouse.Gateway.Providers;
using Gatehouse.Gateway.Routing;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Gatehouse.Gateway.Resilience;

/// <summary>
/// Asks the providers that want it, one check at a time each, whether they are up. Each node asks for itself: what one cannot reach another
/// may.
/// </summary>
internal sealed partial class HealthWorker(
    Snapshot<GatewayTable> tables, HealthProbe probe, Chance chance, TimeProvider clock, ILogger<HealthWorker> log) : BackgroundService
{
    /// <summary>How often somebody looks whether a check is due.</summary>
    internal static readonly TimeSpan Tick = TimeSpan.FromMilliseconds(250);

    /// <summary>How often somebody looks whether there is anything to check.</summary>
    private static readonly TimeSpan Idle = TimeSpan.FromSeconds(2);

    private readonly Dictionary<TargetHealth, Check> _checks = [];
    private RouteTable? _seen;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        try
        {
            while (true)
            {
                Follow(tables.Current.Routes);
                foreach (var check in _checks.Values)
                {
                    Begin(check, stoppingToken);
                }

                await Beats.NextAsync(_checks.Count > 0 ? Tick : Idle, clock, stoppingToken);
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            await Task.WhenAll(_checks.Values.Select(c => c.UnderWay));
        }
    }

    /// <summary>Checks what the table in force has, and nothing that it has no longer.</summary>
    private void Follow(RouteTable routes)
    {
        if (ReferenceEquals(routes, _seen))
        {
            return;
        }

        _seen = routes;
        var wanted = new Dictionary<TargetHealth, Provider>();
        foreach (var target in routes.Routes.SelectMany(r => r.AllTargets).Where(t => t.Off is null))
        {
            if (target.Health is { } health)
            {
                wanted[health] = target.Provider;
            }
        }

        foreach (var gone in _checks.Keys.Where(h => !wanted.ContainsKey(h)).ToList())
        {
            _checks.Remove(gone);
        }

        foreach (var (health, provider) in wanted)
        {
            _checks.TryAdd(health, new Check(health, provider));
        }
    }

    private void Begin(Check check, CancellationToken ct)
    {
        if ((check.AskedAt is { } asked && clock.GetElapsedTime(asked) < check.Wait) || !check.UnderWay.IsCompleted)
        {
            return;
        }

        check.AskedAt = clock.GetTimestamp();
        check.Wait = check.Health.Settings.Every * (0.9 + (0.2 * chance.Next()));
        check.UnderWay = Task.Run(() => AskAsync(check, ct), CancellationToken.None);
    }

    private async Task AskAsync(Check check, CancellationToken ct)
    {
        string? error;
        try
        {
            error = await probe.AskAsync(check.Provider, check.Health, ct);
        }
        catch (OperationCanceledException) when (ct.IsCancellationRequested)
        {
            return;
        }
#pragma warning disable CA1031 // Whatever is wrong with a check, the others go on.
        catch (Exception e)
#pragma warning restore CA1031
        {
            CheckBroke(check.Provider.Name, e);
            return;
        }

        if (check.Health.Found(error, clock.GetUtcNow()))
        {
            var name = check.Health.Model is { } model ? $"{check.Provider.Name}/{model}" : check.Provider.Name;
            if (error is null)
            {
                CameBack(name);
            }
            else
            {
                WentDown(name, error);
            }
        }
    }

    private sealed class Check(TargetHealth health, Provider provider)
    {
        public TargetHealth Health { get; } = health;

        public Provider Provider { get; } = provider;

        /// <summary>A timestamp, so that a target is asked again whatever the time of day is set to.</summary>
        public long? AskedAt { get; set; }

        public TimeSpan Wait { get; set; }

        public Task UnderWay { get; set; } = Task.CompletedTask;
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Target} is unhealthy and gets no calls while others are left: {Error}")]
    private partial void WentDown(string target, string error);

    [LoggerMessage(Level = LogLevel.Information, Message = "{Target} is healthy again.")]
    private partial void CameBack(string target);

    [LoggerMessage(Level = LogLevel.Error, Message = "The health check of {Provider} broke on a mistake of Gatehouse.")]
    private partial void CheckBroke(string provider, Exception e);
}

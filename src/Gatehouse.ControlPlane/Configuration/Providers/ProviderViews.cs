using Gatehouse.Contracts;
using Gatehouse.Gateway.Providers;
using Gatehouse.Gateway.Resilience;
using Gatehouse.Gateway.Routing;

namespace Gatehouse.Configuration;

/// <summary>A provider's recent traffic, as the signed-in person may see it.</summary>
/// <param name="Provider">The provider's configured name.</param>
/// <param name="LastError">Message of the last failed call in that time.</param>
public sealed record ProviderTraffic(string Provider, long Calls, long Failed, string? LastError, DateTimeOffset? LastErrorAt);

/// <summary>
/// Reads the traffic of the last hour by provider, of the teams that the person may see. Observability has it; the host connects the two.
/// </summary>
public delegate Task<IReadOnlyList<ProviderTraffic>> ReadProviderTraffic(Person who, CancellationToken ct);

/// <summary>The circuit breaker of one model, on the node that answers.</summary>
/// <param name="Model">As the routes name it.</param>
/// <param name="State"><c>closed</c>, <c>half_open</c> or <c>open</c>.</param>
public sealed record BreakerView(string Model, string State);

/// <summary>One of several credentials of a provider, on the node that answers.</summary>
/// <param name="Name">Its place in the configuration: <c>api_keys[0]</c>.</param>
/// <param name="State"><c>ready</c>, <c>limited</c> or <c>refused</c>.</param>
public sealed record CredentialView(string Name, string State, DateTimeOffset? RestsUntil)
{
    internal static IEnumerable<CredentialView> Of(Provider provider)
    {
        for (var i = 0; i < provider.Credentials?.Count; i++)
        {
            var (state, until) = provider.Credentials.StateOf(i);
            yield return new($"api_keys[{i}]", state switch
            {
                CredentialState.Ready => "ready",
                CredentialState.Limited => "limited",
                _ => "refused",
            }, until);
        }
    }
}

/// <summary>One provider as lists show it.</summary>
/// <param name="Wire">The format it speaks: <c>openai</c>, <c>anthropic</c>, <c>gemini</c>, <c>bedrock</c> or <c>cohere</c>.</param>
/// <param name="Reachable">Whether any of the recent calls was answered; <see langword="null"/> when there was none.</param>
/// <param name="Calls">In the last hour, of the teams that the reader may see.</param>
public sealed record ProviderView(
    string Name,
    string Kind,
    string Wire,
    string Host,
    bool HasCredential,
    bool? Reachable,
    long Calls,
    long Failed,
    string? LastError,
    DateTimeOffset? LastErrorAt,
    IReadOnlyList<BreakerView> Breakers,
    IReadOnlyList<CredentialView> Credentials)
{
    /// <summary>Where it keeps data, as its settings say.</summary>
    public string? Region { get; init; }

    /// <summary>Why it gets no calls; <see langword="null"/> when it is switched on.</summary>
    public string? Off { get; init; }
}

/// <summary>The providers of the configuration in force with their health. Every signed-in person may see them.</summary>
public sealed class ProviderViews(ConfigurationState state, Snapshot<GatewayTable> table, ReadProviderTraffic traffic)
{
    public async Task<IReadOnlyList<ProviderView>> ListAsync(Person who, CancellationToken ct)
    {
        var recent = (await traffic(who, ct)).ToDictionary(t => t.Provider, StringComparer.Ordinal);
        return [.. state.Current.Compiled.Providers.Values.Select(p => View(p, recent.GetValueOrDefault(p.Name)))];
    }

    private ProviderView View(Provider provider, ProviderTraffic? recent) => new(
        provider.Name,
        provider.Settings.Kind,
        provider.Wire.ToString().ToLowerInvariant(),
        provider.Settings.Simulator is null ? provider.Settings.BaseUrl.Authority : "in process",
        provider.Settings.HasCredential,
        recent is { Calls: > 0 } ? recent.Failed < recent.Calls : null,
        recent?.Calls ?? 0,
        recent?.Failed ?? 0,
        recent?.LastError,
        recent?.LastErrorAt,
        Breakers(provider),
        [.. CredentialView.Of(provider)])
    {
        Region = provider.Settings.Region,
        Off = table.Current.Switches.Provider(provider.Name)
            ?? (state.Current.Config.Providers.TryGetValue(provider.Name, out var options) && !options.Enabled
                ? OffReasons.Configured
                : null),
    };

    private List<BreakerView> Breakers(Provider provider) =>
        [.. state.Current.Compiled.Routes.Routes
            .SelectMany(r => r.Targets)
            .Where(t => t.Provider == provider && t.Breaker is not null)
            .DistinctBy(t => t.Model)
            .Select(t => new BreakerView(t.Model, t.Breaker!.State switch
            {
                BreakerState.Closed => "closed",
                BreakerState.HalfOpen => "half_open",
                _ => "open",
            }))];
}

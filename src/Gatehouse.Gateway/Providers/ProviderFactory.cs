using Gatehouse.Gateway.Outbound;
using Gatehouse.Gateway.Providers.Bedrock;
using Gatehouse.Gateway.Providers.Simulator;
using Gatehouse.Gateway.Providers.Vertex;

namespace Gatehouse.Gateway.Providers;

/// <summary>Makes providers from their settings: one line per way of reaching them.</summary>
/// <param name="resolve">How names are looked up; <see langword="null"/>: DNS.</param>
public sealed class ProviderFactory(TimeProvider clock, ResolveHost? resolve = null)
{
    public Provider Create(ProviderSettings settings) => new(settings, settings switch
    {
        { Simulator: { } simulator } => new WaitedForUpstream(new SimulatorUpstream(simulator, clock)),
        { Aws: not null } => new SignedUpstream(Http(settings), new AwsSigner(settings, clock)),
        { Google: not null } =>
            new SignedUpstream(Http(settings), new GoogleTokens(settings.Google, OutboundRule.Of(settings, resolve), clock)),
        _ => Http(settings),
    }, clock);

    private IUpstream Http(ProviderSettings settings) =>
        IsProxied(settings.BaseUrl) ? new ProxiedUpstream(settings) : new HttpUpstream(settings, clock, resolve);

    private static bool IsProxied(Uri address) =>
        !HttpClient.DefaultProxy.IsBypassed(address) && HttpClient.DefaultProxy.GetProxy(address) is { } proxy && proxy != address;
}

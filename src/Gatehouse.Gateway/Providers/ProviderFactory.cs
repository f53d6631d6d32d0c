using Gatehouse.Gateway.Providers.Simulator;

namespace Gatehouse.Gateway.Providers;

/// <summary>Makes providers from their settings: one line per way of reaching them.</summary>
public sealed class ProviderFactory(TimeProvider clock)
{
    public Provider Create(ProviderSettings settings) => new(settings, settings switch
    {
        { Simulator: { } simulator } => new WaitedForUpstream(new SimulatorUpstream(simulator, clock)),
        { Wire: WireFormat.OpenAi or WireFormat.Anthropic or WireFormat.Gemini } =>
            IsProxied(settings.BaseUrl) ? new ProxiedUpstream(settings) : new HttpUpstream(settings, clock),
        _ => throw new ArgumentOutOfRangeException(nameof(settings), settings.Wire, "No such wire format."),
    }, clock);

    private static bool IsProxied(Uri address) =>
        !HttpClient.DefaultProxy.IsBypassed(address) && HttpClient.DefaultProxy.GetProxy(address) is { } proxy && proxy != address;
}

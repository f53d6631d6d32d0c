using Gatehouse.Gateway.Providers.Simulator;

namespace Gatehouse.Gateway.Providers;

/// <summary>Makes providers from their settings: one line per way of reaching them.</summary>
public sealed class ProviderFactory(TimeProvider clock)
{
    public Provider Create(ProviderSettings settings) => new(settings, settings switch
    {
        { Simulator: { } simulator } => new WaitedForUpstream(new SimulatorUpstream(simulator, clock)),
        { Wire: WireFormat.OpenAi } => new HttpUpstream(settings),
        { Wire: WireFormat.Anthropic } => new HttpUpstream(settings),
        { Wire: WireFormat.Gemini } => new HttpUpstream(settings),
        _ => throw new ArgumentOutOfRangeException(nameof(settings), settings.Wire, "No such wire format."),
    }, clock);
}

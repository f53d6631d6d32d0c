namespace Gatehouse.Gateway.Providers.Simulator;

/// <summary>
/// Lets the caller go before the work begins. What a provider in this process does is the provider's time all the same: the caller
/// waits for it, and counts it so.
/// </summary>
internal sealed class WaitedForUpstream(IUpstream inner) : IUpstream
{
    public async ValueTask<UpstreamAnswer> SendAsync(UpstreamRequest request, CancellationToken ct)
    {
        await Task.Yield();
        return await inner.SendAsync(request, ct);
    }
}

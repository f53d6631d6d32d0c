namespace Gatehouse.Gateway.Providers;

/// <summary>Proves to a provider who asks, where a fixed credential in a header does not.</summary>
internal interface IRequestSigner
{
    /// <returns>The request's headers and those of the proof.</returns>
    /// <exception cref="UpstreamException">There is no credential to be had.</exception>
    ValueTask<IReadOnlyList<KeyValuePair<string, string>>> SignAsync(UpstreamRequest request, CancellationToken ct);

    /// <summary>Secrets that the provider has been shown last, which it might repeat.</summary>
    IReadOnlyList<string> Presented { get; }
}

/// <summary>The way to a provider whose requests are signed.</summary>
internal sealed class SignedUpstream(IUpstream inner, IRequestSigner signer) : IUpstream
{
    /// <inheritdoc cref="IRequestSigner.Presented"/>
    public IReadOnlyList<string> Presented => signer.Presented;

    public async ValueTask<UpstreamAnswer> SendAsync(UpstreamRequest request, CancellationToken ct) =>
        await inner.SendAsync(request with { Headers = await signer.SignAsync(request, ct) }, ct);
}

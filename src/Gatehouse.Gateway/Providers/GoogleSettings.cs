namespace Gatehouse.Gateway.Providers;

/// <summary>A service account of Google Cloud. Never printed.</summary>
public sealed record GoogleSettings
{
    public required string ClientEmail { get; init; }

    /// <summary>PEM.</summary>
    public required string PrivateKey { get; init; }

    public string? PrivateKeyId { get; init; }

    /// <summary>Where a signed claim is exchanged for an access token.</summary>
    public required Uri TokenUri { get; init; }

    public override string ToString() => ClientEmail;
}

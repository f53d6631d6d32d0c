namespace Gatehouse.Gateway.Providers;

/// <summary>How requests to AWS are signed: with an access key, or with a profile of a credentials file. Never printed.</summary>
public sealed record AwsSettings
{
    public required string Region { get; init; }

    public string? AccessKeyId { get; init; }

    public string? SecretAccessKey { get; init; }

    /// <summary>Goes with temporary access keys.</summary>
    public string? SessionToken { get; init; }

    /// <summary>Path of a shared credentials file, used in place of the access key; read again when it changes.</summary>
    public string? CredentialsFile { get; init; }

    public string Profile { get; init; } = "default";

    public override string ToString() => Region;
}

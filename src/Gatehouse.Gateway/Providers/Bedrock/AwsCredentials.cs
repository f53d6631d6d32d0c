namespace Gatehouse.Gateway.Providers.Bedrock;

/// <summary>An access key of AWS. Never printed: <see cref="ToString"/> names nothing.</summary>
internal sealed record AwsCredentials(string AccessKeyId, string SecretAccessKey, string? SessionToken)
{
    public override string ToString() => "AWS credentials";
}

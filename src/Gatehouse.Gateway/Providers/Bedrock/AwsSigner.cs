using Gatehouse.Gateway.Providers.Connections;

namespace Gatehouse.Gateway.Providers.Bedrock;

/// <summary>Signs requests to Bedrock; each at the moment it is sent, since a signature holds for minutes only.</summary>
internal sealed class AwsSigner(ProviderSettings settings, TimeProvider clock) : IRequestSigner
{
    private const string Service = "bedrock"; // for every host of Bedrock

    private readonly AwsSettings _aws = settings.Aws!;
    private readonly string _host = RequestHead.HostOf(settings);
    private readonly string _base = settings.BaseUrl.AbsolutePath.TrimEnd('/');
    private readonly AwsCredentialFile? _file = settings.Aws!.CredentialsFile is { } path ? new(path, settings.Aws.Profile, clock) : null;

    private volatile string? _token;

    public IReadOnlyList<string> Presented => _token is { } token ? [token] : [];

    public async ValueTask<IReadOnlyList<KeyValuePair<string, string>>> SignAsync(UpstreamRequest request, CancellationToken ct)
    {
        var credentials = _file is not null
            ? await _file.ReadAsync(ct)
            : new AwsCredentials(_aws.AccessKeyId!, _aws.SecretAccessKey!, _aws.SessionToken);
        var date = SigV4.DateOf(clock.GetUtcNow());
        var signed =
            new List<KeyValuePair<string, string>> { new("content-type", "application/json"), new("host", _host), new("x-amz-date", date) };
        if (credentials.SessionToken is { } token)
        {
            _token = token;
            signed.Add(new("x-amz-security-token", token));
        }

        var authorization = SigV4.Authorization(
            request.IsGet ? "GET" : "POST", _base + request.Path, settings.Query, signed, request.Body.Span, credentials, _aws.Region,
            Service, date);
        return [.. request.Headers, .. signed.Skip(2), new("Authorization", authorization)]; // the transport writes the first two itself
    }
}

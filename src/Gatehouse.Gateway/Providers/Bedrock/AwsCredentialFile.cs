namespace Gatehouse.Gateway.Providers.Bedrock;

/// <summary>
/// AWS's shared credentials file. Tools that renew temporary credentials rewrite it, so it is looked at again every half minute; while it
/// cannot be read, what was read last goes on.
/// </summary>
internal sealed class AwsCredentialFile(string path, string profile, TimeProvider clock)
{
    private static readonly TimeSpan Fresh = TimeSpan.FromSeconds(30);

    private readonly Lock _lock = new();
    private volatile AwsCredentials? _known;
    private DateTime _writtenAt;
    private long _lookedAt;

    /// <exception cref="UpstreamException">The file has no such profile.</exception>
    public ValueTask<AwsCredentials> ReadAsync(CancellationToken ct) =>
        _known is { } known && clock.GetElapsedTime(Volatile.Read(ref _lookedAt)) < Fresh
            ? ValueTask.FromResult(known)
            : new(Task.Run(Read, ct)); // a file may block: not on a thread that polls sockets

    private AwsCredentials Read()
    {
        lock (_lock)
        {
            if (_known is { } known && clock.GetElapsedTime(_lookedAt) < Fresh)
            {
                return known;
            }

            _lookedAt = clock.GetTimestamp();
            try
            {
                var written = File.GetLastWriteTimeUtc(path);
                if (_known is null || written != _writtenAt)
                {
                    _known = Parse(File.ReadAllLines(path), profile) ?? _known;
                    _writtenAt = written;
                }
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                // told below unless there is something to go on with
            }

            return _known ?? throw new UpstreamException(
                UpstreamFailure.NotAllowed, $"the AWS credentials file has no readable profile '{profile}' with an access key.");
        }
    }

    /// <returns><see langword="null"/> when the profile is missing or incomplete.</returns>
    public static AwsCredentials? Parse(IEnumerable<string> lines, string profile)
    {
        var here = false;
        string? id = null, secret = null, token = null;
        foreach (var raw in lines)
        {
            var line = raw.Trim();
            if (line is ['[', .. var name, ']'])
            {
                here = name.Trim() == profile;
            }
            else if (here && line.Length > 0 && line[0] is not ('#' or ';')
                && line.IndexOf('=', StringComparison.Ordinal) is > 0 and var equals)
            {
                var value = line[(equals + 1)..].Trim();
                switch (line[..equals].TrimEnd())
                {
                    case "aws_access_key_id":
                        id = value;
                        break;
                    case "aws_secret_access_key":
                        secret = value;
                        break;
                    case "aws_session_token":
                        token = value;
                        break;
                }
            }
        }

        return id is { Length: > 0 } && secret is { Length: > 0 } && PassedHeaders.CanHold(id + token)
            ? new AwsCredentials(id, secret, token is { Length: > 0 } ? token : null)
            : null;
    }
}

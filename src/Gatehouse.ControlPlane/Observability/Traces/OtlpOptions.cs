namespace Gatehouse.Observability;

/// <summary>Where traces and metrics are sent, besides being stored: <c>telemetry.otlp</c> of the configuration.</summary>
/// <param name="Url">The receiver's base address; <c>/v1/traces</c> and <c>/v1/metrics</c> are appended. <see langword="null"/>: export is
/// off.</param>
/// <param name="Headers">Sent with each request; often a credential, never logged.</param>
public sealed record OtlpOptions(Uri? Url, IReadOnlyDictionary<string, string> Headers)
{
    public static readonly OtlpOptions Off = new(null, new Dictionary<string, string>());

    /// <summary>How often metrics are sent. Default 60 s.</summary>
    public TimeSpan MetricsEvery { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>Calls that wait to be exported; beyond it, the oldest stay and new ones are dropped and counted. Default 8,192.</summary>
    public int QueueCalls { get; init; } = 8192;
}

using Gatehouse.Contracts;

namespace Gatehouse.Observability.Traces;

/// <summary>What the trace of a call knows beyond its ledger row: stored as JSON in <c>observability_trace</c>.</summary>
/// <param name="Providers">The providers of <paramref name="Attempts"/> by configured name, as they were when the call was
/// recorded.</param>
internal sealed record TraceDocument(
    string SpanId,
    string? ParentSpanId,
    IReadOnlyList<CallAttempt> Attempts,
    IReadOnlyList<string> DroppedParameters,
    IReadOnlyDictionary<string, string> RequestAttributes,
    IReadOnlyDictionary<string, ProviderPlace> Providers)
{
    /// <summary>What the guards found; <see langword="null"/> when no policy applied.</summary>
    public GuardReport? Guard { get; init; }
}

/// <summary>What and where a provider is.</summary>
/// <param name="Kind">The preset of the configuration: <c>openai</c>, <c>anthropic</c>, <c>ollama</c> …</param>
internal sealed record ProviderPlace(string Kind, string Host, int Port);

using System.Collections.Concurrent;
using Gatehouse.Contracts;
using Gatehouse.Gateway.Resilience;
using Microsoft.AspNetCore.Http;

namespace Gatehouse.Gateway.Providers;

/// <summary>A provider ready to be called: its settings and the way to it. Made once per configuration revision that changes it.</summary>
public sealed class Provider(ProviderSettings settings, IUpstream upstream, TimeProvider clock)
{
    private readonly ConcurrentDictionary<string, CircuitBreaker> _breakers = new(StringComparer.Ordinal);

    private readonly ConcurrentDictionary<string, TargetLoad> _loads = new(StringComparer.Ordinal);

    private readonly TargetHealth? _health = settings.Health is { Models.Count: 0 } health ? new(health, null) : null;

    private readonly Dictionary<string, TargetHealth> _modelHealth =
        settings.Health?.Models.ToDictionary(m => m, m => new TargetHealth(settings.Health, m), StringComparer.Ordinal) ?? [];

    public ProviderSettings Settings { get; } = settings;

    public IUpstream Upstream { get; } = upstream;

    /// <summary><see langword="null"/> unless there are several.</summary>
    public CredentialRing? Credentials { get; } = settings.ApiKeys.Count > 1 ? new(settings.ApiKeys, clock) : null;

    public string Name => Settings.Name;

    public WireFormat Wire => Settings.Wire;

    /// <summary>The breaker of one model: the same for every route and for every revision that keeps this provider.</summary>
    /// <param name="model">As targets name it, <c>*</c> included.</param>
    /// <returns><see langword="null"/> when the provider has none.</returns>
    public CircuitBreaker? BreakerOf(string model) => Settings.Breaker is { } breaker
        ? _breakers.GetOrAdd(model, static (_, of) => new CircuitBreaker(of.breaker, of.clock), (breaker, clock))
        : null;

    /// <summary>What one model has to do: the same for every route and for every revision that keeps this provider.</summary>
    /// <param name="model">As targets name it, <c>*</c> included.</param>
    public TargetLoad LoadOf(string model) =>
        _loads.GetOrAdd(model, static (_, of) => new TargetLoad(of.Concurrency, of.clock), (Settings.Concurrency, clock));

    /// <summary>
    /// What is known of the health of one model: the same for every route and for every revision that keeps this provider.
    /// </summary>
    /// <param name="model">As targets name it.</param>
    /// <returns><see langword="null"/> when nobody checks.</returns>
    public TargetHealth? HealthOf(string model) => _health ?? _modelHealth.GetValueOrDefault(model);

    /// <summary>
    /// Whether it keeps data in a place or a part of it, as <c>eu-west-1</c> is of <c>eu</c>. The simulator's data leaves this process
    /// never.
    /// </summary>
    public bool IsIn(string place) => Settings.Simulator is not null
        || (Settings.Region is { } region
            && region.StartsWith(place, StringComparison.OrdinalIgnoreCase)
            && (region.Length == place.Length || region[place.Length] == '-'));

    public bool MayReceive(DataClassification data) => Settings.MaxData is not { } most || data <= most;
}

/// <summary>The way to a provider: over HTTP, or in process for the simulator. Safe from any thread.</summary>
public interface IUpstream
{
    /// <summary>Sends one request and returns at the status line. The caller disposes the answer, which releases the connection.</summary>
    /// <exception cref="UpstreamException">No status line came: refused, timed out, broken, or not HTTP.</exception>
    ValueTask<UpstreamAnswer> SendAsync(UpstreamRequest request, CancellationToken ct);
}

/// <summary>What goes upstream. The body's memory is valid until <see cref="IUpstream.SendAsync"/> has returned.</summary>
/// <param name="Path">Appended to the provider's base address: <c>/chat/completions</c>, <c>/messages</c>; may have a query of its
/// own.</param>
/// <param name="Headers">Beyond content type and credential: trace context, <c>anthropic-version</c>, <c>anthropic-beta</c>.</param>
public sealed record UpstreamRequest(
    string Path,
    ReadOnlyMemory<byte> Body,
    IReadOnlyList<KeyValuePair<string, string>> Headers,
    TimeSpan ConnectTimeout)
{
    /// <summary>Of the body; <see langword="null"/>: JSON.</summary>
    public string? ContentType { get; init; }

    /// <summary>The credential to use in place of <see cref="ProviderSettings.ApiKey"/>, where there are several.</summary>
    public string? ApiKey { get; init; }

    /// <summary>A <c>GET</c> without a body, in place of a <c>POST</c>.</summary>
    public bool IsGet { get; init; }

    /// <summary>Gets to know when the provider may begin to work.</summary>
    internal ISendListener? Listener { get; init; }

    /// <summary>Names the path only: a credential is never printed.</summary>
    public override string ToString() => Path;
}

/// <summary>Who wants to know how far a request has come.</summary>
internal interface ISendListener
{
    /// <summary>The connection has taken all of it: from now on it may be answered, and billed.</summary>
    void Sent();
}

/// <summary>An upstream's status, headers and the body still to be read.</summary>
public abstract class UpstreamAnswer : IAsyncDisposable
{
    public abstract int Status { get; }

    /// <summary>
    /// The body; reading past a broken connection throws <see cref="IOException"/> or <see cref="HttpRequestException"/>.
    /// </summary>
    public abstract Stream Body { get; }

    /// <returns>The header's value, or <see langword="null"/>.</returns>
    public abstract string? Header(string name);

    /// <summary>
    /// Copies the headers that are the client's business: rate limits, processing time. None unless the way to the provider has some.
    /// </summary>
    public virtual void PassHeaders(IHeaderDictionary to)
    {
    }

    public abstract ValueTask DisposeAsync();
}

/// <summary>Why no answer came from a provider at all.</summary>
public enum UpstreamFailure
{
    Refused,
    ConnectTimeout,
    Broken,
    NotAllowed,
}

/// <summary>No status line came from the provider. The message names no address beyond the host.</summary>
public sealed class UpstreamException(UpstreamFailure failure, string message, Exception? inner = null) : Exception(message, inner)
{
    public UpstreamFailure Failure { get; } = failure;
}

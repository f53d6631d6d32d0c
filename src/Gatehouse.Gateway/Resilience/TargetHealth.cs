namespace Gatehouse.Gateway.Resilience;

/// <summary>How a provider, or single models of it, are asked whether they are up.</summary>
/// <param name="Path">What is read, after the provider's base address; <see langword="null"/> when models are called.</param>
/// <param name="Models">Models that are called for one token each, as targets name them; their targets alone are judged. Empty: the path is
/// read, and judges every target of the provider.</param>
/// <param name="Every">From one check to the next; a tenth more or less, so that nodes do not ask in step.</param>
/// <param name="UnhealthyAfter">Failures one after the other, at least 1.</param>
/// <param name="HealthyAfter">Successes one after the other, at least 1.</param>
public sealed record HealthSettings(
    string? Path, IReadOnlyList<string> Models, TimeSpan Every, TimeSpan Timeout, int UnhealthyAfter, int HealthyAfter);

/// <summary>
/// What the checks of a provider or of one of its models found, on this node. Healthy until they say otherwise. Safe from any thread.
/// </summary>
public sealed class TargetHealth(HealthSettings settings, string? model)
{
    private readonly Lock _lock = new();
    private volatile bool _isDown;
    private volatile HealthCheck? _last;
    private int _streak; // of results that speak against the state

    public HealthSettings Settings { get; } = settings;

    /// <summary>The one that is called; <see langword="null"/>: the provider as a whole is asked.</summary>
    public string? Model { get; } = model;

    public bool IsHealthy => !_isDown;

    /// <summary><see langword="null"/> before the first.</summary>
    public HealthCheck? Last => _last;

    /// <param name="error">Why it is not up, in words without secrets; <see langword="null"/>: it is.</param>
    /// <returns>Whether that changed the state.</returns>
    internal bool Found(string? error, DateTimeOffset at)
    {
        lock (_lock)
        {
            var changes = false;
            if (error is null == IsHealthy)
            {
                _streak = 0;
            }
            else if (++_streak >= (_isDown ? Settings.HealthyAfter : Settings.UnhealthyAfter))
            {
                (_streak, _isDown, changes) = (0, !_isDown, true);
            }

            _last = new HealthCheck(at, error); // at last: who sees the check sees the state that it led to
            return changes;
        }
    }
}

/// <summary>One check.</summary>
/// <param name="Error">Why it failed; <see langword="null"/>: it did not.</param>
public sealed record HealthCheck(DateTimeOffset At, string? Error);

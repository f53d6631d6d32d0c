using Gatehouse.Contracts;

namespace Gatehouse.Configuration;

/// <summary>
/// What the configuration refers to in the vault, kept: read again when it is due, and used on while the vault is away. Used by one loader,
/// one load at a time.
/// </summary>
internal sealed class VaultValues(VaultClient client, TimeProvider clock)
{
    /// <summary>A vault that was away is asked again after this, or when values are due if that is sooner.</summary>
    private static readonly TimeSpan Again = TimeSpan.FromSeconds(5);

    private readonly Dictionary<string, Kept> _kept = new(StringComparer.Ordinal);

    private List<Ending> _due = [];

    /// <summary>Whether a value is to be read again, or the token to be renewed.</summary>
    public bool IsDue => _due.Exists(d => d.IsOver(clock));

    /// <summary>Why values are older than they should be; <see langword="null"/> when they are not.</summary>
    public string? Warning { get; private set; }

    /// <summary>Reads what is due of these paths, and forgets all others.</summary>
    public async Task<IReadOnlyDictionary<string, VaultReading>> ReadAsync(
        VaultOptions options, IReadOnlyCollection<string> paths, CancellationToken ct)
    {
        var source = $"{options.Address} {options.Namespace}";
        foreach (var gone in _kept.Where(k => !paths.Contains(k.Key) || k.Value.Source != source).Select(k => k.Key).ToList())
        {
            _kept.Remove(gone);
        }

        if (paths.Count > 0)
        {
            await client.KeepTokenAsync(options, ct);
        }

        var readings = new Dictionary<string, VaultReading>(StringComparer.Ordinal);
        var retry = options.Refresh < Again ? options.Refresh : Again;
        Warning = null;
        foreach (var path in paths)
        {
            var kept = _kept.GetValueOrDefault(path);
            if (kept is null || kept.Due.IsOver(clock))
            {
                var reading = await client.ReadAsync(options, path, ct);
                kept = reading switch
                {
                    { Problem: null } =>
                        new(source, reading,
                            Ending.In(
                                reading.Lease > TimeSpan.Zero ? Max(reading.Lease * (2.0 / 3), TimeSpan.FromSeconds(1)) : options.Refresh,
                                clock),
                            null),
                    { IsAway: true } when kept is { Reading.Problem: null } =>
                        kept with { Due = Ending.In(retry, clock), Stale = reading.Problem },
                    _ => new(source, reading, Ending.In(retry, clock), null),
                };
                _kept[path] = kept;
            }

            Warning ??= kept.Stale;
            readings[path] = kept.Reading;
        }

        _due = [.. _kept.Values.Select(k => k.Due)];
        if (_due.Count > 0 && client.TokenDue is { } token)
        {
            _due.Add(token);
        }

        return readings;
    }

    private static TimeSpan Max(TimeSpan a, TimeSpan b) => a > b ? a : b;

    private sealed record Kept(string Source, VaultReading Reading, Ending Due, string? Stale)
    {
        public override string ToString() => nameof(Kept);
    }
}

using Microsoft.Extensions.Logging;

namespace Gatehouse.Configuration;

/// <summary>
/// The configuration in force. A reload puts a whole new revision in force or none: a bad file keeps the last good one, is logged,
/// and stays visible in <see cref="LastErrors"/> until it is mended. Safe from any thread.
/// </summary>
public sealed partial class ConfigurationState : IDisposable
{
    private readonly ConfigurationLoader _loader;
    private readonly ILogger<ConfigurationState> _log;
    private readonly SemaphoreSlim _reloading = new(1, 1);
    private readonly IReadOnlyDictionary<string, string> _started;
    private volatile View _view;

    /// <param name="loaded">The revision that the process starts with.</param>
    public ConfigurationState(ConfigurationLoader loader, LoadedConfiguration loaded, ILogger<ConfigurationState> log)
    {
        _loader = loader;
        _log = log;
        _started = loaded.AtStart;
        _view = new(loaded, [], [], [], []);
    }

    /// <summary>Raised after a new revision is in force, one at a time.</summary>
    public event Action<LoadedConfiguration>? Changed;

    /// <summary>Raised after each look at the file, whatever it gave.</summary>
    internal event Action? Reloaded;

    public LoadedConfiguration Current => _view.Current;

    /// <summary>What is wrong with the file since it was changed last; empty when it is in force.</summary>
    public IReadOnlyList<ConfigurationError> LastErrors => _view.Errors;

    /// <summary>The first of <see cref="LastErrors"/>, or <see langword="null"/>.</summary>
    public ConfigurationError? LastError => _view.Errors is [var first, ..] ? first : null;

    /// <summary>Names of settings that were changed and take effect at the next start, such as <c>server.address</c>.</summary>
    public IReadOnlyList<string> RestartNeeded => _view.RestartNeeded;

    /// <summary>What is not as it should be with what is in force, such as a vault that does not answer.</summary>
    public IReadOnlyList<string> Warnings => _view.Warnings;

    public ConfigurationLoader Loader => _loader;

    /// <summary>Full paths of the files that the last look read, or would have read if they existed.</summary>
    internal IReadOnlyCollection<string> Files => _view.Files;

    /// <summary>Reads the configuration again.</summary>
    /// <returns>Whether it is free of errors.</returns>
    public async Task<bool> ReloadAsync(CancellationToken ct)
    {
        await _reloading.WaitAsync(ct);
        try
        {
            var before = _view;
            var outcome = await _loader.LoadAsync(before.Current, ct);
            if (outcome.Loaded is not { } loaded)
            {
                Refuse(before, outcome);
                return false;
            }

            Accept(before, loaded, outcome);
            return true;
        }
        finally
        {
            _reloading.Release();
            Reloaded?.Invoke();
        }
    }

    public void Dispose() => _reloading.Dispose();

    private void Refuse(View before, ConfigurationOutcome outcome)
    {
        _view = before with { Errors = outcome.Errors, Files = outcome.Files, Warnings = outcome.Warnings };
        Warn(before, outcome.Warnings);
        if (!outcome.Errors.SequenceEqual(before.Errors))
        {
            Refused(outcome.Errors.Count, before.Current.Revision, string.Join(Environment.NewLine, outcome.Errors));
        }
    }

    private void Accept(View before, LoadedConfiguration loaded, ConfigurationOutcome outcome)
    {
        Warn(before, outcome.Warnings);
        var restart = loaded.AtStart.Where(s => _started[s.Key] != s.Value).Select(s => s.Key).ToList();
        var changed = loaded.Revision != before.Current.Revision
            || !loaded.StoredSecrets.Order().SequenceEqual(before.Current.StoredSecrets.Order()); // the same values by another way
        _view = new(changed ? loaded : before.Current, [], restart, outcome.Files, outcome.Warnings);
        if (changed)
        {
            // Before the log: whoever reads there that a revision is in force may rely on it.
            Changed?.Invoke(loaded);
            InForce(loaded.Revision, before.Current.Revision);
        }
        else if (before.Errors.Count > 0)
        {
            Mended(loaded.Revision);
        }

        if (restart.Count > 0 && !restart.SequenceEqual(before.RestartNeeded))
        {
            NeedsRestart(string.Join(", ", restart));
        }
    }

    private void Warn(View before, IReadOnlyList<string> warnings)
    {
        foreach (var warning in warnings.Except(before.Warnings))
        {
            Warned(warning);
        }

        if (warnings.Count == 0 && before.Warnings.Count > 0)
        {
            NotWarned();
        }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Warning} What was read before is used meanwhile.")]
    private partial void Warned(string warning);

    [LoggerMessage(Level = LogLevel.Information, Message = "Everything that the configuration refers to can be read again.")]
    private partial void NotWarned();

    [LoggerMessage(Level = LogLevel.Error,
        Message = "The configuration has {Count} error(s) and was NOT taken; revision {Revision} stays in force.\n{Errors}")]
    private partial void Refused(int count, string revision, string errors);

    [LoggerMessage(Level = LogLevel.Information, Message = "The configuration is mended; revision {Revision} is in force.")]
    private partial void Mended(string revision);

    [LoggerMessage(Level = LogLevel.Information, Message = "Configuration revision {Revision} is in force, in place of {Before}.")]
    private partial void InForce(string revision, string before);

    [LoggerMessage(Level = LogLevel.Warning,
        Message = "Changed settings that take effect at the next start: {Settings}. Restart Gatehouse to use them.")]
    private partial void NeedsRestart(string settings);

    private sealed record View(
        LoadedConfiguration Current,
        IReadOnlyList<ConfigurationError> Errors,
        IReadOnlyList<string> RestartNeeded,
        IReadOnlyCollection<string> Files,
        IReadOnlyList<string> Warnings);
}

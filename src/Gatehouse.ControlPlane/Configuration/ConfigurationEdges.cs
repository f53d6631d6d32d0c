using Gatehouse.Gateway.Providers;

namespace Gatehouse.Configuration;

/// <summary>What reading the configuration needs of the outside.</summary>
public sealed record ConfigurationEdges
{
    /// <summary>Makes the way to a provider.</summary>
    public required Func<ProviderSettings, Provider> CreateProvider { get; init; }

    /// <summary>
    /// Names of the models of an Ollama on this machine, or <see langword="null"/> when none answers; asked once, for the embedded default.
    /// </summary>
    public required Func<CancellationToken, Task<IReadOnlyList<string>?>> FindOllamaModels { get; init; }

    /// <summary>Looks an environment variable up.</summary>
    public Func<string, string?> Variable { get; init; } = Environment.GetEnvironmentVariable;

    /// <summary>Stored secrets by name, as they are now; <see langword="null"/> where no database is open.</summary>
    public Func<IReadOnlyDictionary<string, string>?> StoredSecrets { get; init; } = static () => null;

    public TimeProvider Clock { get; init; } = TimeProvider.System;
}

/// <summary>Where the configuration is looked for, and what the command line sets over it.</summary>
/// <param name="Path">The file.</param>
/// <param name="Required">Whether a missing file is an error; else the embedded default takes its place.</param>
/// <param name="Address">Wins over <c>server.address</c>.</param>
/// <param name="Data">Wins over <c>server.data</c>; relative to the working folder.</param>
public sealed record ConfigurationSource(string Path, bool Required, string? Address = null, string? Data = null)
{
    public const string DefaultFile = "gatehouse.yaml";
}

using Gatehouse.Gateway.Journal;

namespace Gatehouse.Configuration;

/// <summary>One revision of the configuration, as people see it and as the gateway runs it.</summary>
/// <param name="SourcePath">Full path of the file; <see langword="null"/> for the embedded default.</param>
public sealed record LoadedConfiguration(
    string Revision,
    string? SourcePath,
    DateTimeOffset LoadedAt,
    GatehouseOptions Config,
    CompiledConfiguration Compiled)
{
    /// <summary>The whole configuration as YAML, defaults included and secrets masked.</summary>
    public required string Text { get; init; }

    /// <summary>Full path of the data folder.</summary>
    public required string DataFolder { get; init; }

    /// <summary>Full path of the SQLite database; <see langword="null"/> when PostgreSQL is used.</summary>
    public required string? SqlitePath { get; init; }

    /// <summary>Full path of the folder of the key ring; <see langword="null"/>: it is in the database.</summary>
    public required string? KeyRingFolder { get; init; }

    /// <summary>Names of the stored secrets that it refers to.</summary>
    public IReadOnlyCollection<string> StoredSecrets { get; init; } = [];

    /// <summary>The settings that refer to each of them, as <c>providers.openai.api_key</c>.</summary>
    public IReadOnlyDictionary<string, IReadOnlyList<string>> StoredSecretUses { get; init; } =
        new Dictionary<string, IReadOnlyList<string>>();

    /// <summary>What must be known before the database is open.</summary>
    public StartSettings Start => new(DataFolder, SqlitePath, Config.Storage.Postgres, Config.Server.Durability)
    {
        SnapshotMaxAge = Config.Storage.SnapshotMaxAge,
    };

    /// <summary>Settings that take effect at the next start, by name with their values; secrets as hashes.</summary>
    internal IReadOnlyDictionary<string, string> AtStart { get; init; } = new Dictionary<string, string>();
}

/// <summary>What must be known before the database is open.</summary>
/// <param name="DataFolder">Full path.</param>
/// <param name="SqlitePath">Full path; <see langword="null"/> when PostgreSQL is used.</param>
/// <param name="Postgres">The connection string.</param>
/// <param name="Durability">What a record outlives.</param>
public sealed record StartSettings(string DataFolder, string? SqlitePath, string? Postgres, JournalDurability Durability)
{
    /// <summary>Names of the stored secrets that the configuration refers to.</summary>
    public IReadOnlyCollection<string> StoredSecrets { get; init; } = [];

    /// <summary>How long ago PostgreSQL may have confirmed the tables that a node starts from while it is away.</summary>
    public TimeSpan SnapshotMaxAge { get; init; }

    /// <summary>A connection string may hold a password.</summary>
    public override string ToString() => DataFolder;
}

/// <summary>What the first look at the configuration gave: where the database is, or everything that is wrong.</summary>
public sealed record StartOutcome(StartSettings? Start, IReadOnlyList<ConfigurationError> Errors);

/// <summary>What reading the configuration gave: a revision, or everything that is wrong with it.</summary>
public sealed record ConfigurationOutcome(LoadedConfiguration? Loaded, IReadOnlyList<ConfigurationError> Errors)
{
    /// <summary>See <see cref="ConfigurationState.RestartNeeded"/>.</summary>
    internal IReadOnlyList<string> RestartNeeded { get; init; } = [];

    /// <summary>What is not as it should be, and no error: in force all the same.</summary>
    internal IReadOnlyList<string> Warnings { get; init; } = [];

    /// <summary>Full paths of the files that were read, or would have been if they existed.</summary>
    internal IReadOnlyCollection<string> Files { get; init; } = [];
}

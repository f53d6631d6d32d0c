using System.Runtime.InteropServices;
using Gatehouse.Commands;
using Gatehouse.Configuration;
using Gatehouse.Gateway.Journal;
using Gatehouse.Gateway.Providers;
using Gatehouse.Storage;

namespace Gatehouse.Hosting;

/// <summary>What must work before there is a host: configuration, data folder, database, journal. Each failure has an exit code.</summary>
internal sealed partial class ServerParts : IAsyncDisposable
{
    private ServerParts(
        ConfigurationState configuration, SecretValues secrets, ProviderFactory providers, Database database, CallJournal journal)
    {
        Secrets = secrets;
        Configuration = configuration;
        Providers = providers;
        Database = database;
        Journal = journal;
    }

    public ConfigurationState Configuration { get; }

    /// <summary>Stored secrets, as the configuration finds them.</summary>
    public SecretValues Secrets { get; }

    public ProviderFactory Providers { get; }

    public Database Database { get; }

    public CallJournal Journal { get; }

    /// <exception cref="CommandException">Something does not work; the message says what to mend.</exception>
    public static async Task<ServerParts> OpenAsync(ConfigurationSource source, ILoggerFactory logs, CancellationToken ct)
    {
        var providers = new ProviderFactory(TimeProvider.System);
        var secrets = new SecretValues();
        var loader = Loader(source, providers, secrets);
        var first = await loader.LoadStartAsync(ct);
        if (first.Start is not { } start)
        {
            throw ConfigurationSources.Wrong(first.Errors);
        }

        CreateFolder(start.DataFolder);
        var journal = OpenJournal(start.DataFolder, start.Durability);
        Database? database = null;
        try
        {
            database = await OpenDatabaseAsync(start, ct);
            await secrets.ReadAsync(database, start.DataFolder, ct);
            var outcome = await loader.LoadAsync(null, ct);
            return outcome.Loaded is { } loaded
                ? new ServerParts(
                    new ConfigurationState(loader, loaded, logs.CreateLogger<ConfigurationState>()), secrets, providers, database, journal)
                : throw ConfigurationSources.Wrong(outcome.Errors);
        }
        catch (Exception e)
        {
            journal.Dispose();
            if (database is not null)
            {
                await database.DisposeAsync();
            }

            throw e is DatabaseException ? Unusable($"The database cannot be used: {e.Message}") : e;
        }
    }

    public static ConfigurationLoader Loader(ConfigurationSource source, ProviderFactory providers, SecretValues secrets) => new(source,
        new ConfigurationEdges
    {
        CreateProvider = providers.Create,
        FindOllamaModels = OllamaProbe.FindModelsAsync,
        StoredSecrets = () => secrets.Current,
    });

    /// <summary>The configuration with the secrets that are stored, for a command that starts no server.</summary>
    /// <exception cref="CommandException">It is wrong.</exception>
    public static async Task<LoadedConfiguration> LoadAsync(ConfigurationSource source, CancellationToken ct)
    {
        var secrets = new SecretValues();
        var loader = Loader(source, new ProviderFactory(TimeProvider.System), secrets);
        await secrets.TryReadAsync((await loader.LoadStartAsync(ct)).Start, ct);
        var outcome = await loader.LoadAsync(null, ct);
        return outcome.Loaded ?? throw ConfigurationSources.Wrong(outcome.Errors);
    }

    /// <exception cref="DatabaseException">It cannot be opened.</exception>
    public static Database Connect(StartSettings start) => start.SqlitePath is { } path
        ? DatabaseFactory.Sqlite(path, start.Durability == JournalDurability.Power)
        : DatabaseFactory.Postgres(start.Postgres!);

    /// <summary>For a command that works on the database itself.</summary>
    /// <exception cref="CommandException">It cannot be used.</exception>
    public static Task<Database> OpenDatabaseFolderAsync(StartSettings start, CancellationToken ct)
    {
        CreateFolder(start.DataFolder);
        return OpenDatabaseAsync(start, ct);
    }

    /// <summary>Where the journal of a data directory is.</summary>
    public static string JournalOf(string folder) => Path.Combine(folder, "journal");

    public async ValueTask DisposeAsync()
    {
        Configuration.Dispose();
        Journal.Dispose();
        await Database.DisposeAsync();
    }

    [LibraryImport("libc", EntryPoint = "umask")]
    private static partial uint SetFileModeMask(uint mask);

    private static void CreateFolder(string path)
    {
        try
        {
            // Keys, prompts and password hashes lie in it: nobody but the user that runs Gatehouse may look, also where the folder
            // was there before and is open to others.
            _ = SetFileModeMask(Convert.ToUInt32("077", 8));
            if (!OperatingSystem.IsWindows())
            {
                Directory.CreateDirectory(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw Unusable($"The data directory {path} cannot be made: {e.Message} Choose another with --data.");
        }
    }

    private static CallJournal OpenJournal(string folder, JournalDurability durability)
    {
        try
        {
            return CallJournal.Open(new CallJournalOptions { Directory = JournalOf(folder), Durability = durability });
        }
        catch (JournalLockedException)
        {
            throw Unusable($"Another Gatehouse uses the data directory {folder}. Stop it, or choose another directory with --data.");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or JournalVersionException)
        {
            throw Unusable($"The journal in {folder} cannot be used: {e.Message}");
        }
    }

    private static async Task<Database> OpenDatabaseAsync(StartSettings start, CancellationToken ct)
    {
        Database? database = null;
        try
        {
            database = Connect(start);
            await Migrations.ApplyAsync(database, typeof(ConfigurationState).Assembly, ct);
            return database;
        }
        catch (Exception e) when (e is DatabaseException or System.Data.Common.DbException or IOException or UnauthorizedAccessException)
        {
            if (database is not null)
            {
                await database.DisposeAsync();
            }

            throw Unusable($"The database cannot be used: {e.Message}");
        }
    }

    private static CommandException Unusable(string message) => new(ExitCodes.Storage, "storage_unusable", message);
}

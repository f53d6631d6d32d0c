using System.Runtime.InteropServices;
using Gatehouse.Commands;
using Gatehouse.Configuration;
using Gatehouse.Gateway.Journal;
using Gatehouse.Gateway.Providers;
using Gatehouse.Governance;
using Gatehouse.Storage;

namespace Gatehouse.Hosting;

/// <summary>What must work before there is a host: configuration, data folder, database, journal. Each failure has an exit code.</summary>
internal sealed partial class ServerParts : IAsyncDisposable
{
    /// <summary>How long a database that says nothing is waited for.</summary>
    private static readonly TimeSpan PingPatience = TimeSpan.FromSeconds(5);

    private ServerParts(
        ConfigurationState configuration, SecretValues secrets, ProviderFactory providers, Database database, CallJournal journal,
        TablesFile? tablesFile, KeptTables? kept)
    {
        Secrets = secrets;
        Configuration = configuration;
        Providers = providers;
        Database = database;
        Journal = journal;
        TablesFile = tablesFile;
        Kept = kept;
    }

    public ConfigurationState Configuration { get; }

    /// <summary>Stored secrets, as the configuration finds them.</summary>
    public SecretValues Secrets { get; }

    public ProviderFactory Providers { get; }

    public Database Database { get; }

    public CallJournal Journal { get; }

    /// <summary>Where the node keeps its tables; <see langword="null"/>: SQLite is a file itself.</summary>
    public TablesFile? TablesFile { get; }

    /// <summary>What it starts from, with a database that is held back; <see langword="null"/>: the database answers.</summary>
    public KeptTables? Kept { get; }

    /// <param name="logs">Those who make them may take their time.</param>
    /// <exception cref="CommandException">Something does not work; the message says what to mend.</exception>
    public static async Task<ServerParts> OpenAsync(ConfigurationSource source, Task<ILoggerFactory> logs, CancellationToken ct)
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
            database = Connect(start);
            var file = TablesFileOf(start);
            if (file is { IsWanted: false })
            {
                file.Remove();
            }

            KeptTables? kept = null;
            if (await TryPrepareAsync(database, start, ct) is { } away)
            {
                kept = StartFrom(file!, away, (await logs).CreateLogger<ServerParts>());
                database.HoldBack();
                secrets.Take(kept.Tables.StoredSecrets);
            }
            else
            {
                await secrets.ReadAsync(database, start.DataFolder, ct);
            }

            var outcome = await loader.LoadAsync(null, ct);
            if (outcome.Loaded is not { } loaded)
            {
                throw ConfigurationSources.Wrong(outcome.Errors);
            }

            journal.Log = (await logs).CreateLogger<CallJournal>();
            return new ServerParts(
                new ConfigurationState(loader, loaded, (await logs).CreateLogger<ConfigurationState>()), secrets, providers, database,
                journal, file, kept);
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
    public static Database Connect(StartSettings start)
    {
        var database = start.SqlitePath is { } path
            ? DatabaseFactory.Sqlite(path, start.Durability == JournalDurability.Power)
            : DatabaseFactory.Postgres(start.Postgres!);
        database.IsStarting = true; // until the server says otherwise; commands have nobody else whom they could hold up
        return database;
    }

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
        catch (JournalVersionException e)
        {
            throw Unusable($"The journal in {folder} cannot be used: {e.Message}");
        }
        catch (JournalFullException e) when (e.InnerException is not UnauthorizedAccessException)
        {
            throw Unusable($"The journal in {folder} cannot be used: {e.Message} Free some space, or choose another directory with --data.");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw Unusable(
                $"The journal in {JournalOf(folder)} cannot be used: {e.Message} It must be a folder in which the user that runs Gatehouse may "
                + "read and write; or choose another directory with --data.");
        }
    }

    /// <summary>
    /// Brings the schema up to date. A PostgreSQL that is away is noticed in seconds; a SQLite file that another program has locked is
    /// waited for as long as SQLite does; migrations take the time that they take.
    /// </summary>
    /// <exception cref="DatabaseException">It is away, or cannot be used.</exception>
    public static async Task PrepareAsync(Database database, StartSettings start, CancellationToken ct)
    {
        if (start.Postgres is not null)
        {
            await PingAsync(database, ct);
        }
        else
        {
            await database.PingAsync(ct);
        }

        await Migrations.ApplyAsync(database, typeof(ConfigurationState).Assembly, ct);
    }

    private static async Task PingAsync(Database database, CancellationToken ct)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(ct);
        patience.CancelAfter(PingPatience);
        try
        {
            await database.PingAsync(patience.Token);
        }
        catch (OperationCanceledException e) when (!ct.IsCancellationRequested)
        {
            throw new DatabaseException(
                $"PostgreSQL does not answer within {PingPatience.TotalSeconds:0} seconds.", e) { IsAway = true };
        }
    }

    /// <returns><see langword="null"/> when the database can be used; else why it is away.</returns>
    private static async Task<DatabaseException?> TryPrepareAsync(Database database, StartSettings start, CancellationToken ct)
    {
        try
        {
            await PrepareAsync(database, start, ct);
            return null;
        }
        catch (DatabaseException e) when (e.IsAway)
        {
            return e;
        }
        catch (DatabaseAwayException e)
        {
            return new DatabaseException(e.Message, e) { IsAway = true }; // it fell silent after its first word
        }
        catch (Exception e) when (e is System.Data.Common.DbException or IOException or UnauthorizedAccessException)
        {
            throw Unusable($"The database cannot be used: {e.Message}");
        }
    }

    /// <summary>Where a node keeps its tables; <see langword="null"/>: its database is a file itself.</summary>
    public static TablesFile? TablesFileOf(StartSettings start) => start.Postgres is null ? null : new TablesFile(
        start.DataFolder, DatabaseFactory.PostgresName(start.Postgres), start.SnapshotMaxAge, InstallationSecret.Load(start.DataFolder));

    private static KeptTables StartFrom(TablesFile file, DatabaseException away, ILogger log)
    {
        try
        {
            var kept = file.Read(TimeProvider.System.GetUtcNow());
            StartsWithoutDatabase(log, away.Message, kept.At.UtcDateTime);
            return kept;
        }
        catch (Exception e) when (e is TablesRefusedException or IOException or UnauthorizedAccessException)
        {
            throw Unusable(
                $"The database cannot be used: {away.Message} And this node cannot start without it: {e.Message.TrimEnd('.')}. "
                + "Bring PostgreSQL back, or correct 'storage.postgres'.");
        }
    }

    private static async Task<Database> OpenDatabaseAsync(StartSettings start, CancellationToken ct)
    {
        Database? database = null;
        try
        {
            database = Connect(start);
            await PrepareAsync(database, start, ct);
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

    [LoggerMessage(Level = LogLevel.Warning,
        Message = "{Reason} Calls are served from the snapshot of {At:yyyy-MM-dd HH:mm:ss} UTC; hard budgets refuse theirs until PostgreSQL is back.")]
    private static partial void StartsWithoutDatabase(ILogger log, string reason, DateTime at);

    private static CommandException Unusable(string message) => new(ExitCodes.Storage, "storage_unusable", message);
}

using System.Data.Common;
using System.Net.Sockets;
using Microsoft.Data.Sqlite;
using Npgsql;
using SQLitePCL;

namespace Gatehouse.Storage;

/// <summary>Why the database does not do what is right to ask of it, and would of whatever else is asked. Holds no credential.</summary>
/// <param name="What">What is wrong, a sentence.</param>
/// <param name="Mend">How to mend it, another.</param>
public sealed record DatabaseTrouble(string What, string Mend)
{
    private const string LetWrite = "Let the user that runs Gatehouse write the file, the files beside it (-wal, -shm) and their folder.";

    /// <summary>The disk of the database.</summary>
    public static DatabaseTrouble DiskFull { get; } = new("The disk of the database is full.", "Free some space on it.");

    internal static DatabaseTrouble ReadOnly { get; } = new(
        "PostgreSQL is read-only (a standby?).",
        "Make it writable, or connect to the primary: with all hosts in 'storage.postgres', as "
        + "'Host=one,two;Target Session Attributes=read-write;…', a start finds it, also after the next fail-over.");

    /// <summary>Nobody answers, or says that it is starting: it may be there in a moment, and no setting need be wrong.</summary>
    public bool IsAway { get; private init; }

    /// <summary>It can be read all the same.</summary>
    public bool IsOfWrites => this == DiskFull || this == ReadOnly;

    /// <summary>
    /// What the server said itself, without its last dot. May name users, hosts and tables: for the log, never for who has not signed
    /// in.
    /// </summary>
    public string? Detail { get; private init; }

    /// <summary>What is wrong, for who may know all.</summary>
    public string Told => Detail is null ? What : $"{What} PostgreSQL says: {Detail}.";

    public override string ToString() => (Detail is null ? $"{What} {Mend}" : $"{What} {Mend} PostgreSQL says: {Detail}.").TrimEnd();

    /// <returns><see langword="null"/>: it is the statement that failed, or something else.</returns>
    public static DatabaseTrouble? Of(Exception e) => e switch
    {
        DatabaseAwayException => Away(e.Message),
        DatabaseException said => new(said.What, said.Mend ?? "") { IsAway = said.IsAway },
        PostgresException said => Of(said),
        SqliteException said => Of(said),
        NpgsqlException { InnerException: AggregateException each } =>
            each.InnerExceptions.Select(Of).FirstOrDefault(static t => t is { IsAway: false })
                ?? Away("None of PostgreSQL's hosts answers."),
        NpgsqlException said when IsUnsuitable(said) => Away("None of PostgreSQL's hosts is what 'Target Session Attributes' asks for."),
        SocketException or DbException { IsTransient: true } => Away("The database does not answer."),
        _ => null,
    };

    /// <summary>Of several hosts none is what the connection asks for: none yet, where one is about to take over.</summary>
    internal static bool IsUnsuitable(NpgsqlException e) => e.Message.StartsWith("No suitable host", StringComparison.Ordinal);

    private static DatabaseTrouble Away(string what) => new(what, "Bring it back if it does not come by itself.") { IsAway = true };

    private static DatabaseTrouble? Of(PostgresException e) => e.SqlState switch
    {
        PostgresErrorCodes.DiskFull => DiskFull,
        PostgresErrorCodes.ReadOnlySqlTransaction => ReadOnly,
        PostgresErrorCodes.InvalidPassword or PostgresErrorCodes.InvalidAuthorizationSpecification => Refusing(
            e, "PostgreSQL lets Gatehouse in no more", "Set 'storage.postgres' to the user and password of today, and start again."),
        PostgresErrorCodes.InsufficientPrivilege => Refusing(
            e, "PostgreSQL refuses the user of 'storage.postgres'", "Give it back its rights: it owns what it made."),
        PostgresErrorCodes.InvalidCatalogName => Refusing(e, "PostgreSQL has no such database", "Restore it from a backup."),
        PostgresErrorCodes.UndefinedTable or PostgresErrorCodes.InvalidSchemaName => Refusing(
            e, "The schema in PostgreSQL is not that of Gatehouse",
            "See with 'gatehouse doctor' whether another version was started on it; restore what is missing from a backup."),
        PostgresErrorCodes.DeadlockDetected or PostgresErrorCodes.SerializationFailure or PostgresErrorCodes.LockNotAvailable => new(
            $"PostgreSQL broke a statement off for another's sake ({e.SqlState}).", "It is tried again.")
        {
            IsAway = true,
            Detail = Said(e),
        },
        _ => e.IsTransient || PostgresErrorCodes.AdminShutdown == e.SqlState || PostgresErrorCodes.CrashShutdown == e.SqlState
            ? Away($"PostgreSQL cannot answer now ({e.SqlState}).") with { Detail = Said(e) }
            : null,
    };

    private static DatabaseTrouble Refusing(PostgresException e, string what, string mend) =>
        new($"{what} ({e.SqlState}).", mend) { Detail = Said(e) };

    private static string Said(PostgresException e) => e.MessageText.TrimEnd('.');

    private static DatabaseTrouble? Of(SqliteException e) => e.SqliteErrorCode switch
    {
        raw.SQLITE_FULL => DiskFull,
        raw.SQLITE_READONLY or raw.SQLITE_PERM => new("The SQLite file may be read and not written.", LetWrite),
        raw.SQLITE_CANTOPEN => new("The SQLite file cannot be opened.", LetWrite),
        raw.SQLITE_IOERR => new("The disk of the SQLite file failed.", "Check it, and the system's log."),
        raw.SQLITE_CORRUPT or raw.SQLITE_NOTADB => new("The SQLite file is damaged.", "Restore it from a backup."),
        raw.SQLITE_BUSY or raw.SQLITE_LOCKED => new(
            "The SQLite file is locked by another program, or a long write is under way.",
            "End what has it open, a copy or a shell of sqlite3, or try again.") { IsAway = true },
        _ => null,
    };
}

using System.Net.Sockets;
using Gatehouse.Storage;
using Microsoft.Data.Sqlite;
using Npgsql;

namespace Gatehouse.Tests.Storage;

/// <summary>Which failures are the database's own, and what whoever is to mend it reads.</summary>
public sealed class DatabaseTroubleTests
{
    [Theory]
    [InlineData("53100", "The disk of the database is full. Free some space on it.")]
    [InlineData("25006", "PostgreSQL is read-only (a standby?). Make it writable, or connect to the primary")]
    [InlineData("28P01", "PostgreSQL lets Gatehouse in no more (28P01). Set 'storage.postgres' to the user and password of today")]
    [InlineData("28000", "PostgreSQL lets Gatehouse in no more (28000).")]
    [InlineData("42501", "PostgreSQL refuses the user of 'storage.postgres' (42501).")]
    [InlineData("3D000", "PostgreSQL has no such database (3D000).")]
    [InlineData("42P01", "The schema in PostgreSQL is not that of Gatehouse (42P01).")]
    public void PostgreSQL_that_answers_and_cannot_be_used(string state, string said)
    {
        var trouble = DatabaseTrouble.Of(Postgres(state))!;

        Assert.StartsWith(said, trouble.ToString(), StringComparison.Ordinal);
        Assert.DoesNotContain(" said", trouble.What, StringComparison.Ordinal); // who has not signed in may read it
        Assert.Equal((false, state is "53100" or "25006"), (trouble.IsAway, trouble.IsOfWrites));
    }

    [Theory]
    [InlineData(8)] // SQLITE_READONLY
    [InlineData(10)] // SQLITE_IOERR
    [InlineData(11)] // SQLITE_CORRUPT
    [InlineData(13)] // SQLITE_FULL
    [InlineData(14)] // SQLITE_CANTOPEN
    public void SQLite_that_cannot_be_used(int code) => Assert.False(DatabaseTrouble.Of(new SqliteException("said", code))!.IsAway);

    [Fact]
    public void Who_does_not_answer_is_away()
    {
        Assert.All<Exception>(
            [Postgres("57P01"), Postgres("57P03"), Postgres("53300"), Postgres("40P01"), new SocketException(),
                new DatabaseAwayException("said"),
                new NpgsqlException("said", new IOException()), new SqliteException("busy", 5)],
            e => Assert.True(DatabaseTrouble.Of(e)!.IsAway));
    }

    [Fact]
    public void A_statement_that_is_wrong_is_no_fault_of_the_database() => Assert.All<Exception>(
        [Postgres("42703"), Postgres("23505"), Postgres("42601"), new SqliteException("said", 1), new SqliteException("said", 19),
            new InvalidOperationException()],
        e => Assert.Null(DatabaseTrouble.Of(e)));

    private static PostgresException Postgres(string state) => new("said.", "ERROR", "ERROR", state);
}

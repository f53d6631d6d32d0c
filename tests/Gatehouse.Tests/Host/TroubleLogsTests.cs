using Gatehouse.Hosting;
using Gatehouse.Tests.Governance.Leases;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace Gatehouse.Tests.Host;

/// <summary>What a database that cannot be used makes of the log.</summary>
public sealed partial class TroubleLogsTests : IDisposable
{
    private static readonly PostgresException _full = new("could not extend file", "ERROR", "ERROR", PostgresErrorCodes.DiskFull);
    private static readonly PostgresException _refused =
        new("password authentication failed for user \"gatehouse\"", "FATAL", "FATAL", PostgresErrorCodes.InvalidPassword);

    private readonly StepClock _clock = new(new DateTimeOffset(2026, 3, 1, 12, 0, 10, TimeSpan.Zero));
    private readonly CapturedLogs _logs = new();
    private readonly ILoggerFactory _inner;
    private readonly ILogger _log;

    public TroubleLogsTests()
    {
        _inner = LoggerFactory.Create(logging => logging.AddProvider(_logs));
        _log = new TroubleLogs(_inner, _clock).CreateLogger("worker");
    }

    private string[] Lines => _logs.Text.Split('\n');

    public void Dispose()
    {
        _inner.Dispose();
        _logs.Dispose();
    }

    [Fact]
    public void Each_reason_is_a_line_with_its_remedy_and_no_stack_however_often_it_comes()
    {
        for (var i = 0; i < 100; i++)
        {
            Failed(_full);
            _clock.Advance(TimeSpan.FromMinutes(1));
        }

        Failed(_refused);

        Assert.Equal(
            [
                "Error It failed. The disk of the database is full. Free some space on it. ",
                "Error It failed. PostgreSQL lets Gatehouse in no more (28P01). Set 'storage.postgres' to the user and password of today, "
                    + "and start again. PostgreSQL says: password authentication failed for user \"gatehouse\". ",
            ],
            Lines);
    }

    [Fact]
    public void It_is_said_again_after_two_quiet_minutes_or_when_it_was_over()
    {
        Failed(_full);
        _clock.Advance(TimeSpan.FromMinutes(2));
        Failed(_full);
        Assert.Equal(2, Lines.Length);

        Works();
        Failed(_full);
        Assert.Equal(4, Lines.Length);
    }

    /// <summary>A column that is not there is a mistake of ours.</summary>
    [Fact]
    public void What_is_not_the_database_s_fault_keeps_its_stack_each_time()
    {
        var ours = new PostgresException("column does not exist", "ERROR", "ERROR", PostgresErrorCodes.UndefinedColumn);
        Failed(ours);
        Failed(ours);

        Assert.Equal(2, Lines.Count(l => l.Contains("Npgsql.PostgresException", StringComparison.Ordinal)));
    }

    [LoggerMessage(Level = LogLevel.Error, Message = "It failed.")]
    private partial void Failed(Exception e);

    [LoggerMessage(Level = LogLevel.Information, Message = "It works again.")]
    private partial void Works();
}

using System.Text;
using System.Text.Json;
using Gatehouse.Contracts;
using Gatehouse.Gateway.Responses;
using Gatehouse.Observability;
using Gatehouse.Observability.Ledger;
using Gatehouse.Observability.Responses;
using Gatehouse.Tests.Storage;

namespace Gatehouse.Tests.Observability;

/// <summary>Stored responses, on both databases.</summary>
public class ResponseStoreTests
{
    public static readonly TheoryData<string> Kinds = TestDatabases.Kinds;

    private static readonly CancellationToken Ct = TestContext.Current.CancellationToken;
    private static readonly ResponseScope Scope = new(Guid.CreateVersion7(), Guid.CreateVersion7(), SystemEnvironment.Production);

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task A_response_is_found_before_and_after_it_is_written(string kind)
    {
        await using var ledger = await TestLedger.StartAsync(kind);
        using var kept = NewNode(ledger);
        var made = Made(ledger, "resp_1", items: ["msg_1"]);
        Assert.True(kept.TryKeep(made));

        for (var written = false; ; written = true)
        {
            Same(made, await kept.FindAsync(Scope, "resp_1", Ct));
            Same(made, await kept.FindByItemAsync(Scope, "msg_1", Ct));
            Same(made, Assert.Single(await kept.FindThreadAsync(Scope, "resp_1", 1 << 20, Ct)));
            if (written)
            {
                break;
            }

            Assert.True(await kept.WriteAsync(Ct));
            Assert.False(await kept.WriteAsync(Ct));
        }

        using var other = NewNode(ledger);
        Same(made, await other.FindAsync(Scope, "resp_1", Ct));
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task A_thread_is_found_across_memory_and_database(string kind)
    {
        await using var ledger = await TestLedger.StartAsync(kind);
        using var kept = NewNode(ledger);
        for (var i = 1; i <= 5; i++)
        {
            kept.TryKeep(Made(ledger, $"resp_{i}", i == 1 ? null : $"resp_{i - 1}"));
            if (i == 3)
            {
                await kept.WriteAsync(Ct);
            }
        }

        Assert.Equal(
            ["resp_1", "resp_2", "resp_3", "resp_4", "resp_5"],
            (await kept.FindThreadAsync(Scope, "resp_5", 1 << 20, Ct)).Select(r => r.Id));
        await kept.WriteAsync(Ct);
        Assert.Equal(["resp_1", "resp_2", "resp_3"], (await kept.FindThreadAsync(Scope, "resp_3", 1 << 20, Ct)).Select(r => r.Id));

        Assert.True(await kept.DeleteAsync(Scope, "resp_2", Ct));
        Assert.Empty(await kept.FindThreadAsync(Scope, "resp_5", 1 << 20, Ct));
        Assert.Empty(await kept.FindThreadAsync(Scope, "resp_9", 1 << 20, Ct));
        Assert.Single(await kept.FindThreadAsync(Scope, "resp_1", 1 << 20, Ct));
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task A_thread_larger_than_the_limit_is_not_read(string kind)
    {
        await using var ledger = await TestLedger.StartAsync(kind);
        using var kept = NewNode(ledger);
        for (var i = 1; i <= 4; i++)
        {
            kept.TryKeep(
                Made(ledger, $"resp_{i}", i == 1 ? null : $"resp_{i - 1}") with { Input = new byte[1000], Events = new byte[5000] });
        }

        foreach (var unwritten in (bool[])[true, false])
        {
            Assert.All(await kept.FindThreadAsync(Scope, "resp_4", 4400, Ct), r => Assert.True(r.Events.IsEmpty));
            Assert.Equal(2, (await kept.FindThreadAsync(Scope, "resp_2", 2200, Ct)).Count);
            var problem =
                (await Assert.ThrowsAsync<ProblemException>(async () => await kept.FindThreadAsync(Scope, "resp_4", 3000, Ct))).Problem;
            Assert.Equal((400, "conversation_too_large"), (problem.Status, problem.Code));
            Assert.Equal(unwritten, await kept.WriteAsync(Ct));
        }

        Assert.Equal(5000, (await kept.FindAsync(Scope, "resp_4", Ct))!.Events.Length);
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task Another_system_team_or_environment_finds_nothing(string kind)
    {
        await using var ledger = await TestLedger.StartAsync(kind);
        using var kept = NewNode(ledger);
        kept.TryKeep(Made(ledger, "resp_1", items: ["msg_1"]));

        foreach (var unwritten in (bool[])[true, false])
        {
            foreach (var scope in (ResponseScope[])[
                Scope with { SystemId = Guid.CreateVersion7() }, Scope with { TeamId = Guid.CreateVersion7() },
                Scope with { Environment = SystemEnvironment.Staging }])
            {
                Assert.Null(await kept.FindAsync(scope, "resp_1", Ct));
                Assert.Null(await kept.FindByItemAsync(scope, "msg_1", Ct));
                Assert.Empty(await kept.FindThreadAsync(scope, "resp_1", 1 << 20, Ct));
                Assert.False(await kept.DeleteAsync(scope, "resp_1", Ct));
            }

            Assert.Equal(unwritten, await kept.WriteAsync(Ct));
        }

        Assert.NotNull(await kept.FindAsync(Scope, "resp_1", Ct));
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task A_deleted_response_is_gone_whether_or_not_it_was_written(string kind)
    {
        await using var ledger = await TestLedger.StartAsync(kind);
        using var kept = NewNode(ledger);
        kept.TryKeep(Made(ledger, "resp_1", items: ["msg_1"]));
        await kept.WriteAsync(Ct);
        kept.TryKeep(Made(ledger, "resp_2"));

        Assert.True(await kept.DeleteAsync(Scope, "resp_1", Ct));
        Assert.True(await kept.DeleteAsync(Scope, "resp_2", Ct));
        await kept.WriteAsync(Ct);

        Assert.Null(await kept.FindAsync(Scope, "resp_1", Ct));
        Assert.Null(await kept.FindByItemAsync(Scope, "msg_1", Ct));
        Assert.Null(await kept.FindAsync(Scope, "resp_2", Ct));
        Assert.False(await kept.DeleteAsync(Scope, "resp_1", Ct));
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task A_response_lives_as_long_as_the_policy_says(string kind)
    {
        await using var ledger = await TestLedger.StartAsync(kind);
        using var kept = NewNode(ledger);
        ledger.Policy = ledger.Policy with { RetentionDays = 7 };
        kept.TryKeep(Made(ledger, "resp_1", items: ["msg_1"]));
        kept.TryKeep(Made(ledger, "resp_2", "resp_1"));
        await kept.WriteAsync(Ct);

        ledger.Clock.Now += TimeSpan.FromDays(7);

        Assert.Null(await kept.FindAsync(Scope, "resp_1", Ct));
        Assert.Empty(await kept.FindThreadAsync(Scope, "resp_2", 1 << 20, Ct));
        await new RetentionStore(ledger.Db).DeleteExpiredAsync(ledger.Clock.Now, Ct);
        Assert.Equal(0, await ledger.CountAsync($"SELECT COUNT(*) FROM observability_response"));
        Assert.Equal(0, await ledger.CountAsync($"SELECT COUNT(*) FROM observability_response_item"));
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task A_run_that_ended_does_not_begin_again(string kind)
    {
        await using var ledger = await TestLedger.StartAsync(kind);
        using var kept = NewNode(ledger);
        var running = Made(ledger, "resp_1") with { Status = "in_progress" };
        kept.TryKeep(running);
        await kept.WriteAsync(Ct);
        kept.TryKeep(running with { Status = "completed", Events = Encoding.UTF8.GetBytes("event: x\n\n") });
        kept.TryKeep(running);
        Assert.Equal("completed", (await kept.FindAsync(Scope, "resp_1", Ct))!.Status);

        await kept.WriteAsync(Ct);
        kept.TryKeep(running);
        await kept.WriteAsync(Ct);

        var found = (await kept.FindAsync(Scope, "resp_1", Ct))!;
        Assert.Equal("completed", found.Status);
        Assert.Equal("event: x\n\n", Encoding.UTF8.GetString(found.Events.Span));
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task A_run_whose_node_is_gone_has_failed_and_another_node_can_cancel_one_that_is_not(string kind)
    {
        await using var ledger = await TestLedger.StartAsync(kind);
        using var kept = NewNode(ledger);
        using var other = NewNode(ledger);
        var running = Made(ledger, "resp_1") with { Status = "in_progress" };
        kept.TryKeep(running);
        await kept.WriteAsync(Ct);

        Assert.True((await other.FindAsync(Scope, "resp_1", Ct))!.IsRunning);
        Assert.False(await kept.IsCancelAskedAsync(Scope, "resp_1", Ct));
        await other.CancelAsync(Scope, "resp_1", Ct);
        Assert.True(await kept.IsCancelAskedAsync(Scope, "resp_1", Ct));

        ledger.Clock.Now += ResponseStore.LongestSilence + TimeSpan.FromSeconds(1);
        var found = (await other.FindAsync(Scope, "resp_1", Ct))!;
        Assert.Equal("failed", found.Status);
        Assert.Equal("failed", JsonElement.Parse(found.Response.Span).GetProperty("status").GetString());
        Assert.Equal("server_error", JsonElement.Parse(found.Response.Span).GetProperty("error").GetProperty("code").GetString());
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task A_run_that_another_node_deleted_is_stopped_and_does_not_come_back(string kind)
    {
        await using var ledger = await TestLedger.StartAsync(kind);
        using var kept = NewNode(ledger);
        using var other = NewNode(ledger);
        var running = Made(ledger, "resp_1", items: ["msg_1"]) with { Status = "in_progress" };
        kept.TryKeep(running);
        await kept.WriteAsync(Ct);

        Assert.True(await other.DeleteAsync(Scope, "resp_1", Ct));
        Assert.True(await kept.IsCancelAskedAsync(Scope, "resp_1", Ct));
        foreach (var status in (string[])["in_progress", "cancelled"])
        {
            kept.TryKeep(running with { Status = status });
            await kept.WriteAsync(Ct);
            Assert.Null(await kept.FindAsync(Scope, "resp_1", Ct));
            Assert.Null(await kept.FindByItemAsync(Scope, "msg_1", Ct));
            Assert.Empty(await kept.FindThreadAsync(Scope, "resp_1", 1 << 20, Ct));
            Assert.False(await other.DeleteAsync(Scope, "resp_1", Ct));
        }
    }

    [Fact]
    public async Task Memory_is_bounded_while_the_database_is_away_and_what_is_refused_is_counted()
    {
        await using var ledger = await TestLedger.StartAsync("sqlite");
        using var kept = NewNode(ledger);
        var large = Made(ledger, "resp_1") with { Input = new byte[30 << 20] };

        Assert.True(kept.TryKeep(large));
        Assert.True(kept.TryKeep(large with { Id = "resp_2" }));
        Assert.False(kept.TryKeep(large with { Id = "resp_3" }));
        Assert.True(await kept.DeleteAsync(Scope, "resp_1", Ct));
        Assert.True(kept.TryKeep(large with { Id = "resp_3" }));
    }

    [Fact]
    public async Task A_response_that_no_database_takes_stops_no_other()
    {
        await using var ledger = await TestLedger.StartAsync("sqlite");
        using var kept = NewNode(ledger);
        await ledger.Db.ExecuteAsync($"""
            CREATE TRIGGER refuse BEFORE INSERT ON observability_response WHEN NEW.id = 'resp_bad' BEGIN SELECT RAISE(ABORT, 'no'); END
            """, Ct);
        kept.TryKeep(Made(ledger, "resp_bad"));
        await Assert.ThrowsAnyAsync<Exception>(() => kept.WriteAsync(Ct)); // alone, it looks like a database that is away
        kept.TryKeep(Made(ledger, "resp_1"));
        kept.TryKeep(Made(ledger, "resp_2"));

        Assert.True(await kept.WriteAsync(Ct));
        Assert.False(await kept.WriteAsync(Ct));

        using var other = NewNode(ledger);
        Assert.NotNull(await other.FindAsync(Scope, "resp_1", Ct));
        Assert.NotNull(await other.FindAsync(Scope, "resp_2", Ct));
        Assert.Null(await kept.FindAsync(Scope, "resp_bad", Ct));
    }

    [Fact]
    public async Task A_database_that_is_away_is_a_clear_error_and_loses_nothing()
    {
        await using var ledger = await TestLedger.StartAsync("sqlite");
        using var kept = NewNode(ledger);
        await ledger.Db.ExecuteAsync($"ALTER TABLE observability_response RENAME TO away", Ct);
        kept.TryKeep(Made(ledger, "resp_1"));

        var problem = (await Assert.ThrowsAsync<ProblemException>(async () => await kept.FindAsync(Scope, "resp_9", Ct))).Problem;
        Assert.Equal((503, "store_unavailable"), (problem.Status, problem.Code));
        await Assert.ThrowsAnyAsync<Exception>(() => kept.WriteAsync(Ct));
        await ledger.Db.ExecuteAsync($"ALTER TABLE away RENAME TO observability_response", Ct);
        Assert.True(await kept.WriteAsync(Ct));

        using var other = NewNode(ledger);
        Assert.NotNull(await other.FindAsync(Scope, "resp_1", Ct));
    }

    private static KeptResponses NewNode(TestLedger ledger) =>
        new(new ResponseStore(ledger.Db, ledger.Systems, ledger.Clock), ledger.Metrics);

    private static StoredResponse Made(TestLedger ledger, string id, string? previous = null, string[]? items = null) => new(
        Scope, id, previous, ledger.Clock.Now, "completed",
        Encoding.UTF8.GetBytes("""[{"type":"message","id":"msg_0","role":"user","content":[]}]"""),
        Encoding.UTF8.GetBytes($$"""{"id":"{{id}}","status":"completed","error":null,"output":[]}"""))
    {
        ItemIds = items ?? [],
    };

    private static void Same(StoredResponse made, StoredResponse? found)
    {
        Assert.NotNull(found);
        Assert.Equal((made.Id, made.PreviousId, made.Status, made.CreatedAt), (found.Id, found.PreviousId, found.Status, found.CreatedAt));
        Assert.True(made.Input.Span.SequenceEqual(found.Input.Span));
        Assert.True(made.Response.Span.SequenceEqual(found.Response.Span));
    }
}

using System.Text.Json;
using Gatehouse.Batches;
using Gatehouse.Contracts;
using Gatehouse.Gateway.Batches;
using Gatehouse.Governance;
using Gatehouse.Observability;
using Gatehouse.Storage;
using Gatehouse.Tests.Governance;
using Gatehouse.Tests.Host;
using Gatehouse.Tests.Storage;
using Microsoft.Extensions.DependencyInjection;

namespace Gatehouse.Tests.Batches;

/// <summary>OpenAI's batches from their input to their end, on both databases.</summary>
public sealed class BatchTests
{
    public static readonly TheoryData<string> Kinds = TestDatabases.Kinds;

    private static readonly Person Root = new(Guid.Empty, "test", "test", [new Membership(null, Role.Admin)]);

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task Each_request_gets_its_answer_or_its_error_and_is_one_ledger_entry_of_the_batch(string kind)
    {
        await using var app = await TestApp.StartAsync(kind);
        await using var team = await TestTeam.BuildAsync(app, "blue");
        var client = new BatchClient(team.Caller);

        var id = await client.StartAsync(
            BatchClient.Line("first", "Hello"),
            "",
            BatchClient.Line("unknown", "Hello", "no-such-model"),
            BatchClient.Line("drill", "Hi [simulator: context_length]"),
            BatchClient.Line("last", "Goodbye"),
            BatchClient.Line("streamed", "Hi").Replace("\"max_tokens\"", "\"stream\":true,\"max_tokens\"", StringComparison.Ordinal));
        var batch = await client.EndAsync(id);

        Assert.Equal("completed", batch.Text("status"));
        Assert.Equal((5, 2, 3), BatchClient.Counts(batch));
        foreach (var time in (string[])["created_at", "in_progress_at", "finalizing_at", "completed_at", "expires_at"])
        {
            Assert.Equal(JsonValueKind.Number, batch.GetProperty(time).ValueKind);
        }

        var output = await client.LinesAsync(batch, "output_file_id");
        Assert.Equal(["first", "last"], output.Select(l => l.Text("custom_id")));
        Assert.All(output, l =>
        {
            Assert.Equal(200, l.GetProperty("response").GetProperty("status_code").GetInt32());
            Assert.Equal("chat.completion", l.GetProperty("response").GetProperty("body").Text("object"));
            Assert.Equal(JsonValueKind.Null, l.GetProperty("error").ValueKind);
        });
        Assert.Equal(
            output.Sum(l => l.GetProperty("response").GetProperty("body").GetProperty("usage").GetProperty("total_tokens").GetInt32()),
            batch.GetProperty("usage").GetProperty("total_tokens").GetInt32());
        var errors = await client.LinesAsync(batch, "error_file_id");
        Assert.Equal(
            [("unknown", 404, "model_not_found"), ("drill", 400, "context_length_exceeded"), ("streamed", 400, "invalid_request")],
            errors.Select(l => (l.Text("custom_id"), l.GetProperty("response").GetProperty("status_code").GetInt32(),
                l.GetProperty("response").GetProperty("body").GetProperty("error").Text("code"))));
        var info = await client.GetAsync($"v1/files/{batch.Text("output_file_id")}");
        Assert.Equal(("batch_output", $"{id}_output.jsonl"), (info.Text("purpose"), info.Text("filename")));

        await team.RecordedAsync(4);
        var calls = (await app.Services.GetRequiredService<CallQueries>().ListAsync(Root, new CallFilter(Search: id), Ct)).Calls;
        Assert.Equal(4, calls.Count); // the streamed one was refused before it was a call
        Assert.Contains(output[0].GetProperty("response").Text("request_id"), calls.Select(c => c.RequestId));
        Assert.All(calls, c => Assert.Equal((team.Key, team.System, "chat"), (c.KeyId, c.SystemId, c.Surface)));
        var detail = await app.Services.GetRequiredService<CallQueries>().FindAsync(Root, calls[0].RequestId, Ct);
        Assert.Equal(id, detail!.Spans[0].Attributes["gatehouse.batch.id"]);
    }

    [Fact]
    public async Task A_mirrored_copy_of_a_batchs_call_is_of_the_batch_too()
    {
        const string Route = "watched: { targets: [{ provider: simulator, model: a }], mirror: { provider: simulator, model: b, share: 1, concurrent: 8 } }";
        await using var app = await TestApp.StartAsync(route: Route);
        await using var team = await TestTeam.BuildAsync(app, "blue");
        var client = new BatchClient(team.Caller);

        var id = await client.StartAsync(BatchClient.Line("one", "Hello", "watched"));
        Assert.Equal((1, 1, 0), BatchClient.Counts(await client.EndAsync(id)));
        await team.RecordedAsync(2);

        var calls = (await app.Services.GetRequiredService<CallQueries>().ListAsync(Root, new CallFilter(Route: "watched"), Ct)).Calls;
        Assert.Equal(["chat", "mirror"], calls.Select(c => c.Surface).Order());
        var copy = calls.Single(c => c.Surface == "mirror");
        var detail = await app.Services.GetRequiredService<CallQueries>().FindAsync(Root, copy.Id.ToString(), Ct);
        Assert.Equal(id, detail!.Spans[0].Attributes["gatehouse.batch.id"]);
    }

    [Fact]
    public async Task Every_endpoint_of_batches_is_served()
    {
        await using var app = await TestApp.StartAsync();
        await using var team = await TestTeam.BuildAsync(app, "blue");
        var client = new BatchClient(team.Caller);

        foreach (var (endpoint, body, kind) in ((string, string, string?)[])[
            ("/v1/responses", """{"model":"simulator","input":"Hello"}""", "response"),
            ("/v1/completions", """{"model":"simulator","prompt":"Hello"}""", "text_completion"),
            ("/v1/embeddings", """{"model":"simulator","input":"Hello"}""", "list"),
            ("/v1/moderations", """{"input":"Hello"}""", null)])
        {
            var file = await client.UploadAsync($$"""{"custom_id":"a","method":"POST","url":"{{endpoint}}","body":{{body}} }""");
            var started = await client.SendAsync(
                "POST", "v1/batches",
                $$"""{"input_file_id":"{{file.Json.Text("id")}}","endpoint":"{{endpoint}}","completion_window":"24h","metadata":{"run":"7"} }""");
            var batch = await client.EndAsync(started.Json.Text("id"));

            Assert.Equal((1, 1, 0), BatchClient.Counts(batch));
            Assert.Equal("7", batch.GetProperty("metadata").Text("run"));
            var answer = (await client.LinesAsync(batch, "output_file_id"))[0].GetProperty("response").GetProperty("body");
            if (kind is null)
            {
                Assert.False(answer.GetProperty("results")[0].GetProperty("flagged").GetBoolean());
                continue;
            }

            Assert.Equal(kind, answer.Text("object"));
            var usage = batch.GetProperty("usage");
            Assert.Equal(answer.GetProperty("usage").GetProperty("total_tokens").GetInt32(), usage.GetProperty("total_tokens").GetInt32());
            Assert.True(usage.GetProperty("input_tokens").GetInt32() > 0, usage.ToString());
        }
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task Bad_input_fails_the_batch_with_the_line_of_each_mistake(string kind)
    {
        await using var app = await TestApp.StartAsync(kind, batches: "max_items: 9");
        await using var team = await TestTeam.BuildAsync(app, "blue");
        var client = new BatchClient(team.Caller);

        var mistakes = await client.EndAsync(await client.StartAsync(
            BatchClient.Line("a", "Hello"),
            "{\"custom_id\": oops",
            BatchClient.Line("a", "Hello"),
            "",
            BatchClient.Line("b", "Hi").Replace("POST", "GET", StringComparison.Ordinal),
            BatchClient.Line("c", "Hi").Replace("/v1/chat/completions", "/v1/embeddings", StringComparison.Ordinal),
            """{"method":"POST","url":"/v1/chat/completions","body":{}}""",
            """{"custom_id":"d","method":"POST","url":"/v1/chat/completions"}"""));
        var empty = await client.EndAsync(await client.StartAsync("", "  "));
        var many = await client.EndAsync(await client.StartAsync(Enumerable.Range(0, 10).Select(i => BatchClient.Line($"{i}", "Hi"))));

        Assert.Equal(("failed", (0, 0, 0)), (mistakes.Text("status"), BatchClient.Counts(mistakes)));
        Assert.Equal(
            [
                ("invalid_json_line", 2, null), ("duplicate_custom_id", 3, "custom_id"), ("invalid_method", 5, "method"),
                ("mismatched_url", 6, "url"),
                ("missing_required_parameter", 7, "custom_id"), ("missing_required_parameter", 8, "body"),
            ],
            mistakes.GetProperty("errors").GetProperty("data").EnumerateArray()
                .Select(e => (e.Text("code"), e.GetProperty("line").GetInt32(), e.GetProperty("param").GetString())));
        Assert.Equal("empty_file", empty.GetProperty("errors").GetProperty("data")[0].Text("code"));
        Assert.Equal("too_many_requests", many.GetProperty("errors").GetProperty("data")[0].Text("code"));
        Assert.Equal(0, await app.Db.CountAsync($"SELECT COUNT(*) FROM batches_result"));
    }

    [Fact]
    public async Task A_request_for_a_batch_that_cannot_be_is_refused_with_its_field()
    {
        await using var app = await TestApp.StartAsync();
        await using var team = await TestTeam.BuildAsync(app, "blue");
        var client = new BatchClient(team.Caller);
        var good = (await client.UploadAsync(BatchClient.Line("a", "Hi"))).Json.Text("id");
        var notes = (await client.UploadAsync("x", "user_data")).Json.Text("id");

        foreach (var (body, field) in ((string, string)[])[
            ($$"""{"input_file_id":"file-none","endpoint":"/v1/chat/completions","completion_window":"24h"}""", "input_file_id"),
            ($$"""{"input_file_id":"{{notes}}","endpoint":"/v1/chat/completions","completion_window":"24h"}""", "input_file_id"),
            ($$"""{"input_file_id":"{{good}}","endpoint":"/v1/models","completion_window":"24h"}""", "endpoint"),
            ($$"""{"input_file_id":"{{good}}","endpoint":"/v1/chat/completions","completion_window":"1h"}""", "completion_window"),
            ($$"""{"metadata":{"a":1},"input_file_id":"{{good}}","endpoint":"/v1/chat/completions","completion_window":"24h"}""",
                "metadata"),
            ($$"""{"input_file_id":"{{good}}","endpoint":"/v1/chat/completions","completion_window":"24h","priority":1}""", "priority"),
            ($$"""{"output_expires_after":{"anchor":"created_at","seconds":1},"input_file_id":"{{good}}","endpoint":"/v1/chat/completions","completion_window":"24h"}""", "output_expires_after.seconds")])
        {
            var answer = await client.SendAsync("POST", "v1/batches", body);
            Assert.Equal((400, field), (answer.Status, answer.Json.GetProperty("error").Text("param")));
        }
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task A_cancelled_batch_keeps_what_is_done_and_names_what_did_not_run(string kind)
    {
        await using var app = await TestApp.StartAsync(kind, batches: "parallel: 2");
        await using var team = await TestTeam.BuildAsync(app, "blue");
        var client = new BatchClient(team.Caller);
        var id = await client.StartAsync(Enumerable.Range(0, 40).Select(i => BatchClient.Line($"{i}", "Hi [simulator: latency=100ms]")));
        await client.WaitAsync(id, b => BatchClient.Counts(b).Completed > 0);

        var asked = await client.SendAsync("POST", $"v1/batches/{id}/cancel");
        var batch = await client.EndAsync(id);

        Assert.Equal((200, "cancelling"), (asked.Status, asked.Json.Text("status")));
        Assert.Equal("cancelled", batch.Text("status"));
        var (output, errors) = (await client.LinesAsync(batch, "output_file_id"), await client.LinesAsync(batch, "error_file_id"));
        Assert.Equal((40, output.Count, errors.Count), BatchClient.Counts(batch));
        Assert.InRange(output.Count, 1, 39);
        Assert.Equal(40, output.Concat(errors).Select(l => l.Text("custom_id")).Distinct().Count());
        Assert.All(errors, l => Assert.Equal("batch_cancelled", l.GetProperty("error").Text("code")));
        Assert.Equal(400, (await client.SendAsync("POST", $"v1/batches/{await CompletedAsync(client)}/cancel")).Status);
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task What_a_limit_holds_back_waits_and_ends_with_the_window(string kind)
    {
        await using var app = await TestApp.StartAsync(kind, batches: "parallel: 2");
        await using var team = await TestTeam.BuildAsync(app, "blue");
        await team.AddLimitAsync(new { name = "slow", team = "blue", requests_per_minute = 2 });
        await team.SeesLimitsAsync(1);
        var client = new BatchClient(team.Caller);
        var id = await client.StartAsync(Enumerable.Range(0, 6).Select(i => BatchClient.Line($"{i}", "Hi")));

        await client.WaitAsync(id, b => BatchClient.Counts(b).Completed == 2);
        await team.RecordedAsync(3); // with one that was refused: what it is to wait has begun
        app.Clock.Pass(TimeSpan.FromMinutes(1));
        var waiting = await client.WaitAsync(id, b => BatchClient.Counts(b).Completed == 4);
        app.Clock.Advance(TimeSpan.FromHours(24));
        var batch = await client.EndAsync(id);

        Assert.Equal(("in_progress", 0), (waiting.Text("status"), BatchClient.Counts(waiting).Failed));
        Assert.Equal("expired", batch.Text("status"));
        Assert.Equal((6, 4, 2), BatchClient.Counts(batch));
        Assert.All(await client.LinesAsync(batch, "error_file_id"), l =>
            Assert.Equal("batch_expired", l.GetProperty("error").Text("code")));
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task A_budget_that_is_used_up_and_a_key_that_is_revoked_fail_the_items_that_are_left(string kind)
    {
        await using var app = await TestApp.StartAsync(kind, batches: "parallel: 1");
        await using var team = await TestTeam.BuildAsync(app, "blue");
        await using var poor = await TestTeam.BuildAsync(app, "red");
        await poor.AddBudgetAsync(new { name = "none", team = "red", limit_usd = 0.000001m, period = "total" });
        await poor.SeesLimitsAsync(1);
        var (client, poorClient) = (new BatchClient(team.Caller), new BatchClient(poor.Caller));

        var poorBatch = await poorClient.EndAsync(await poorClient.StartAsync(BatchClient.Line("a", "Hi"), BatchClient.Line("b", "Hi")));
        var id = await client.StartAsync(Enumerable.Range(0, 30).Select(i => BatchClient.Line($"{i}", "Hi [simulator: latency=50ms]")));
        await client.WaitAsync(id, b => BatchClient.Counts(b).Completed > 0);
        await team.SendAsync("DELETE", $"api/keys/{team.Key}", null, System.Net.HttpStatusCode.OK);
        var other = await team.SendAsync(
            "POST", $"api/systems/{team.System}/keys", new { environment = "development", name = "second" },
            System.Net.HttpStatusCode.Created);
        using var second = app.Program(other.Text("secret"));
        var heir = new BatchClient(second); // of the same system: the batch is its too
        var batch = await heir.EndAsync(id);

        Assert.All(await poorClient.LinesAsync(poorBatch, "error_file_id"), l => Assert.Equal(
            (429, "insufficient_quota"),
            (l.GetProperty("response").GetProperty("status_code").GetInt32(),
                l.GetProperty("response").GetProperty("body").GetProperty("error").Text("code"))));
        Assert.Equal((2, 0, 2), BatchClient.Counts(poorBatch));
        Assert.Equal("completed", batch.Text("status"));
        var errors = await heir.LinesAsync(batch, "error_file_id");
        Assert.InRange(errors.Count, 1, 29);
        Assert.All(errors, l =>
            Assert.Equal("revoked_api_key", l.GetProperty("response").GetProperty("body").GetProperty("error").Text("code")));
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task A_batch_goes_on_after_a_restart_and_no_item_has_two_results(string kind)
    {
        var app = await TestApp.StartAsync(kind, batches: "parallel: 2");
        var team = await TestTeam.BuildAsync(app, "blue");
        var client = new BatchClient(team.Caller);
        var id = await client.StartAsync(Enumerable.Range(0, 40).Select(i => BatchClient.Line($"{i}", "Hi [simulator: latency=50ms]")));
        await client.WaitAsync(id, b => BatchClient.Counts(b).Completed >= 3);

        await using var again = await app.RestartAsync();
        await using var sameTeam = team.On(again);
        client = new BatchClient(sameTeam.Caller);
        var batch = await client.EndAsync(id);

        Assert.Equal((40, 40, 0), BatchClient.Counts(batch)); // none went to a node that did not know its key yet
        Assert.Equal(
            Enumerable.Range(0, 40).Select(i => $"{i}"),
            (await client.LinesAsync(batch, "output_file_id")).Select(l => l.Text("custom_id")));
        await sameTeam.RecordedAsync(40);
        await team.DisposeAsync();
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task What_a_node_writes_after_it_lost_the_lease_is_refused(string kind)
    {
        await using var database = await TestDatabase.CreateWithSchemaAsync(kind);
        var clock = new ManualClock();
        var (store, now) = (new BatchStore(database.Db, clock), clock.GetUtcNow());
        var owner = new BatchOwner(Guid.CreateVersion7(), Guid.CreateVersion7(), SystemEnvironment.Production);
        var batch = new Batch(
            owner, "batch_1", BatchFormat.OpenAi, Guid.CreateVersion7(), "/v1/chat/completions", "file-1", null, now, now.AddHours(24))
        {
            Status = BatchStatus.InProgress,
            InProgressAt = now,
            KeepOutput = TimeSpan.FromDays(1),
        };
        await store.AddAsync(batch, Ct);

        var first = await store.TryLeaseAsync("first", [], now.AddSeconds(30), Ct);
        Assert.NotNull(first);
        Assert.Null(await store.TryLeaseAsync("second", [], now.AddSeconds(30), Ct));
        Assert.Equal(BatchStatus.InProgress, await store.KeepAsync(first, [Result(1)], now.AddSeconds(30), Ct));
        clock.Advance(TimeSpan.FromSeconds(30));
        var second = await store.TryLeaseAsync("second", [], now.AddHours(1), Ct);
        Assert.NotNull(second);

        Assert.Null(await store.KeepAsync(first, [Result(2)], now.AddHours(1), Ct));
        Assert.Null(await store.RenewAsync(first, now.AddHours(1), Ct));
        await store.EndAsync(first, BatchStatus.Completed, "file-2", "file-3", Ct);
        await store.ReleaseAsync(first, Ct);
        Assert.Equal(BatchStatus.InProgress, await store.KeepAsync(second, [Result(2)], now.AddHours(1), Ct));
        await Assert.ThrowsAsync<InvalidOperationException>(() => store.KeepAsync(second, [Result(2), Result(3)], now.AddHours(1), Ct));
        var found = await store.FindAsync(owner, BatchFormat.OpenAi, "batch_1", Ct);
        Assert.Equal((BatchStatus.InProgress, 2), (found!.Status, found.Counts.Succeeded));
        Assert.Equal([1, 2], (await store.DoneAsync(batch, Ct)).Order());
        Assert.NotNull(await store.TryLeaseAsync("second", [], now.AddHours(1), Ct)); // its own, after a start of the node

        static BatchResult Result(int line) => new(line, BatchOutcome.Succeeded, "{}"u8.ToArray());
    }

    /// <summary>It said that the client had gone away, and a batch has none.</summary>
    [Fact]
    public async Task A_call_under_way_as_another_node_takes_the_batch_says_why_it_was_given_up()
    {
        await using var app = await TestApp.StartAsync(batches: "parallel: 2");
        await using var team = await TestTeam.BuildAsync(app, "blue");
        var client = new BatchClient(team.Caller);
        var id = await client.StartAsync(
            [BatchClient.Line("slow", "Hi [simulator: latency=60s]"), .. Enumerable.Range(0, 5).Select(i => BatchClient.Line($"{i}", "Hi"))]);
        await client.WaitAsync(id, b => BatchClient.Counts(b).Completed == 5);

        await app.Db.ExecuteAsync(
            $"UPDATE batches_batch SET lease_node = 'other', fence = fence + 1, lease_until_at = {app.Clock.GetUtcNow().AddHours(1)}", Ct);
        await team.RecordedAsync(6);

        var calls = (await app.Services.GetRequiredService<CallQueries>().ListAsync(
            Root, new CallFilter(Outcome: CallOutcome.Cancelled), Ct)).Calls;
        Assert.Equal("batch_lost", Assert.Single(calls).ErrorCode);
    }

    [Fact]
    public async Task Two_nodes_share_the_batches_and_see_the_same_files()
    {
        await using var app = await TestApp.StartAsync("postgres");
        await using var team = await TestTeam.BuildAsync(app, "blue");
        await using var node = await app.StartNodeAsync();
        await using var there = team.On(node);
        var (client, other) = (new BatchClient(team.Caller), new BatchClient(there.Caller));

        var ids = new List<string>();
        for (var i = 0; i < 4; i++)
        {
            ids.Add(await (i % 2 == 0 ? client : other).StartAsync(Enumerable.Range(0, 20).Select(n => BatchClient.Line($"{n}", "Hi"))));
        }

        foreach (var id in ids)
        {
            var batch = await other.EndAsync(id);
            Assert.Equal((20, 20, 0), BatchClient.Counts(batch));
            Assert.Equal(20, (await client.LinesAsync(batch, "output_file_id")).Select(l => l.Text("custom_id")).Distinct().Count());
        }

        using var time = CancellationTokenSource.CreateLinkedTokenSource(Ct);
        time.CancelAfter(TimeSpan.FromSeconds(30));
        while (await app.Db.CountAsync($"SELECT COUNT(*) FROM observability_ledger WHERE team_id = {team.Team}") < 80)
        {
            time.Token.ThrowIfCancellationRequested();
        }
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task A_file_that_a_batch_reads_is_not_deleted_and_an_ended_batch_is_forgotten_in_time(string kind)
    {
        await using var app = await TestApp.StartAsync(kind, batches: "parallel: 1");
        await using var team = await TestTeam.BuildAsync(app, "blue");
        var client = new BatchClient(team.Caller);
        var id = await client.StartAsync(BatchClient.Line("a", "Hi [simulator: latency=300ms]"));
        var input = (await client.GetAsync($"v1/batches/{id}")).Text("input_file_id");

        var early = await client.SendAsync("DELETE", $"v1/files/{input}");
        var batch = await client.EndAsync(id);
        var late = await client.SendAsync("DELETE", $"v1/files/{input}");
        app.Clock.Advance(TimeSpan.FromDays(31));
        await app.Services.GetRequiredService<BatchUpkeep>().DeleteExpiredAsync(app.Clock.GetUtcNow(), Ct);

        Assert.Equal((400, "file_in_use"), (early.Status, early.Json.GetProperty("error").Text("code")));
        Assert.Equal(200, late.Status);
        Assert.Equal("completed", batch.Text("status"));
        foreach (var table in (FormattableString[])[
            $"SELECT COUNT(*) FROM batches_batch", $"SELECT COUNT(*) FROM batches_file", $"SELECT COUNT(*) FROM batches_chunk",
            $"SELECT COUNT(*) FROM batches_result"])
        {
            Assert.Equal(0, await app.Db.CountAsync(table));
        }
    }

    private static async Task<string> CompletedAsync(BatchClient client)
    {
        var id = await client.StartAsync(BatchClient.Line("a", "Hi"));
        Assert.Equal("completed", (await client.EndAsync(id)).Text("status"));
        return id;
    }
}

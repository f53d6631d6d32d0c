using System.Text.Json;
using Gatehouse.Contracts;
using Gatehouse.Observability;
using Gatehouse.Tests.Governance;
using Gatehouse.Tests.Host;
using Gatehouse.Tests.Storage;
using Microsoft.Extensions.DependencyInjection;

namespace Gatehouse.Tests.Batches;

/// <summary>Anthropic's message batches, on both databases.</summary>
public sealed class MessageBatchTests
{
    public static readonly TheoryData<string> Kinds = TestDatabases.Kinds;

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task Each_request_gets_its_result_in_the_order_they_were_sent(string kind)
    {
        await using var app = await TestApp.StartAsync(kind);
        await using var team = await TestTeam.BuildAsync(app, "blue");
        var client = new BatchClient(team.Caller);

        var started = await client.SendAsync("POST", "v1/messages/batches", Requests(
            Request("first", "Hello"), Request("drill", "Hi [simulator: context_length]"), Request("unknown", "Hi", "no-such-model"),
            Request("last", "Bye")));
        var id = started.Json.Text("id");
        var batch = await EndAsync(client, id);

        Assert.Equal(
            (200, "message_batch", "in_progress"), (started.Status, started.Json.Text("type"), started.Json.Text("processing_status")));
        Assert.StartsWith("msgbatch_", id, StringComparison.Ordinal);
        Assert.Equal(JsonValueKind.Null, started.Json.GetProperty("results_url").ValueKind);
        Assert.Equal((0, 2, 2, 0, 0), Counts(batch));
        Assert.Equal($"{app.Url}v1/messages/batches/{id}/results", batch.Text("results_url"));
        var results = await ResultsAsync(client, id);
        Assert.Equal(
            [("first", "succeeded"), ("drill", "errored"), ("unknown", "errored"), ("last", "succeeded")],
            results.Select(r => (r.Text("custom_id"), r.GetProperty("result").Text("type"))));
        Assert.Equal("message", results[0].GetProperty("result").GetProperty("message").Text("type"));
        var error = results[2].GetProperty("result").GetProperty("error");
        Assert.Equal(("error", "not_found_error"), (error.Text("type"), error.GetProperty("error").Text("type")));
        await team.RecordedAsync(4);
        var root = new Person(Guid.Empty, "test", "test", [new Membership(null, Role.Admin)]);
        var calls = (await app.Services.GetRequiredService<CallQueries>().ListAsync(root, new CallFilter(Search: id), Ct)).Calls;
        Assert.Equal(["messages", "messages", "messages", "messages"], calls.Select(c => c.Surface));

        Assert.Empty((await client.GetAsync("v1/files")).GetProperty("data").EnumerateArray()); // its input is no file of the client's
        Assert.Equal(404, (await client.SendAsync("GET", $"v1/files/{id}/content")).Status);
        Assert.Equal(404, (await client.SendAsync("GET", $"v1/batches/{id}")).Status);
        Assert.Equal("message_batch_deleted", (await client.SendAsync("DELETE", $"v1/messages/batches/{id}")).Json.Text("type"));
        Assert.Equal(404, (await client.SendAsync("GET", $"v1/messages/batches/{id}/results")).Status);
        foreach (var table in (FormattableString[])[
            $"SELECT COUNT(*) FROM batches_batch", $"SELECT COUNT(*) FROM batches_file", $"SELECT COUNT(*) FROM batches_chunk",
            $"SELECT COUNT(*) FROM batches_result"])
        {
            Assert.Equal(0, await app.Db.CountAsync(table));
        }
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task What_did_not_run_is_canceled_or_expired(string kind)
    {
        await using var app = await TestApp.StartAsync(kind, batches: "parallel: 1");
        await using var team = await TestTeam.BuildAsync(app, "blue");
        var client = new BatchClient(team.Caller);
        var many = Requests([.. Enumerable.Range(0, 20).Select(i => Request($"r{i}", "Hi [simulator: latency=100ms]"))]);

        var first = (await client.SendAsync("POST", "v1/messages/batches", many)).Json.Text("id");
        await WaitAsync(client, first, b => Counts(b).Succeeded > 0);
        var results = await client.SendAsync("GET", $"v1/messages/batches/{first}/results");
        var deleted = await client.SendAsync("DELETE", $"v1/messages/batches/{first}");
        var canceling = await client.SendAsync("POST", $"v1/messages/batches/{first}/cancel");
        var canceled = await EndAsync(client, first);
        var second = (await client.SendAsync("POST", "v1/messages/batches", many)).Json.Text("id");
        await WaitAsync(client, second, b => Counts(b).Succeeded > 0);
        app.Clock.Advance(TimeSpan.FromHours(24));
        var expired = await EndAsync(client, second);

        Assert.Equal((400, 400), (results.Status, deleted.Status));
        Assert.Equal("canceling", canceling.Json.Text("processing_status"));
        Assert.NotNull(canceled.GetProperty("cancel_initiated_at").GetString());
        Assert.InRange(Counts(canceled).Canceled, 1, 19);
        Assert.InRange(Counts(expired).Expired, 1, 19);
        foreach (var (batch, word) in ((JsonElement, string)[])[(canceled, "canceled"), (expired, "expired")])
        {
            var counts = Counts(batch);
            var types = (await ResultsAsync(client, batch.Text("id"))).Select(r => r.GetProperty("result").Text("type")).CountBy(t => t)
                .ToDictionary();
            Assert.Equal((20, counts.Succeeded), (types.Values.Sum(), types["succeeded"]));
            Assert.Equal(counts.Canceled + counts.Expired, types[word]);
        }

        Assert.Equal(400, (await client.SendAsync("POST", $"v1/messages/batches/{first}/cancel")).Status);
    }

    [Fact]
    public async Task Batches_are_listed_page_by_page_in_both_directions()
    {
        await using var app = await TestApp.StartAsync();
        await using var team = await TestTeam.BuildAsync(app, "blue");
        await using var other = await TestTeam.BuildAsync(app, "red");
        var client = new BatchClient(team.Caller);
        var ids = new List<string>();
        for (var i = 0; i < 5; i++)
        {
            ids.Insert(0, (await client.SendAsync("POST", "v1/messages/batches", Requests(Request("a", "Hi")))).Json.Text("id"));
            app.Clock.Advance(TimeSpan.FromSeconds(1));
        }

        var first = await client.GetAsync("v1/messages/batches?limit=2");
        var second = await client.GetAsync($"v1/messages/batches?limit=2&after_id={first.Text("last_id")}");
        var back = await client.GetAsync($"v1/messages/batches?limit=2&before_id={ids[4]}");

        Assert.Equal(ids[..2], Ids(first));
        Assert.Equal(ids[2..4], Ids(second));
        Assert.Equal(ids[2..4], Ids(back));
        Assert.All((JsonElement[])[first, second, back], page => Assert.True(page.GetProperty("has_more").GetBoolean()));
        Assert.Empty(Ids(await new BatchClient(other.Caller).GetAsync("v1/messages/batches")));
        Assert.Equal(404, (await new BatchClient(other.Caller).SendAsync("GET", $"v1/messages/batches/{ids[0]}")).Status);

        static IEnumerable<string> Ids(JsonElement page) => page.GetProperty("data").EnumerateArray().Select(b => b.Text("id"));
    }

    [Fact]
    public async Task Requests_that_cannot_be_in_a_batch_are_refused_with_their_place()
    {
        await using var app = await TestApp.StartAsync();
        await using var team = await TestTeam.BuildAsync(app, "blue");
        var client = new BatchClient(team.Caller);

        foreach (var (body, words) in ((string, string)[])[
            ("{}", "'requests' is required"),
            (Requests(), "1 to 50000"),
            (Requests(Request("a", "Hi"), Request("a", "Hi")), "'requests.1.custom_id' must be unique"),
            (Requests(Request("a b", "Hi")), "'requests.0.custom_id' must be 1 to 64"),
            ("""{"requests":[{"custom_id":"a"}]}""", "'requests.0.params' is required")])
        {
            var answer = await client.SendAsync("POST", "v1/messages/batches", body);
            Assert.Equal(
                (400, "error", "invalid_request_error"),
                (answer.Status, answer.Json.Text("type"), answer.Json.GetProperty("error").Text("type")));
            Assert.Contains(words, answer.Json.GetProperty("error").Text("message"), StringComparison.Ordinal);
        }
    }

    private static string Request(string id, string content, string model = "simulator") =>
        $$$"""{"custom_id":"{{{id}}}","params":{"model":"{{{model}}}","max_tokens":20,{{{"\n"}}}"messages":[{"role":"user","content":"{{{content}}}"}]}}""";

    private static string Requests(params string[] requests) => $$"""{"requests":[{{string.Join(',', requests)}}]}""";

    private static (int Processing, int Succeeded, int Errored, int Canceled, int Expired) Counts(JsonElement batch)
    {
        var counts = batch.GetProperty("request_counts");
        return (Of("processing"), Of("succeeded"), Of("errored"), Of("canceled"), Of("expired"));

        int Of(string name) => counts.GetProperty(name).GetInt32();
    }

    private static async Task<JsonElement> WaitAsync(BatchClient client, string id, Func<JsonElement, bool> wanted)
    {
        using var time = CancellationTokenSource.CreateLinkedTokenSource(Ct);
        time.CancelAfter(TimeSpan.FromSeconds(60));
        while (true)
        {
            var batch = await client.GetAsync($"v1/messages/batches/{id}");
            if (wanted(batch))
            {
                return batch;
            }

            Assert.False(time.IsCancellationRequested, $"Too slow: {batch}");
        }
    }

    private static Task<JsonElement> EndAsync(BatchClient client, string id) =>
        WaitAsync(client, id, b => b.Text("processing_status") == "ended");

    private static async Task<List<JsonElement>> ResultsAsync(BatchClient client, string id)
    {
        var results = await client.SendAsync("GET", $"v1/messages/batches/{id}/results");
        Assert.Equal(200, results.Status);
        return [.. results.Text.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(l => JsonElement.Parse(l))];
    }
}

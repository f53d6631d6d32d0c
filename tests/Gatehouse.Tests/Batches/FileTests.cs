using Gatehouse.Batches;
using Gatehouse.Contracts;
using Gatehouse.Governance;
using Gatehouse.Tests.Governance;
using Gatehouse.Tests.Host;
using Gatehouse.Tests.Storage;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace Gatehouse.Tests.Batches;

/// <summary>OpenAI's files, on both databases.</summary>
public sealed class FileTests
{
    public static readonly TheoryData<string> Kinds = TestDatabases.Kinds;

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task A_file_comes_back_as_it_was_sent_and_is_gone_when_deleted(string kind)
    {
        await using var app = await TestApp.StartAsync(kind);
        await using var team = await TestTeam.BuildAsync(app, "blue");
        var client = new BatchClient(team.Caller);
        var content = string.Concat(Enumerable.Range(0, 200_000).Select(i => $"line {i}\n")); // longer than three pieces

        var file = (await client.UploadAsync(content, "user_data", "notes é.txt")).Json;

        var id = file.Text("id");
        Assert.StartsWith("file-", id, StringComparison.Ordinal);
        Assert.Equal(
            ("file", "user_data", "notes é.txt", "processed"),
            (file.Text("object"), file.Text("purpose"), file.Text("filename"), file.Text("status")));
        Assert.Equal(content.Length, file.GetProperty("bytes").GetInt32());
        Assert.Equal(30 * 24 * 3600, file.GetProperty("expires_at").GetInt64() - file.GetProperty("created_at").GetInt64());
        Assert.Equal(file.ToString(), (await client.GetAsync($"v1/files/{id}")).ToString());
        Assert.Equal(content, (await client.SendAsync("GET", $"v1/files/{id}/content")).Text);

        var deleted = await client.SendAsync("DELETE", $"v1/files/{id}");
        Assert.True(deleted.Json.GetProperty("deleted").GetBoolean());
        foreach (var (method, path) in ((string, string)[])[("GET", ""), ("GET", "/content"), ("DELETE", "")])
        {
            Assert.Equal(404, (await client.SendAsync(method, $"v1/files/{id}{path}")).Status);
        }

        Assert.Equal(0, await app.Db.CountAsync($"SELECT COUNT(*) FROM batches_chunk"));
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task Files_are_listed_page_by_page(string kind)
    {
        await using var app = await TestApp.StartAsync(kind);
        await using var team = await TestTeam.BuildAsync(app, "blue");
        var client = new BatchClient(team.Caller);
        var ids = new List<string>();
        for (var i = 0; i < 5; i++)
        {
            ids.Add((await client.UploadAsync("x", i == 4 ? "vision" : "batch")).Json.Text("id"));
            app.Clock.Advance(TimeSpan.FromSeconds(1));
        }

        Assert.Equal(Enumerable.Reverse(ids), await ListAsync("v1/files?limit=2"));
        Assert.Equal(ids, await ListAsync("v1/files?order=asc&limit=3"));
        Assert.Equal([ids[4]], await ListAsync("v1/files?purpose=vision"));
        Assert.Equal(400, (await client.SendAsync("GET", "v1/files?limit=0")).Status);
        Assert.Equal(400, (await client.SendAsync("GET", "v1/files?order=up")).Status);

        async Task<List<string>> ListAsync(string path)
        {
            var found = new List<string>();
            for (var next = path; ;)
            {
                var page = await client.GetAsync(next);
                found.AddRange(page.GetProperty("data").EnumerateArray().Select(f => f.Text("id")));
                if (!page.GetProperty("has_more").GetBoolean())
                {
                    return found;
                }

                next = $"{path}&after={page.Text("last_id")}";
            }
        }
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task Another_team_or_system_or_environment_finds_no_file_and_no_batch(string kind)
    {
        await using var app = await TestApp.StartAsync(kind);
        await using var team = await TestTeam.BuildAsync(app, "blue");
        await using var otherTeam = await TestTeam.BuildAsync(app, "red");
        var client = new BatchClient(team.Caller);
        var id = await client.StartAsync(BatchClient.Line("a", "Hello"));
        var batch = await client.EndAsync(id);
        var otherSystem = await team.SendAsync(
            "POST", "api/systems", new { team = "blue", name = "blue-desk", purpose = "p", owner = "o" },
            System.Net.HttpStatusCode.Created);

        foreach (var other in (HttpClient[])[
            otherTeam.Caller, await KeyOfAsync(otherSystem.Id(), "development"), await KeyOfAsync(team.System, "staging")])
        {
            var stranger = new BatchClient(other);
            foreach (var file in (string[])[batch.Text("input_file_id"), batch.Text("output_file_id")])
            {
                Assert.Equal(404, (await stranger.SendAsync("GET", $"v1/files/{file}")).Status);
                Assert.Equal(404, (await stranger.SendAsync("GET", $"v1/files/{file}/content")).Status);
                Assert.Equal(404, (await stranger.SendAsync("DELETE", $"v1/files/{file}")).Status);
            }

            Assert.Equal(404, (await stranger.SendAsync("GET", $"v1/batches/{id}")).Status);
            Assert.Equal(404, (await stranger.SendAsync("POST", $"v1/batches/{id}/cancel")).Status);
            Assert.Equal(0, (await stranger.GetAsync("v1/files")).GetProperty("data").GetArrayLength());
            Assert.Equal(0, (await stranger.GetAsync("v1/batches")).GetProperty("data").GetArrayLength());
            Assert.Equal(400, (await stranger.SendAsync(
                "POST", "v1/batches",
                $$"""{"input_file_id":"{{batch.Text("input_file_id")}}","endpoint":"/v1/chat/completions","completion_window":"24h"}""")).Status);
        }

        Assert.Equal(2, (await client.GetAsync("v1/files")).GetProperty("data").GetArrayLength());

        async Task<HttpClient> KeyOfAsync(Guid system, string environment)
        {
            var key = await team.SendAsync(
                "POST", $"api/systems/{system}/keys", new { environment, name = "other" }, System.Net.HttpStatusCode.Created);
            return app.Program(key.Text("secret"));
        }
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task Files_end_when_their_time_is_over_and_leave_nothing(string kind)
    {
        await using var app = await TestApp.StartAsync(kind);
        await using var team = await TestTeam.BuildAsync(app, "blue");
        var client = new BatchClient(team.Caller);
        var brief = (await client.UploadAsync("x", expiresIn: "3600")).Json.Text("id");
        var kept = (await client.UploadAsync("y")).Json.Text("id");

        app.Clock.Advance(TimeSpan.FromHours(2));

        Assert.Equal(404, (await client.SendAsync("GET", $"v1/files/{brief}")).Status);
        Assert.Equal(200, (await client.SendAsync("GET", $"v1/files/{kept}")).Status);
        await app.Services.GetRequiredService<BatchUpkeep>().DeleteExpiredAsync(app.Clock.GetUtcNow(), Ct);
        Assert.Equal(1, await app.Db.CountAsync($"SELECT COUNT(*) FROM batches_file"));
        Assert.Equal(1, await app.Db.CountAsync($"SELECT COUNT(*) FROM batches_chunk"));
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task A_file_beyond_the_limit_or_the_teams_quota_is_refused_and_leaves_nothing(string kind)
    {
        await using var app = await TestApp.StartAsync(kind, batches: "max_file: 1MiB, quota: 2MiB");
        await using var team = await TestTeam.BuildAsync(app, "blue");
        var client = new BatchClient(team.Caller);

        var large = await client.UploadAsync(new string('x', (1 << 20) + 1));
        var first = await client.UploadAsync(new string('x', 1 << 20));
        var second = await client.UploadAsync(new string('x', 1 << 20));
        var third = await client.UploadAsync("x");

        Assert.Equal((413, 200, 200, 400), (large.Status, first.Status, second.Status, third.Status));
        Assert.Equal("file_too_large", large.Json.GetProperty("error").Text("code"));
        Assert.Equal("file_quota_exceeded", third.Json.GetProperty("error").Text("code"));
        Assert.Equal(2, await app.Db.CountAsync($"SELECT COUNT(*) FROM batches_file"));
        Assert.Equal(4, await app.Db.CountAsync($"SELECT COUNT(*) FROM batches_chunk"));
    }

    [Fact]
    public async Task A_form_that_is_not_as_it_should_be_is_refused_with_what_is_wrong()
    {
        await using var app = await TestApp.StartAsync();
        await using var team = await TestTeam.BuildAsync(app, "blue");
        var client = new BatchClient(team.Caller);

        var purpose = await client.UploadAsync("x", "world-domination");
        var expiry = await client.UploadAsync("x", expiresIn: "5");
        var json = await client.SendAsync("POST", "v1/files", "{}");
        using var form = new MultipartFormDataContent { { new StringContent("batch"), "purpose" } };
        using var noFile = await team.Caller.PostAsync("v1/files", form, Ct);
        using var broken = new StringContent("--b\r\ncontent-disposition: form-data; name=\"file\"; filename=\"x\"\r\n\r\nno end");
        broken.Headers.ContentType = System.Net.Http.Headers.MediaTypeHeaderValue.Parse("multipart/form-data; boundary=b");
        using var cut = await team.Caller.PostAsync("v1/files", broken, Ct);

        Assert.Equal((400, "purpose"), (purpose.Status, purpose.Json.GetProperty("error").Text("param")));
        Assert.Equal((400, "expires_after[seconds]"), (expiry.Status, expiry.Json.GetProperty("error").Text("param")));
        Assert.Equal((400, 400, 400), (json.Status, (int)noFile.StatusCode, (int)cut.StatusCode));
        Assert.Equal(0, await app.Db.CountAsync($"SELECT COUNT(*) FROM batches_file"));
    }
}

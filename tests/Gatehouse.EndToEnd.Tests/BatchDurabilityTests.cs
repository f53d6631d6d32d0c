using System.Net.Http.Json;
using System.Text;
using System.Text.Json;

namespace Gatehouse.EndToEnd.Tests;

/// <summary>Batches whose node dies: they go on, and no request has two results.</summary>
public sealed class BatchDurabilityTests
{
    private const int Items = 80;
    private const int Parallel = 4;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(90);

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_node_that_is_killed_goes_on_where_it_was_when_it_is_back()
    {
        await using var first = await GatehouseProcess.StartAsync(Yaml(""));
        var id = await StartAsync(first);
        var done = await DoneAsync(first, id, 10);
        first.Kill();

        await using var second = await GatehouseProcess.StartAsync(folder: first.Folder);
        await CheckAsync(second, id);

        Assert.InRange(done, 10, Items - 1);
    }

    [Fact]
    public async Task Another_node_takes_over_the_batch_of_one_that_was_killed()
    {
        await using var database = await TestPostgres.CreateAsync();
        var yaml = Yaml($$"""storage: { postgres: "{{database.ConnectionString}}" }""");
        var environment = new Dictionary<string, string> { ["GATEHOUSE_SECRET"] = Convert.ToBase64String(new byte[32]) };
        await using var first = await GatehouseProcess.StartAsync(yaml, environment: environment);
        var id = await StartAsync(first);
        await DoneAsync(first, id, 10);
        await using var second = await GatehouseProcess.StartAsync(yaml, environment: environment);
        first.Kill();

        await CheckAsync(second, id, first.SampleKey);
    }

    private static string Yaml(string storage) => $$$"""
        {{{storage}}}
        batches: { parallel: {{{Parallel}}} }
        providers:
          simulator: { kind: simulator }
        routes:
          simulator: { targets: [{ provider: simulator }] }
        """;

    private static async Task<string> StartAsync(GatehouseProcess gatehouse)
    {
        using var http = gatehouse.CreateClient();
        var lines = Enumerable.Range(0, Items).Select(i =>
            $$$"""{"custom_id":"{{{i}}}","method":"POST","url":"/v1/chat/completions","body":{"model":"simulator","messages":[{"role":"user","content":"Hi [simulator: latency=300ms]"}]}}""");
        using var form = new MultipartFormDataContent
        {
            { new StringContent("batch"), "purpose" },
            { new ByteArrayContent(Encoding.UTF8.GetBytes(string.Join('\n', lines))), "file", "requests.jsonl" },
        };
        using var uploaded = await http.PostAsync("v1/files", form, Ct);
        var file = await uploaded.Content.ReadFromJsonAsync<JsonElement>(Ct);
        using var created = await http.PostAsJsonAsync(
            "v1/batches",
            new { input_file_id = file.GetProperty("id").GetString(), endpoint = "/v1/chat/completions", completion_window = "24h" },
            Ct);
        return (await created.Content.ReadFromJsonAsync<JsonElement>(Ct)).GetProperty("id").GetString()!;
    }

    /// <summary>Returns how many items are done, once there are so many.</summary>
    private static async Task<int> DoneAsync(GatehouseProcess gatehouse, string id, int atLeast)
    {
        using var http = gatehouse.CreateClient();
        while (true)
        {
            var batch = await http.GetFromJsonAsync<JsonElement>($"v1/batches/{id}", Ct);
            if (batch.GetProperty("request_counts").GetProperty("completed").GetInt32() is var done && done >= atLeast)
            {
                return done;
            }
        }
    }

    private static async Task CheckAsync(GatehouseProcess gatehouse, string id, string? key = null)
    {
        using var http = gatehouse.CreateClient(key);
        var started = TimeProvider.System.GetTimestamp();
        JsonElement batch;
        do
        {
            batch = await http.GetFromJsonAsync<JsonElement>($"v1/batches/{id}", Ct);
            Assert.True(TimeProvider.System.GetElapsedTime(started) < Patience, $"Too slow: {batch}");
        }
        while (batch.GetProperty("status").GetString() != "completed");

        var output = await http.GetStringAsync($"v1/files/{batch.GetProperty("output_file_id").GetString()}/content", Ct);
        var ids = output.Split('\n', StringSplitOptions.RemoveEmptyEntries)
            .Select(l => JsonElement.Parse(l).GetProperty("custom_id").GetString());
        Assert.Equal(Enumerable.Range(0, Items).Select(i => $"{i}"), ids);
        var counts = batch.GetProperty("request_counts");
        Assert.Equal(
            (Items, Items, 0),
            (counts.GetProperty("total").GetInt32(), counts.GetProperty("completed").GetInt32(), counts.GetProperty("failed").GetInt32()));
    }
}

using System.Net;
using System.Text;
using System.Text.Json;
using Gatehouse.Tests.Host;

namespace Gatehouse.Tests.Batches;

/// <summary>Sends files and batches with one key, and waits for their ends.</summary>
internal sealed class BatchClient(HttpClient http)
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    public static string Line(string id, string content, string model = "simulator") =>
        $$$"""{"custom_id":"{{{id}}}","method":"POST","url":"/v1/chat/completions","body":{"model":"{{{model}}}","max_tokens":20,"messages":[{"role":"user","content":"{{{content}}}"}]}}""";

    public async Task<Answer> UploadAsync(string content, string purpose = "batch", string name = "input.jsonl", string? expiresIn = null)
    {
        using var form = new MultipartFormDataContent
        {
            { new ByteArrayContent(Encoding.UTF8.GetBytes(content)), "file", name }, // before the fields: some SDKs send it so
            { new StringContent(purpose), "purpose" },
        };
        if (expiresIn is not null)
        {
            form.Add(new StringContent("created_at"), "expires_after[anchor]");
            form.Add(new StringContent(expiresIn), "expires_after[seconds]");
        }

        return await ReadAsync(await http.PostAsync("v1/files", form, Ct));
    }

    public async Task<Answer> SendAsync(string method, string path, string? json = null)
    {
        using var request = new HttpRequestMessage(new HttpMethod(method), path);
        request.Content = json is null ? null : new StringContent(json, Encoding.UTF8, "application/json");
        return await ReadAsync(await http.SendAsync(request, Ct));
    }

    public async Task<JsonElement> GetAsync(string path)
    {
        var answer = await SendAsync("GET", path);
        Assert.True(answer.Status == 200, answer.Text);
        return answer.Json;
    }

    /// <summary>Uploads lines and asks for a batch of them.</summary>
    /// <returns>The batch's id.</returns>
    public async Task<string> StartAsync(params IEnumerable<string> lines)
    {
        var file = await UploadAsync(string.Join('\n', lines));
        Assert.True(file.Status == 200, file.Text);
        var batch = await SendAsync(
            "POST", "v1/batches",
            $$"""{"input_file_id":"{{file.Json.Text("id")}}","endpoint":"/v1/chat/completions","completion_window":"24h"}""");
        Assert.True(batch.Status == 200, batch.Text);
        Assert.Equal("validating", batch.Json.Text("status"));
        return batch.Json.Text("id");
    }

    /// <summary>The batch once it is as wanted.</summary>
    public async Task<JsonElement> WaitAsync(string id, Func<JsonElement, bool> wanted)
    {
        using var time = CancellationTokenSource.CreateLinkedTokenSource(Ct);
        time.CancelAfter(TimeSpan.FromSeconds(60));
        while (true)
        {
            var batch = await GetAsync($"v1/batches/{id}");
            if (wanted(batch))
            {
                return batch;
            }

            Assert.False(time.IsCancellationRequested, $"Too slow: {batch}");
        }
    }

    public Task<JsonElement> EndAsync(string id) =>
        WaitAsync(id, b => b.Text("status") is "completed" or "failed" or "expired" or "cancelled");

    public static (int Total, int Completed, int Failed) Counts(JsonElement batch)
    {
        var counts = batch.GetProperty("request_counts");
        return (counts.GetProperty("total").GetInt32(), counts.GetProperty("completed").GetInt32(),
            counts.GetProperty("failed").GetInt32());
    }

    /// <summary>The lines of a file of results.</summary>
    /// <param name="part"><c>output_file_id</c> or <c>error_file_id</c>.</param>
    public async Task<List<JsonElement>> LinesAsync(JsonElement batch, string part)
    {
        if (batch.GetProperty(part).ValueKind == JsonValueKind.Null)
        {
            return [];
        }

        var content = await SendAsync("GET", $"v1/files/{batch.Text(part)}/content");
        Assert.Equal(200, content.Status);
        return [.. content.Text.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(l => JsonElement.Parse(l))];
    }

    private static async Task<Answer> ReadAsync(HttpResponseMessage response)
    {
        using (response)
        {
            return new Answer((int)response.StatusCode, await response.Content.ReadAsStringAsync(Ct));
        }
    }

    internal sealed record Answer(int Status, string Text)
    {
        public JsonElement Json => JsonElement.Parse(Text);
    }
}

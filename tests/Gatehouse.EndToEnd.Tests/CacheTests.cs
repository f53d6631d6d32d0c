using System.ClientModel;
using System.ClientModel.Primitives;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using Anthropic;
using Anthropic.Models.Messages;
using OpenAI;
using OpenAI.Chat;

namespace Gatehouse.EndToEnd.Tests;

/// <summary>Kept answers as a user meets them: through the official SDKs, in the ledger, in the sums, and gone after a restart.</summary>
public sealed class CacheTests
{
    private const string Yaml = """
        providers:
          near: { kind: simulator }
        routes:
          faq: { cache: { ttl: 1h }, targets: [ { provider: near, model: small } ] }
        prices:
          models:
            near/small: { input: 1, output: 2 }
        """;

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Sdks_read_a_replayed_stream_like_the_first_one()
    {
        await using var gatehouse = await GatehouseProcess.StartAsync(Yaml);

        var (chat, messages) = (await ChatAsync(gatehouse), await MessagesAsync(gatehouse));
        var (chatAgain, messagesAgain) = (await ChatAsync(gatehouse), await MessagesAsync(gatehouse));

        Assert.NotEmpty(chat.Text);
        Assert.NotEmpty(messages);
        Assert.Equal(chat, chatAgain);
        Assert.Equal(messages, messagesAgain);
        await CachedAsync(gatehouse, 2);
    }

    [Fact]
    public async Task What_was_saved_is_in_the_call_and_in_the_sums_and_a_restart_forgets_the_answer()
    {
        var gatehouse = await GatehouseProcess.StartAsync(Yaml);
        var first = await AskAsync(gatehouse);
        var second = await AskAsync(gatehouse);
        var call = await CachedAsync(gatehouse, 1);

        Assert.Equal(("miss", "hit"), (first, second));
        Assert.Equal(
            ("hit", "cache", 0m),
            (call.GetProperty("cache").GetString(), call.GetProperty("served_by").GetString(), call.GetProperty("cost_usd").GetDecimal()));
        Assert.True(call.GetProperty("saved_usd").GetDecimal() > 0);
        using (var api = gatehouse.CreateClient(gatehouse.CliToken))
        {
            var total = (await api.GetFromJsonAsync<JsonElement>("api/traffic", Ct)).GetProperty("total");
            Assert.Equal(
                (1, call.GetProperty("saved_usd").GetDecimal()),
                (total.GetProperty("cached_calls").GetInt32(), total.GetProperty("saved_usd").GetDecimal()));
            Assert.Equal(0, total.GetProperty("unpriced_calls").GetInt32());
            Assert.Contains("gatehouse_gateway_cached_total", await api.GetStringAsync("metrics", Ct), StringComparison.Ordinal);
        }

        var folder = gatehouse.Folder;
        await gatehouse.StopAsync();
        await using var again = await GatehouseProcess.StartAsync(null, folder);
        Assert.Equal("miss", await AskAsync(again));
        await gatehouse.DisposeAsync();
    }

    private static async Task<(string Text, string? Finish, int? Tokens)> ChatAsync(GatehouseProcess gatehouse)
    {
        var client = new ChatClient("faq", new ApiKeyCredential(gatehouse.SampleKey), new OpenAIClientOptions
        {
            Endpoint = new Uri(gatehouse.Url, "v1"), RetryPolicy = new ClientRetryPolicy(maxRetries: 0),
        });
        var (text, finish, tokens) = (new StringBuilder(), (string?)null, (int?)null);
        await foreach (var update in client.CompleteChatStreamingAsync(
            [new UserChatMessage("What are your opening hours?")], cancellationToken: Ct))
        {
            foreach (var part in update.ContentUpdate)
            {
                text.Append(part.Text);
            }

            finish = update.FinishReason?.ToString() ?? finish;
            tokens = update.Usage?.TotalTokenCount ?? tokens;
        }

        return (text.ToString(), finish, tokens);
    }

    private static async Task<string> MessagesAsync(GatehouseProcess gatehouse)
    {
        var client = new AnthropicClient { BaseUrl = gatehouse.Url.ToString().TrimEnd('/'), ApiKey = gatehouse.SampleKey, MaxRetries = 0 };
        var events = new StringBuilder();
        var asked = new MessageCreateParams { Model = "faq", MaxTokens = 100,
            Messages = [new UserMessageParam("What are your opening hours?")] };
        await foreach (var e in client.Messages.CreateStreaming(asked, Ct))
        {
            events.AppendLine(JsonSerializer.Serialize(e));
        }

        return events.ToString();
    }

    private static async Task<string> AskAsync(GatehouseProcess gatehouse)
    {
        using var http = gatehouse.CreateClient();
        using var response = await http.PostAsJsonAsync(
            "v1/chat/completions",
            new { model = "faq", messages = new[] { new { role = "user", content = "What are your opening hours?" } } }, Ct);
        response.EnsureSuccessStatusCode();
        return response.Headers.GetValues("x-gatehouse-cache").Single();
    }

    /// <returns>The newest call from the cache, once so many are in the ledger.</returns>
    private static async Task<JsonElement> CachedAsync(GatehouseProcess gatehouse, int count)
    {
        using var api = gatehouse.CreateClient(gatehouse.CliToken);
        while (true)
        {
            var calls = (await api.GetFromJsonAsync<JsonElement>("api/calls?cached=true", Ct)).GetProperty("calls");
            if (calls.GetArrayLength() >= count)
            {
                Assert.Equal(count, calls.GetArrayLength());
                return calls[0];
            }
        }
    }
}

using System.Text.Json;
using Gatehouse.Gateway.Providers;
using Gatehouse.Gateway.Routing;

namespace Gatehouse.Gateway.Tests.Calls;

public sealed class AzureProviderTests
{
    private const string Filtered =
        """{"error":{"message":"The response was filtered due to the prompt triggering Azure OpenAI's content management policy.","type":null,"param":"prompt","code":"content_filter","status":400,"innererror":{"code":"ResponsibleAIPolicyViolation","content_filter_result":{"violence":{"filtered":true,"severity":"medium"}}}}}""";

    private static readonly CancellationToken Ct = TestContext.Current.CancellationToken;

    [Fact]
    public async Task The_model_is_the_deployment_in_the_path_and_the_key_has_azures_header()
    {
        await using var player = new WirePlayer(e => e.AnswerAsync(200, Wire.ChatAnswer));
        await using var gateway = await TestGateway.StartAsync([Route(player)]);

        using var response = await gateway.ChatAsync(Wire.ChatRequest);

        Assert.Equal(200, (int)response.StatusCode);
        Assert.StartsWith("POST /openai/deployments/my%20gpt%2Fx/chat/completions?api-version=2024-10-21 HTTP/1.1\r\n", player.Last.Head);
        Assert.Equal(TestGateway.ProviderCredential, player.Last.Header("api-key"));
        Assert.Null(player.Last.Header("Authorization"));
    }

    [Theory]
    [InlineData("/v1/chat/completions", "code")]
    [InlineData("/v1/messages", "message")]
    public async Task A_prompt_that_is_filtered_is_told_as_filtered(string path, string field)
    {
        await using var player = new WirePlayer(e => e.AnswerAsync(400, Filtered));
        await using var gateway = await TestGateway.StartAsync([Route(player)]);

        using var response = await gateway.PostAsync(path, Wire.MessagesRequest, ct: Ct);

        Assert.Equal(400, (int)response.StatusCode);
        var error = JsonElement.Parse(await response.Content.ReadAsStringAsync(Ct)).GetProperty("error");
        Assert.Contains(field == "code" ? "content_filter" : "filtered", error.GetProperty(field).GetString(), StringComparison.Ordinal);
        Assert.Equal("content_filter", Assert.Single(gateway.Records()).ErrorCode);
    }

    [Fact]
    public async Task A_filter_that_is_told_only_within_counts_as_well()
    {
        await using var player = new WirePlayer(
            e => e.AnswerAsync(
                400, """{"error":{"message":"Filtered.","code":"400","innererror":{"code":"ResponsibleAIPolicyViolation"}}}"""));
        await using var gateway = await TestGateway.StartAsync([Route(player)]);

        using var response = await gateway.ChatAsync(Wire.ChatRequest);

        Assert.Equal("content_filter", Assert.Single(gateway.Records()).ErrorCode);
    }

    private static Route Route(WirePlayer player) => new("fast",
    [
        new Target(new ProviderFactory(TimeProvider.System).Create(new ProviderSettings
        {
            Name = "azure", Kind = "azure", Wire = WireFormat.OpenAi, BaseUrl = new Uri(player.BaseUrl, "/openai"),
            Query = "api-version=2024-10-21",
            ApiKey = TestGateway.ProviderCredential, ApiKeyHeader = "api-key", ModelInPath = true,
        }), "my gpt/x"),
    ]) { AttemptsPerTarget = 1 };
}

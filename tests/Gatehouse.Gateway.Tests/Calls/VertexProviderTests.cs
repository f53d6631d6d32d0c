using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Gatehouse.Gateway.Providers;
using Gatehouse.Gateway.Routing;
using Microsoft.AspNetCore.WebUtilities;

namespace Gatehouse.Gateway.Tests.Calls;

public sealed class VertexProviderTests
{
    private static readonly CancellationToken Ct = TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_token_is_fetched_with_a_signed_claim_and_used_until_it_is_old()
    {
        var fetched = 0;
        using var key = RSA.Create(2048);
        var clock = new ManualClock();
        await using var google = new WirePlayer(
            e => e.AnswerAsync(200, $$"""{"access_token":"ya29.{{++fetched}}","expires_in":3599,"token_type":"Bearer"}"""));
        await using var player = new WirePlayer(e => e.AnswerAsync(200, Wire.GeminiAnswer));
        await using var gateway = await TestGateway.StartAsync([Route(player, google, key, clock)]);

        using var first = await gateway.ChatAsync(Wire.ChatRequest);
        using var second = await gateway.ChatAsync(Wire.ChatRequest);

        Assert.Equal(200, (int)second.StatusCode);
        Assert.Equal("Bearer ya29.1", player.Last.Header("Authorization"));
        Assert.StartsWith(
            "POST /v1/projects/p/locations/global/publishers/google/models/gemini-2.5-flash:generateContent HTTP/1.1\r\n",
            player.Last.Head);
        AssertClaim(Assert.Single(google.Exchanges), google, key, clock);
        clock.Advance(TimeSpan.FromMinutes(56));
        using var third = await gateway.ChatAsync(Wire.ChatRequest);
        Assert.Equal("Bearer ya29.2", player.Last.Header("Authorization"));
    }

    [Fact]
    public async Task A_token_that_still_holds_goes_on_while_no_new_one_is_to_be_had()
    {
        using var key = RSA.Create(2048);
        var clock = new ManualClock();
        await using var google = new WirePlayer(
            e => e.AnswerAsync(200, """{"access_token":"ya29.old","expires_in":3600}"""), e => e.AnswerAsync(500, "{}"));
        await using var player = new WirePlayer(e => e.AnswerAsync(200, Wire.GeminiAnswer));
        await using var gateway = await TestGateway.StartAsync([Route(player, google, key, clock)]);
        using var first = await gateway.ChatAsync(Wire.ChatRequest);

        clock.Advance(TimeSpan.FromMinutes(57));
        using var second = await gateway.ChatAsync(Wire.ChatRequest);
        Assert.Equal("Bearer ya29.old", player.Last.Header("Authorization"));
        clock.Advance(TimeSpan.FromMinutes(3));
        using var third = await gateway.ChatAsync(Wire.ChatRequest);

        Assert.Equal(502, (int)third.StatusCode);
        Assert.Equal("upstream_not_allowed", gateway.Records()[^1].ErrorCode);
        Assert.Equal(2, player.Exchanges.Count);
    }

    [Fact]
    public async Task Calls_at_once_share_one_fetch()
    {
        using var key = RSA.Create(2048);
        await using var google = new WirePlayer(e => e.AnswerAsync(200, """{"access_token":"ya29.one","expires_in":3600}"""));
        await using var player = new WirePlayer(e => e.AnswerAsync(200, Wire.GeminiAnswer));
        await using var gateway = await TestGateway.StartAsync([Route(player, google, key, TimeProvider.System)]);

        var responses = await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => gateway.ChatAsync(Wire.ChatRequest)));

        Assert.All(responses, r => Assert.Equal(200, (int)r.StatusCode));
        Assert.Single(google.Exchanges);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Claude_is_asked_by_its_path_with_the_version_in_the_body(bool stream)
    {
        var body = stream ? Wire.MessagesStreamRequest : Wire.MessagesRequest;
        await using var player = new WirePlayer(
            e => stream ? e.StreamAsync(Wire.WholeMessagesStream) : e.AnswerAsync(200, Wire.MessagesAnswer));
        await using var gateway = await TestGateway.StartAsync([Claude(player)]);

        using var passed = await gateway.MessagesAsync(body);
        Assert.Equal(stream ? Wire.WholeMessagesStream : Wire.MessagesAnswer, await passed.Content.ReadAsStringAsync(Ct));
        Assert.StartsWith(
            $"POST /v1/projects/p/locations/global/publishers/anthropic/models/claude-sonnet-4-5%4020250929:{(stream ? "streamRawPredict" : "rawPredict")} HTTP/1.1\r\n", player.Last.Head);
        Assert.Equal(
            body.Replace("\"model\":\"fast\"", "\"anthropic_version\":\"vertex-2023-10-16\"", StringComparison.Ordinal), player.Last.Body);

        using var translated = await gateway.ChatAsync(stream ? Wire.StreamRequest : Wire.ChatRequest);
        Assert.Equal(200, (int)translated.StatusCode);
        var sent = JsonElement.Parse(player.Last.Body);
        Assert.Equal("vertex-2023-10-16", sent.GetProperty("anthropic_version").GetString());
        Assert.False(sent.TryGetProperty("model", out _));
        Assert.True(sent.GetProperty("max_tokens").GetInt32() >= 4096);
    }

    [Fact]
    public async Task Claude_counts_tokens_by_a_model_of_that_name()
    {
        await using var player = new WirePlayer(e => e.AnswerAsync(200, """{"input_tokens":14}"""));
        await using var gateway = await TestGateway.StartAsync([Claude(player)]);

        using var response = await gateway.PostAsync(
            "/v1/messages/count_tokens", """{"messages":[{"role":"user","content":"hi"}],"model":"fast"}""", ct: Ct);

        Assert.Equal("""{"input_tokens":14}""", await response.Content.ReadAsStringAsync(Ct));
        Assert.StartsWith(
            "POST /v1/projects/p/locations/global/publishers/anthropic/models/count-tokens:rawPredict HTTP/1.1\r\n", player.Last.Head);
        Assert.Equal(
            """{"anthropic_version":"vertex-2023-10-16","model":"claude-sonnet-4-5@20250929","messages":[{"role":"user","content":"hi"}]}""", player.Last.Body);
    }

    private static Route Claude(WirePlayer player) => new("fast",
    [
        new Target(new ProviderFactory(TimeProvider.System).Create(new ProviderSettings
        {
            Name = "vertex",
            Kind = "vertex-anthropic",
            Wire = WireFormat.Anthropic,
            IsVertexClaude = true,
            ApiKey = "ya29.given",
            BaseUrl = new Uri(player.BaseUrl, "/v1/projects/p/locations/global/publishers/anthropic"),
        }), "claude-sonnet-4-5@20250929"),
    ]) { AttemptsPerTarget = 1 };

    private static Route Route(WirePlayer player, WirePlayer google, RSA key, TimeProvider clock) => new("fast",
    [
        new Target(new ProviderFactory(clock).Create(new ProviderSettings
        {
            Name = "vertex",
            Kind = "vertex",
            Wire = WireFormat.Gemini,
            BaseUrl = new Uri(player.BaseUrl, "/v1/projects/p/locations/global/publishers/google"),
            Google = new() { ClientEmail = "gatehouse@p.iam", PrivateKey = key.ExportPkcs8PrivateKeyPem(), PrivateKeyId = "k1",
                TokenUri = new Uri(google.BaseUrl, "/token") },
        }), "gemini-2.5-flash"),
    ]) { AttemptsPerTarget = 1 };

    private static void AssertClaim(Exchange exchange, WirePlayer google, RSA key, TimeProvider clock)
    {
        Assert.StartsWith("POST /token HTTP/1.1\r\n", exchange.Head);
        var form = QueryHelpers.ParseQuery(exchange.Body);
        Assert.Equal("urn:ietf:params:oauth:grant-type:jwt-bearer", form["grant_type"]);
        var parts = form["assertion"].ToString().Split('.');
        Assert.True(key.VerifyData(
            Encoding.ASCII.GetBytes($"{parts[0]}.{parts[1]}"), Base64Url.DecodeFromChars(parts[2]), HashAlgorithmName.SHA256,
            RSASignaturePadding.Pkcs1));
        Assert.Equal("""{"alg":"RS256","typ":"JWT","kid":"k1"}""", Encoding.UTF8.GetString(Base64Url.DecodeFromChars(parts[0])));
        var claims = JsonElement.Parse(Base64Url.DecodeFromChars(parts[1]));
        Assert.Equal("gatehouse@p.iam", claims.GetProperty("iss").GetString());
        Assert.Equal(new Uri(google.BaseUrl, "/token").AbsoluteUri, claims.GetProperty("aud").GetString());
        Assert.Equal("https://www.googleapis.com/auth/cloud-platform", claims.GetProperty("scope").GetString());
        Assert.Equal(clock.GetUtcNow().ToUnixTimeSeconds(), claims.GetProperty("iat").GetInt64());
        Assert.Equal(3600, claims.GetProperty("exp").GetInt64() - claims.GetProperty("iat").GetInt64());
    }
}

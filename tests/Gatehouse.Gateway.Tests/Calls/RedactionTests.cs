using System.Security.Cryptography;
using System.Text;
using Gatehouse.Gateway.Providers;
using Gatehouse.Gateway.Routing;

namespace Gatehouse.Gateway.Tests.Calls;

/// <summary>Providers that repeat the credential they were sent, wherever and however.</summary>
public sealed class RedactionTests
{
    private const string Secret = "sk-canary-5f0c1d2e3a4b";

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("""{"error":{"message":"bad sk-canary-5f0c1d2e3a4b","type":"t","code":"c"}}""")]
    [InlineData("""{"error":{"message":"bad","type":"t","code":"sk-canary-5f0c1d2e3a4b"}}""")]
    [InlineData("""{"error":{"message":"bad","type":"sk-canary-5f0c1d2e3a4b","code":"c"}}""")]
    [InlineData("""{"error":{"message":"bad","type":"t","param":"sk-canary-5f0c1d2e3a4b"}}""")]
    [InlineData("""{"error":{"message":"bad","type":"t","detail":{"got":["sk-canary-5f0c1d2e3a4b"]}}}""")]
    [InlineData("""{"error":{"message":"bad","type":"t","sk-canary-5f0c1d2e3a4b":1}}""")]
    [InlineData("""{"error":{"message":"bad \u0073k-canary-5f0c1d2e3a4b","type":"t"}}""")]
    [InlineData("""{"error":{"message":"bad","type":"t","got":"\u0073\u006b-canary-5f0c1d2e3a4b"}}""")]
    [InlineData("bad sk-canary-5f0c1d2e3a4b")]
    public async Task No_error_repeats_it_to_the_caller_the_record_or_the_log(string body)
    {
        foreach (var status in (int[])[400, 401, 404, 422, 429, 500, 503])
        {
            await using var player = new WirePlayer(e => e.AnswerAsync(status, body));
            await using var gateway = await TestGateway.StartAsync([Route(player, s => s with { ApiKey = Secret })]);

            await AskAsync(gateway);
        }
    }

    [Theory]
    [InlineData("Bearer " + Secret)]
    [InlineData(Secret)]
    public async Task A_header_of_the_operators_is_cut_out_without_its_scheme_too(string value)
    {
        await using var player = new WirePlayer(
            e => e.AnswerAsync(400, $$$"""{"error":{"message":"unknown token {{{Secret}}}","type":"t"}}"""));
        await using var gateway = await TestGateway.StartAsync(
            [Route(player, s => s with { ApiKey = null, Headers = new Dictionary<string, string> { ["X-Auth"] = value } })]);

        await AskAsync(gateway);
    }

    [Fact]
    public async Task An_error_within_a_stream_is_cut_too()
    {
        await using var player = new WirePlayer(
            e => e.StreamAsync(
                Wire.Role + Wire.Hello + $$$$"""data: {"error":{"message":"bad {{{{Secret}}}}","type":"t","code":"{{{{Secret}}}}"}}"""
                    + "\n\n"));
        await using var gateway = await TestGateway.StartAsync([Route(player, s => s with { ApiKey = Secret })]);

        await AskAsync(gateway, Wire.StreamRequest);
    }

    [Fact]
    public async Task A_session_token_of_aws_and_an_access_token_of_google_are_cut_out()
    {
        using var key = RSA.Create(2048);
        await using var google = new WirePlayer(e => e.AnswerAsync(200, $$"""{"access_token":"{{Secret}}","expires_in":3599}"""));
        await using var player = new WirePlayer(
            e => e.AnswerAsync(
                400, $$$"""{"error":{"message":"bad {{{Secret}}}","code":400,"status":"X"},"message":"bad {{{Secret}}}"}"""));
        await using var bedrock = await TestGateway.StartAsync([Route(player, s => s with
        {
            Kind = "bedrock", Wire = WireFormat.Bedrock, ApiKey = null,
            Aws = new() { Region = "eu-west-1", AccessKeyId = "AKIA", SecretAccessKey = "secret", SessionToken = Secret },
        })]);
        await using var vertex = await TestGateway.StartAsync([Route(player, s => s with
        {
            Kind = "vertex", Wire = WireFormat.Gemini, ApiKey = null,
            Google = new() { ClientEmail = "a@b", PrivateKey = key.ExportPkcs8PrivateKeyPem(), TokenUri = google.BaseUrl },
        })]);

        await AskAsync(bedrock);
        await AskAsync(vertex);

        Assert.Equal(2, player.Exchanges.Count);
    }

    private static Route Route(WirePlayer player, Func<ProviderSettings, ProviderSettings> change) =>
        new("fast", [new Target(TestGateway.Http("p0", player, TimeProvider.System, change), "m0")]) { AttemptsPerTarget = 1 };

    private static async Task AskAsync(TestGateway gateway, string request = Wire.ChatRequest)
    {
        using var response = await gateway.ChatAsync(request, TestGateway.StoringKey);
        var body = await response.Content.ReadAsStringAsync(Ct);
        var record = Assert.Single(gateway.Records());
        var everything = new StringBuilder(body).Append(response.Headers).Append(record.ErrorCode).Append(record.ErrorMessage)
            .Append(gateway.Log)
            .AppendJoin('\n', record.Attempts.Select(a => a.Error + a.ErrorCode)).ToString();

        Assert.DoesNotContain("canary", everything.Replace("\\u0073", "s", StringComparison.Ordinal), StringComparison.Ordinal);
    }
}

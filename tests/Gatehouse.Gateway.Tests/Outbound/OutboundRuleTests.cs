using System.Net;
using System.Text;
using Gatehouse.Gateway.Outbound;
using Gatehouse.Gateway.Providers;
using Gatehouse.Gateway.Routing;
using Gatehouse.Gateway.Tests.Calls;
using Texts = Gatehouse.Gateway.Tests.Calls.Wire;

namespace Gatehouse.Gateway.Tests.Outbound;

/// <summary>Where requests may go, decided after DNS on the addresses that are connected to.</summary>
public sealed class OutboundRuleTests
{
    private static readonly IPAddress Inner = IPAddress.Parse("10.0.0.7");
    private static readonly IPAddress Metadata = IPAddress.Parse("169.254.169.254");
    private static readonly IPAddress Public = IPAddress.Parse("203.0.112.9");

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("https://models.example/v1", null, false)]
    [InlineData("https://models.example/v1", true, true)]
    [InlineData("http://127.0.0.1:8000/v1", null, true)]
    [InlineData("http://127.0.0.1:8000/v1", false, false)]
    [InlineData("http://2130706433:8000/v1", null, true)]
    [InlineData("http://[::1]:8000/v1", null, true)]
    [InlineData("http://[::ffff:10.0.0.7]/v1", null, true)]
    [InlineData("http://localhost:11434/v1", null, true)]
    [InlineData("http://models.localhost/v1", null, true)]
    [InlineData("http://localhost.example/v1", null, false)]
    public async Task A_private_address_needs_to_be_written_down_or_allowed(string address, bool? allowPrivate, bool allowed)
    {
        var uri = new Uri(address);
        var rule = OutboundRule.Of(Settings(uri) with { AllowPrivate = allowPrivate }, (_, _) => Task.FromResult<IPAddress[]>([Inner]));

        if (allowed)
        {
            Assert.Single(await rule.ResolveAsync(uri.IdnHost, Ct));
        }
        else
        {
            var refused = await Assert.ThrowsAsync<UpstreamException>(async () => await rule.ResolveAsync(uri.IdnHost, Ct));
            Assert.Equal(UpstreamFailure.NotAllowed, refused.Failure);
            Assert.Contains("'allow_private: true' in 'providers.inner'", refused.Message, StringComparison.Ordinal);
            Assert.DoesNotContain("10.0.0.7", refused.Message, StringComparison.Ordinal); // callers read it
        }
    }

    [Theory]
    [InlineData("https://models.example/v1")]
    [InlineData("http://169.254.169.254/latest")]
    [InlineData("http://[::ffff:169.254.169.254]/latest")]
    public async Task Where_clouds_keep_credentials_is_never_allowed(string address)
    {
        var uri = new Uri(address);
        var rule = OutboundRule.Of(Settings(uri) with { AllowPrivate = true }, (_, _) => Task.FromResult<IPAddress[]>([Metadata]));

        var refused = await Assert.ThrowsAsync<UpstreamException>(async () => await rule.ResolveAsync(uri.IdnHost, Ct));

        Assert.Contains("no setting allows it", refused.Message, StringComparison.Ordinal);
        await Assert.ThrowsAsync<UpstreamException>(async () => await OutboundRule.Infrastructure.ResolveAsync("169.254.169.254", Ct));
    }

    [Fact]
    public async Task Of_several_addresses_only_those_that_are_allowed_are_connected_to()
    {
        var rule = OutboundRule.Of(
            Settings(new Uri("https://models.example/v1")), (_, _) => Task.FromResult<IPAddress[]>([Inner, Public, Metadata]));

        Assert.Equal([Public], await rule.ResolveAsync("models.example", Ct));
    }

    [Fact]
    public async Task A_name_that_moves_to_a_private_address_after_its_first_answer_is_refused_there()
    {
        await using var player = new WirePlayer(e => e.AnswerAsync(200, Texts.ChatAnswer));
        var asked = 0;
        var settings = Settings(new Uri($"http://models.example:{player.BaseUrl.Port}/v1"));
        ResolveHost resolve = (_, _) => Task.FromResult<IPAddress[]>(++asked == 1 ? [Public] : [IPAddress.Loopback]);
        using var upstream = new HttpUpstream(settings, TimeProvider.System, resolve);

        var first = await OutboundRule.Of(settings, resolve).ResolveAsync("models.example", Ct);
        var second = await Assert.ThrowsAsync<UpstreamException>(async () =>
            await upstream.SendAsync(
                new UpstreamRequest("/chat/completions", Encoding.UTF8.GetBytes("{}"), [], TimeSpan.FromSeconds(5)), Ct));

        Assert.Equal([Public], first);
        Assert.Equal((UpstreamFailure.NotAllowed, 2), (second.Failure, asked));
        Assert.Empty(player.Exchanges);
    }

    [Fact]
    public async Task A_caller_reads_which_setting_is_missing_and_the_route_goes_on_to_its_next_target()
    {
        await using var player = new WirePlayer(e => e.AnswerAsync(200, Texts.ChatAnswer), e => e.AnswerAsync(200, Texts.ChatAnswer));
        var factory = new ProviderFactory(TimeProvider.System, (_, _) => Task.FromResult<IPAddress[]>([IPAddress.Loopback]));
        Target Named(bool? allow) =>
            new(factory.Create(Settings(new Uri($"http://models.example:{player.BaseUrl.Port}/v1")) with { AllowPrivate = allow }), "m");
        await using var refusing = await TestGateway.StartAsync([new Route("fast", [Named(null)])]);
        await using var allowing = await TestGateway.StartAsync([new Route("fast", [Named(true)])]);
        await using var falling = await TestGateway.StartAsync(
            [new Route("fast", [Named(null), new Target(TestGateway.Http("p1", player), "m", 1, 1)])]);

        using var refused = await refusing.ChatAsync(Texts.ChatRequest);
        using var allowed = await allowing.ChatAsync(Texts.ChatRequest);
        using var fallen = await falling.ChatAsync(Texts.ChatRequest);

        Assert.Equal((502, 200, 200), ((int)refused.StatusCode, (int)allowed.StatusCode, (int)fallen.StatusCode));
        Assert.Contains(
            "'allow_private: true' in 'providers.inner'", await refused.Content.ReadAsStringAsync(Ct), StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_client_off_the_hot_path_follows_no_redirect_and_obeys_the_rule()
    {
        await using var elsewhere = new WirePlayer(e => e.AnswerAsync(200, "secret"));
        await using var player = new WirePlayer(e => e.AnswerAsync(302, "", $"Location: {elsewhere.BaseUrl}"));
        using var client = OutboundClient.Create(OutboundRule.Infrastructure, TimeSpan.FromSeconds(5));
        using var strict = OutboundClient.Create(
            OutboundRule.Of(Settings(new Uri("https://models.example")), (_, _) => Task.FromResult<IPAddress[]>([IPAddress.Loopback])),
            TimeSpan.FromSeconds(5));

        using var answer = await client.PostAsync(player.BaseUrl, new StringContent(""), Ct);
        var refused = await Assert.ThrowsAsync<HttpRequestException>(
            () => strict.PostAsync(new Uri($"http://models.example:{player.BaseUrl.Port}/"), new StringContent(""), Ct));

        Assert.Equal(302, (int)answer.StatusCode);
        Assert.Empty(elsewhere.Exchanges);
        Assert.IsType<UpstreamException>(refused.InnerException);
        Assert.Single(player.Exchanges);
    }

    [Theory]
    [InlineData("""{"model":"fast","messages":[{"role":"user","content":[{"type":"text","text":"what is it?"},{"type":"image_url","image_url":{"url":"URL"}}]}]}""")]
    public async Task The_gateway_fetches_no_address_that_a_request_names(string body)
    {
        await using var bait = new WirePlayer(e => e.AnswerAsync(200, "x"));
        await using var openai = new WirePlayer(e => e.AnswerAsync(200, Texts.ChatAnswer));
        await using var anthropic = new WirePlayer(e => e.AnswerAsync(200, "{}"));
        await using var gemini = new WirePlayer(e => e.AnswerAsync(200, Texts.GeminiAnswer));
        foreach (var (player, wire) in new[] { (openai, WireFormat.OpenAi), (anthropic, WireFormat.Anthropic),
            (gemini, WireFormat.Gemini) })
        {
            var provider = new ProviderFactory(TimeProvider.System).Create(TestGateway.Http("p", player).Settings with { Wire = wire });
            await using var gateway = await TestGateway.StartAsync([new Route("fast", [new Target(provider, "m")])]);

            using var answer = await gateway.ChatAsync(body.Replace("URL", bait.BaseUrl + "cat.png", StringComparison.Ordinal));
        }

        Assert.Empty(bait.Exchanges);
    }

    private static ProviderSettings Settings(Uri address) =>
        new() { Name = "inner", Kind = "openai", Wire = WireFormat.OpenAi, BaseUrl = address };
}

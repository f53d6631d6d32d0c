using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using Gatehouse.Contracts;
using Gatehouse.Gateway.Providers;
using Gatehouse.Gateway.Routing;

namespace Gatehouse.Gateway.Tests.Calls;

/// <summary>Images and audio: what goes to the provider, what comes back, and what the record says.</summary>
public sealed class MediaTests
{
    private const string Png =
        """{"created":1,"data":[{"b64_json":"aGVsbG8="}],"usage":{"input_tokens":50,"output_tokens":1056,"total_tokens":1106,"input_tokens_details":{"text_tokens":10,"image_tokens":40}}}""";

    private static readonly byte[] Sound = [.. Enumerable.Range(0, 50_000).Select(i => (byte)i)];

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_picture_passes_through_with_its_usage()
    {
        await using var player = new WirePlayer(e => e.AnswerAsync(200, Png));
        await using var gateway = await TestGateway.StartAsync([TestGateway.RouteTo(player)]);

        using var response = await gateway.PostAsync(
            "/v1/images/generations", """{"prompt":"A gate","model":"fast","n":2}""", TestGateway.StoringKey, Ct);

        Assert.Equal(Png, await response.Content.ReadAsStringAsync(Ct));
        Assert.Equal("""{"prompt":"A gate","model":"m0","n":2}""", player.Last.Body);
        Assert.StartsWith("POST /v1/images/generations HTTP/1.1\r\n", player.Last.Head, StringComparison.Ordinal);
        Assert.Equal("application/json", player.Last.Header("Content-Type"));
        var record = Assert.Single(gateway.Records());
        Assert.Equal(("images", "fast", "m0", false), (record.Surface, record.Route, record.Model, record.Streamed));
        Assert.Equal(new TokenUsage(10, 0, 0, 0, 1056, 0, 0, 40), record.Usage);
        Assert.Null(record.CostNanos); // no price is known
        Assert.True(gateway.Contents.TryRead(out var kept));
        Assert.Equal((true, true), (kept.Response.IsEmpty, kept.Request.Length > 0)); // pictures are not kept
    }

    [Theory]
    [InlineData("\"n\":3", "3")]
    [InlineData("\"n\":\"8\"", "8")]
    [InlineData("\"n\":5,\"n\":2", "5")]
    [InlineData("\"n\":[8]", "100000000")]
    [InlineData("\"n\":null", null)]
    [InlineData("\"seed\":1", null)]
    public async Task Pictures_are_counted_before_the_call_as_a_provider_may_read_their_number(string number, string? count)
    {
        await using var player = new WirePlayer(e => e.AnswerAsync(200, Png));
        await using var gateway = await TestGateway.StartAsync([TestGateway.RouteTo(player)]);

        using var response = await gateway.PostAsync("/v1/images/generations", $$"""{"model":"fast","prompt":"A gate",{{number}}}""", ct: Ct);

        Assert.Equal(200, (int)response.StatusCode);
        var attributes = Assert.Single(gateway.Records()).RequestAttributes;
        Assert.Equal(count, attributes?.GetValueOrDefault(TelemetryNames.RequestChoiceCount));
    }

    [Theory]
    [InlineData("/v1/images/edits", "image[]", "images")]
    [InlineData("/v1/images/variations", "image", "images")]
    [InlineData("/v1/audio/transcriptions", "file", "transcription")]
    [InlineData("/v1/audio/translations", "file", "transcription")]
    public async Task A_form_goes_on_byte_for_byte_but_for_the_models_name(string path, string file, string surface)
    {
        await using var player = new WirePlayer(e => e.AnswerAsync(200, surface == "images" ? Png : """{"text":"Hello"}"""));
        await using var gateway = await TestGateway.StartAsync([TestGateway.RouteTo(player)]);
        var form = Encoding.UTF8.GetBytes(
            $"--a b\r\nContent-Disposition: form-data; name=\"{file}\"; filename=\"x.bin\"\r\nContent-Type: audio/wav\r\n\r\n{"\r\n--a x"}\0\x1__thought__\r\n"
            + "--a b\r\ncontent-disposition: form-data; name=\"model\"\r\n\r\nfast\r\n"
            + "--a b\r\nContent-Disposition: form-data; name=user\r\n\r\nann\r\n--a b--\r\n");

        using var response = await PostFormAsync(gateway, path, form, "\"a b\"");

        Assert.Equal(200, (int)response.StatusCode);
        Assert.Equal(
            Encoding.UTF8.GetString(form).Replace("\r\n\r\nfast\r\n", "\r\n\r\nm0\r\n", StringComparison.Ordinal), player.Last.Body);
        Assert.Equal("multipart/form-data; boundary=\"a b\"", player.Last.Header("Content-Type"));
        Assert.StartsWith($"POST {path} HTTP/1.1\r\n", player.Last.Head, StringComparison.Ordinal);
        var record = Assert.Single(gateway.Records());
        Assert.Equal((surface, "fast", "m0"), (record.Surface, record.Route, record.Model));
        Assert.True(gateway.Contents.TryRead(out var kept));
        var fields = JsonElement.Parse(kept.Request.Span);
        Assert.Equal(("fast", "ann"), (fields.GetProperty("model").GetString(), fields.GetProperty("user").GetString()));
        Assert.Equal("x.bin", fields.GetProperty(surface == "images" ? "image" : "file").GetProperty("filename").GetString());
    }

    [Fact]
    public async Task Tokens_of_sound_are_counted_apart_and_priced()
    {
        var prices = new PriceTable("p1", new Dictionary<string, Price> { ["p0/m0"] = new(0.000001m, 0.00001m, AudioInput: 0.000006m) });
        await using var player = new WirePlayer(e => e.AnswerAsync(
            200, """{"text":"Hi","usage":{"type":"tokens","input_tokens":14,"input_token_details":{"text_tokens":0,"audio_tokens":14},"output_tokens":5,"total_tokens":19}}"""));
        await using var gateway = await TestGateway.StartAsync([TestGateway.RouteTo(player)], prices: prices);

        using var response = await PostFormAsync(
            gateway, "/v1/audio/transcriptions", Form(("model", "fast", null), ("file", "RIFF", "a.wav")), "b");

        var record = Assert.Single(gateway.Records());
        Assert.Equal(new TokenUsage(0, 0, 0, 0, 5, 0, 14), record.Usage);
        Assert.Equal((14 * 6_000) + (5 * 10_000), record.CostNanos);
        Assert.Contains("\"Hi\"", await response.Content.ReadAsStringAsync(Ct), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_transcript_may_be_a_text_and_a_model_may_count_seconds()
    {
        await using var player = new WirePlayer(
            e => TypedAsync(e, "text/plain; charset=utf-8", "{laughs} Hello.\n"),
            e => e.AnswerAsync(200, """{"text":"Hi","usage":{"type":"duration","seconds":9}}"""));
        await using var gateway = await TestGateway.StartAsync([TestGateway.RouteTo(player)]);
        var form = Form(("model", "fast", null), ("response_format", "text", null), ("stream", "true", null), ("file", "RIFF", "a.wav"));

        using var text = await PostFormAsync(gateway, "/v1/audio/transcriptions", form, "b");
        using var seconds = await PostFormAsync(gateway, "/v1/audio/transcriptions", form, "b"); // asked to stream, it does not

        Assert.Equal(
            ("{laughs} Hello.\n", "text/plain"), (await text.Content.ReadAsStringAsync(Ct), text.Content.Headers.ContentType?.MediaType));
        Assert.Equal(200, (int)seconds.StatusCode);
        Assert.All(gateway.Records(), r => Assert.Equal((CallOutcome.Ok, null, null), (r.Outcome, r.Usage, r.CostNanos)));
    }

    [Fact]
    public async Task Speech_comes_as_the_provider_sends_it()
    {
        var more = new TaskCompletionSource();
        await using var player = new WirePlayer(async e =>
        {
            await e.SendAsync("HTTP/1.1 200 OK\r\nContent-Type: audio/mpeg\r\nTransfer-Encoding: chunked\r\n\r\n");
            await SendChunkAsync(e, Sound.AsMemory(0, 20_000));
            await SendChunkAsync(e, Sound.AsMemory(20_000, 20_000));
            await more.Task;
            await SendChunkAsync(e, Sound.AsMemory(40_000));
            await e.SendAsync("0\r\n\r\n");
        });
        await using var gateway = await TestGateway.StartAsync([TestGateway.RouteTo(player)]);

        using var response = await gateway.PostAsync("/v1/audio/speech", """{"model":"fast","input":"Hello","voice":"alloy"}""", ct: Ct);
        await using var body = await response.Content.ReadAsStreamAsync(Ct);
        var got = new byte[Sound.Length];
        await body.ReadExactlyAsync(got.AsMemory(0, 20_000), Ct); // before the provider has all of it
        Assert.Empty(gateway.Records());
        more.SetResult();
        await body.ReadExactlyAsync(got.AsMemory(20_000), Ct);

        Assert.Equal(0, await body.ReadAsync(new byte[1], Ct));
        Assert.Equal(Sound, got);
        Assert.Equal("audio/mpeg", response.Content.Headers.ContentType?.MediaType);
        Assert.Equal("p0/m0", response.Headers.GetValues("x-gatehouse-served-by").Single());
        var record = Assert.Single(gateway.Records());
        Assert.Equal(("speech", CallOutcome.Ok, null), (record.Surface, record.Outcome, record.CostNanos));
    }

    [Fact]
    public async Task Speech_that_breaks_off_breaks_the_clients_connection_and_one_that_never_began_goes_to_the_next_target()
    {
        await using var bad = new WirePlayer(
            e => e.AnswerAsync(503, """{"error":{"message":"full","type":"server_error"}}"""),
            async e =>
            {
                await e.SendAsync("HTTP/1.1 200 OK\r\nContent-Type: audio/mpeg\r\nTransfer-Encoding: chunked\r\n\r\n");
                await SendChunkAsync(e, Sound.AsMemory(0, 20_000));
                await SendChunkAsync(e, Sound.AsMemory(0, 20_000));
                e.Close();
            });
        await using var good = new WirePlayer(e => TypedAsync(e, "audio/wav", "sound"));
        await using var gateway = await TestGateway.StartAsync([TestGateway.RouteTo(bad, good)]);

        using var first = await gateway.PostAsync("/v1/audio/speech", """{"model":"fast","input":"Hello","voice":"alloy"}""", ct: Ct);
        using var second = await gateway.PostAsync("/v1/audio/speech", """{"model":"fast","input":"Hello","voice":"alloy"}""", ct: Ct);

        Assert.Equal("sound", await first.Content.ReadAsStringAsync(Ct));
        await Assert.ThrowsAnyAsync<Exception>(() => second.Content.ReadAsByteArrayAsync(Ct));
        Assert.Equal([CallOutcome.Ok, CallOutcome.Failed], gateway.Records().Select(r => r.Outcome));
    }

    [Fact]
    public async Task Events_pass_through_with_the_usage_of_the_last()
    {
        const string Events = "event: image_generation.partial_image\ndata: {\"type\":\"image_generation.partial_image\",\"b64_json\":\"aA==\"}\n\n"
            + "event: image_generation.completed\ndata: {\"type\":\"image_generation.completed\",\"b64_json\":\"aGk=\",\"usage\":{\"input_tokens\":9,\"output_tokens\":70,\"total_tokens\":79}}\n\n";
        await using var player = new WirePlayer(
            e => e.StreamAsync(Events),
            e => e.StreamAsync(Events[..Events.IndexOf("event: image_generation.completed", StringComparison.Ordinal)]));
        await using var gateway = await TestGateway.StartAsync([TestGateway.RouteTo(player)]);
        const string Request = """{"model":"fast","prompt":"A gate","stream":true,"partial_images":1}""";
        const string Twice = """{"model":"fast","prompt":"A gate","stream":false,"stream":true,"partial_images":1}"""; // the last counts

        using var whole = await gateway.PostAsync("/v1/images/generations", Request, ct: Ct);
        using var cut = await gateway.PostAsync("/v1/images/generations", Twice, ct: Ct);

        Assert.Equal(Events, await whole.Content.ReadAsStringAsync(Ct));
        Assert.Contains("event: error\ndata: {\"error\"", await cut.Content.ReadAsStringAsync(Ct), StringComparison.Ordinal);
        Assert.Equal("text/event-stream", whole.Content.Headers.ContentType?.MediaType);
        var records = gateway.Records();
        Assert.Equal([CallOutcome.Ok, CallOutcome.Failed], records.Select(r => r.Outcome));
        Assert.Equal(new TokenUsage(9, 0, 0, 0, 70, 0), records[0].Usage);
    }

    [Fact]
    public async Task What_cannot_be_served_is_refused_and_says_what_can()
    {
        await using var player = new WirePlayer(e => e.AnswerAsync(200, Png));
        await using var gateway = await TestGateway.StartAsync(
            [new Route("fast", [new Target(TestGateway.Http("a", player, WireFormat.Anthropic), "claude-x")])]);

        using var kind = await gateway.PostAsync("/v1/images/generations", """{"model":"fast","prompt":"A gate"}""", ct: Ct);
        using var noModel = await gateway.PostAsync("/v1/images/generations", """{"prompt":"A gate"}""", ct: Ct);
        using var noForm = await gateway.PostAsync("/v1/audio/transcriptions", """{"model":"fast"}""", ct: Ct);
        using var twoModels = await PostFormAsync(
            gateway, "/v1/images/edits", Form(("model", "fast", null), ("model", "other", null)), "b");
        using var cut = await PostFormAsync(gateway, "/v1/images/edits", Form(("model", "fast", null))[..^8], "b");
        using var get = await gateway.Client.GetAsync("/v1/images/generations", Ct);

        var message = JsonElement.Parse(await kind.Content.ReadAsStringAsync(Ct)).GetProperty("error").GetProperty("message").GetString();
        Assert.Contains(
            "a (anthropic) offers no generation of images: targets of the kinds openai, azure, openai-compatible and simulator can",
            message, StringComparison.Ordinal);
        Assert.Equal(
            [400, 400, 400, 400, 400, 405],
            ((HttpResponseMessage[])[kind, noModel, noForm, twoModels, cut, get]).Select(r => (int)r.StatusCode));
        Assert.Empty(player.Exchanges);
    }

    [Fact]
    public async Task The_simulator_draws_speaks_and_listens()
    {
        await using var gateway = await TestGateway.StartAsync([new Route("fast", [new Target(TestGateway.Simulator(), "simulator")])]);
        var wav = Form(("model", "fast", null), ("file", "RIFFsound", "a.wav"));

        using var image = await gateway.PostAsync("/v1/images/generations", """{"model":"fast","prompt":"A gate","n":2}""", ct: Ct);
        using var edit = await PostFormAsync(
            gateway, "/v1/images/edits", Form(("model", "fast", null), ("prompt", "A gate", null), ("image", "x", "a.png")), "b");
        using var speech = await gateway.PostAsync(
            "/v1/audio/speech", """{"model":"fast","input":"Hello there","voice":"alloy"}""", ct: Ct);
        using var heard = await PostFormAsync(gateway, "/v1/audio/transcriptions", wav, "b");
        using var fault = await gateway.PostAsync(
            "/v1/images/generations", """{"model":"fast","prompt":"[simulator: rate_limited]"}""", ct: Ct);

        var data = JsonElement.Parse(await image.Content.ReadAsStringAsync(Ct)).GetProperty("data");
        Assert.Equal(2, data.GetArrayLength());
        Assert.Equal("\x89PNG\r\n\x1a\n", Encoding.Latin1.GetString(data[0].GetProperty("b64_json").GetBytesFromBase64()[..8]));
        Assert.Equal(200, (int)edit.StatusCode);
        var sound = await speech.Content.ReadAsByteArrayAsync(Ct);
        Assert.Equal(("RIFF", 44 + 1600), (Encoding.ASCII.GetString(sound[..4]), sound.Length));
        Assert.Contains("9 bytes of sound", await heard.Content.ReadAsStringAsync(Ct), StringComparison.Ordinal);
        Assert.Equal(429, (int)fault.StatusCode);
        Assert.All(gateway.Records().Take(2), r => Assert.NotNull(r.Usage));
    }

    private static byte[] Form(params (string Name, string Value, string? File)[] fields) =>
        Encoding.UTF8.GetBytes(string.Concat(fields.Select(f => $"--b\r\nContent-Disposition: form-data; name=\"{f.Name}\"{(f.File is null ? "" : $"; filename=\"{f.File}\"")}\r\n\r\n{f.Value}\r\n")) + "--b--\r\n");

    private static Task<HttpResponseMessage> PostFormAsync(TestGateway gateway, string path, byte[] form, string boundary)
    {
        var request = new HttpRequestMessage(HttpMethod.Post, path) { Content = new ByteArrayContent(form) };
        request.Content.Headers.ContentType = MediaTypeHeaderValue.Parse($"multipart/form-data; boundary={boundary}");
        request.Headers.Add("Authorization", "Bearer " + TestGateway.StoringKey);
        return gateway.Client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, Ct);
    }

    private static Task TypedAsync(Exchange exchange, string type, string body) =>
        exchange.SendAsync($"HTTP/1.1 200 OK\r\nContent-Type: {type}\r\nContent-Length: {body.Length}\r\n\r\n{body}");

    private static async Task SendChunkAsync(Exchange exchange, ReadOnlyMemory<byte> bytes)
    {
        await exchange.SendAsync($"{bytes.Length:x}\r\n");
        await exchange.SendAsync(bytes);
        await exchange.SendAsync("\r\n");
    }
}

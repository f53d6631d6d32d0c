using System.Text;
using System.Text.Json;
using Gatehouse.Gateway.Batches;
using Gatehouse.Gateway.Providers;
using Gatehouse.Gateway.Routing;
using Gatehouse.Gateway.Tests.Calls;
using Gatehouse.Gateway.Tests.Responses;

namespace Gatehouse.Gateway.Tests.Batches;

/// <summary>Files that <c>POST /v1/files</c> stored, named in requests.</summary>
public sealed class NamedFileTests
{
    private const string Pdf = "file-00000000000000000000000000000001";
    private const string Png = "file-00000000000000000000000000000002";
    private const string Notes = "file-00000000000000000000000000000003";
    private const string Foreign = "file-abc123";

    private static readonly byte[] PdfBytes = [.. "%PDF-1.7 hello"u8];
    private static readonly byte[] PngBytes = [0x89, .. "PNG\r\n"u8];
    private static readonly string Pdf64 = Convert.ToBase64String(PdfBytes);
    private static readonly string Png64 = Convert.ToBase64String(PngBytes);

    private static readonly CancellationToken Ct = TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_chat_names_a_file_and_the_provider_gets_it_by_value()
    {
        await using var player = new WirePlayer(e => e.AnswerAsync(200, Calls.Wire.ChatAnswer));
        await using var gateway = await StartAsync(TestGateway.RouteTo(player));

        using var response = await gateway.ChatAsync(Chat(Pdf));

        Assert.Equal(200, (int)response.StatusCode);
        Assert.Equal(
            $$$"""{"model":"m0","messages":[{"role":"user","content":[{"type":"text","text":"What is this?"},{"type":"file","file":{"filename":"report.pdf","file_data":"data:application/pdf;base64,{{{Pdf64}}}"}}]}],"temperature":0.50}""",
            player.Last.Body);
        Assert.Empty(Assert.Single(gateway.Records()).DroppedParameters);
    }

    [Fact]
    public async Task A_provider_of_another_format_gets_it_in_its_own_words()
    {
        await using var player = new WirePlayer(e => e.AnswerAsync(200, Calls.Wire.MessagesAnswer));
        await using var gateway = await StartAsync(ToAnthropic(player));

        using var pdf = await gateway.ChatAsync(Chat(Pdf));
        var document = Part(player.Last, 1);
        using var notes = await gateway.ChatAsync(Chat(Notes));
        var text = Part(player.Last, 1);

        Assert.Equal((200, 200), ((int)pdf.StatusCode, (int)notes.StatusCode));
        Assert.Equal(("document", "application/pdf", Pdf64), Base64(document));
        Assert.Contains("Bring an umbrella.", text.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Messages_name_documents_and_images_in_tool_results_too()
    {
        await using var player = new WirePlayer(e => e.AnswerAsync(200, Calls.Wire.MessagesAnswer));
        await using var gateway = await StartAsync(ToAnthropic(player));

        using var response = await gateway.MessagesAsync(
            $$$"""
            {"model":"fast","max_tokens":9,"messages":[
              {"role":"user","content":[{"type":"document","title":"T","source":{"type":"file","file_id":"{{{Pdf}}}"}},
                {"type":"document","source":{"type":"file","file_id":"{{{Notes}}}"}}]},
              {"role":"assistant","content":[{"type":"tool_use","id":"t","name":"look","input":{"type":"image","source":{"file_id":"{{{Png}}}"} } }]},
              {"role":"user","content":[{"type":"tool_result","tool_use_id":"t","content":[
                {"type":"image","source":{"type":"file","file_id":"{{{Png}}}"} }]}]}]}
            """);

        Assert.Equal(200, (int)response.StatusCode);
        var messages = JsonElement.Parse(player.Last.Body).GetProperty("messages");
        Assert.Equal(("document", "application/pdf", Pdf64), Base64(messages[0].GetProperty("content")[0]));
        Assert.Equal("T", messages[0].GetProperty("content")[0].GetProperty("title").GetString());
        Assert.Equal(
            """{"type":"text","media_type":"text/plain","data":"Bring an umbrella."}""",
            messages[0].GetProperty("content")[1].GetProperty("source").ToString());
        var input = messages[1].GetProperty("content")[0].GetProperty("input");
        Assert.Equal(Png, input.GetProperty("source").GetProperty("file_id").GetString());
        Assert.Equal(("image", "image/png", Png64), Base64(messages[2].GetProperty("content")[0].GetProperty("content")[0]));
    }

    [Fact]
    public async Task Responses_name_files_and_images()
    {
        await using var player = new WirePlayer(e => e.AnswerAsync(200, ResponsesWire.Answer));
        await using var gateway = await StartAsync(ResponsesWire.ToNative(player));

        using var response = await gateway.PostAsync(
            "/v1/responses",
            $$$"""{"model":"fast","input":[{"role":"user","content":[{"type":"input_file","file_id":"{{{Pdf}}}"},{"type":"input_image","detail":"low","file_id":"{{{Png}}}"}]}]}""",
            ct: Ct);

        Assert.Equal(200, (int)response.StatusCode);
        var content = JsonElement.Parse(player.Last.Body).GetProperty("input")[0].GetProperty("content");
        Assert.Equal(
            $$"""[{"type":"input_file","filename":"report.pdf","file_data":"data:application/pdf;base64,{{Pdf64}}"},{"type":"input_image","detail":"low","image_url":"data:image/png;base64,{{Png64}}"}]""",
            content.ToString());
    }

    [Fact]
    public async Task An_id_of_the_providers_own_stays_as_it_is()
    {
        await using var player = new WirePlayer(e => e.AnswerAsync(200, Calls.Wire.ChatAnswer));
        await using var gateway = await StartAsync(TestGateway.RouteTo(player));

        using var response = await gateway.ChatAsync(Chat(Foreign));

        Assert.Equal(Chat(Foreign).Replace("\"fast\"", "\"m0\"", StringComparison.Ordinal), player.Last.Body);
    }

    [Theory]
    [InlineData("file-ffffffffffffffffffffffffffffffff", TestGateway.Key, 400, "file_not_found")]
    [InlineData(Pdf, TestGateway.OtherTeamKey, 400, "file_not_found")]
    [InlineData(Pdf, TestGateway.ProductionKey, 400, "file_not_found")]
    [InlineData("file-0000000000000000000000000000000a", TestGateway.Key, 413, "request_too_large")]
    public async Task What_is_not_here_is_anothers_or_is_too_large_is_refused_and_no_provider_is_asked(
        string id, string key, int status, string code)
    {
        await using var player = new WirePlayer(e => e.AnswerAsync(200, Calls.Wire.ChatAnswer));
        await using var gateway = await StartAsync(TestGateway.RouteTo(player));

        using var response = await gateway.ChatAsync(Chat(id), key);

        Assert.Equal(status, (int)response.StatusCode);
        Assert.Contains(code, await response.Content.ReadAsStringAsync(Ct), StringComparison.Ordinal);
        Assert.Empty(player.Exchanges);
        Assert.Equal(code, Assert.Single(gateway.Records()).ErrorCode);
    }

    private static Route ToAnthropic(WirePlayer player) =>
        new("fast", [new Target(TestGateway.Http("a", player, WireFormat.Anthropic), "m0")]);

    private static string Chat(string id) =>
        $$$"""{"model":"fast","messages":[{"role":"user","content":[{"type":"text","text":"What is this?"},{"type":"file","file":{"file_id":"{{{id}}}"}}]}],"temperature":0.50}""";

    private static async Task<TestGateway> StartAsync(Route route)
    {
        var gateway = await TestGateway.StartAsync([route]);
        Add(Pdf, "report.pdf", PdfBytes);
        Add(Png, "shot", PngBytes);
        Add(Notes, "notes.txt", "Bring an umbrella."u8.ToArray());
        Add("file-0000000000000000000000000000000a", "large.txt", new byte[900_000]);
        return gateway;

        void Add(string id, string name, byte[] content) => gateway.Files.Add(
            new StoredFile(TestGateway.Owner, id, "user_data", name, 0, DateTimeOffset.UnixEpoch, DateTimeOffset.MaxValue), content);
    }

    private static JsonElement Part(Exchange exchange, int index) =>
        JsonElement.Parse(exchange.Body).GetProperty("messages")[0].GetProperty("content")[index];

    private static (string?, string?, string?) Base64(JsonElement block) => block.GetProperty("source") is var source
        ? (block.GetProperty("type").GetString(), source.GetProperty("media_type").GetString(), source.GetProperty("data").GetString())
        : default;
}

using Gatehouse.Contracts;
using Gatehouse.Gateway.Calls;
using Gatehouse.Gateway.Chat;
using Gatehouse.Gateway.Generate;
using Gatehouse.Gateway.Limits;
using Gatehouse.Gateway.Providers;
using Gatehouse.Gateway.Routing;
using Microsoft.AspNetCore.Http;

namespace Gatehouse.Gateway.Tests.Calls;

public sealed class HoldsTests
{
    [Theory]
    [InlineData(false, 0, false)]
    [InlineData(true, 0, true)]
    [InlineData(true, 200, true)]
    [InlineData(true, 500, false)]
    public void An_attempt_whose_cost_is_not_known_counts_if_the_provider_may_have_worked(bool sent, int status, bool charged)
    {
        var prices = new PriceTable("r", new Dictionary<string, Price> { ["m0"] = new(1e-3m, 1e-3m) });
        var table = new GatewayTable { Revision = "r", Keys = KeyTable.Empty, Routes = RouteTable.Empty, Prices = prices };
        var target = new Target(TestGateway.Http("p0", new Uri("http://127.0.0.1:1/v1")), "m0");
        using var call = new Call(new DefaultHttpContext(), new ChatSurface(), table, new ManualClock()) { Route = new("fast", [target]) };
        call.Body.Write("""{"model":"fast","messages":[{"role":"user","content":"Hello there"}]}"""u8);
        var attempt = new Attempt(target, "m0", 0, 0, WireFormat.OpenAi, call.Surface.NewTap(WireFormat.OpenAi)) { Status = status };
        if (sent)
        {
            attempt.Sent();
        }

        var holds = new Holds([]);
        holds.Broke(call, attempt);
        holds.Settle(call.Record);

        Assert.Equal(charged, call.Record.ChargedNanos > 0);
    }

    [Theory]
    [InlineData("\"max_tokens\":1", false)]
    [InlineData("\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"computer\"}}]", true)] // errs upwards
    [InlineData("\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"weather\"}}]", false)]
    [InlineData("\"web_search_options\":{}", true)]
    [InlineData("\"tools\":[{\"type\":\"web_search_preview\"}]", true)]
    [InlineData("\"tools\":[{\"type\":\"web_fetch_20250910\",\"name\":\"web_fetch\"}]", true)]
    [InlineData("\"tools\":[{\"type\":\"file_search\",\"vector_store_ids\":[\"vs_1\"]}]", true)]
    [InlineData("\"tools\":[{\"type\":\"mcp\",\"server_url\":\"https://x.example\"}]", true)]
    [InlineData("\"tools\":[{\"googleSearch\":{}}]", true)]
    [InlineData("\"tools\":[{\"type\":\"\\u0077eb_search\"}]", true)]
    [InlineData("\"prompt\":{\"id\":\"pmpt_1\"}", true)]
    [InlineData("\"plugins\":[{\"id\":\"web\"}]", true)]
    [InlineData("\"x\":[{\"type\":\"file\",\"file\":{\"file_data\":\"JVBE\"}}]", true)]
    [InlineData("\"x\":[{\"inlineData\":{\"mimeType\":\"application\\/pdf\",\"data\":\"JVBE\"}}]", true)]
    [InlineData("\"search_parameters\":{\"mode\":\"on\"}", true)]
    [InlineData("\"x\":[{\"type\":\"video_url\",\"video_url\":{\"url\":\"https://x.example/v\"}}]", true)]
    [InlineData("\"x\":[{\"type\" : \"document_url\",\"document_url\":\"https://x.example/v\"}]", true)]
    [InlineData("\"x\":[{\"\\u0074ype\":\"video_url\"}]", true)]
    [InlineData("\"x\":[{\"type\":\"text\",\"text\":\"\\\"type\\\":\\\"video_url\\\"\"}]", false)]
    [InlineData("\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{\"schema\":{\"type\":\"object\"}}}", false)]
    public void What_the_provider_adds_to_the_input_may_cost_the_models_whole_context(string member, bool adds)
    {
        var prices = new PriceTable("r", new Dictionary<string, Price> { ["m0"] = new(1e-3m, 0) { MaxInputTokens = 5_000 } });
        var table = new GatewayTable { Revision = "r", Keys = KeyTable.Empty, Routes = RouteTable.Empty, Prices = prices };
        var target = new Target(TestGateway.Http("p0", new Uri("http://127.0.0.1:1/v1")), "m0");
        using var call = new Call(new DefaultHttpContext(), new ChatSurface(), table, new ManualClock()) { Route = new("fast", [target]) };
        call.Body.Write(System.Text.Encoding.UTF8.GetBytes($$"""{"model":"fast","messages":[],{{member}}}"""));

        Assert.Equal(Nanos.FromUsd((adds ? 5_000 : call.Body.Length) * 1e-3m), WorstCase.Money(call, out _));
    }

    [Theory]
    [InlineData("\"max_completion_tokens\":1000,\"max_tokens\":1", 1_000)]
    [InlineData("\"max_tokens\":1,\"max_completion_tokens\":1000", 1_000)]
    [InlineData("\"max_tokens\":1,\"max_tokens\":1000.00000000000000000000000000000000000", 1_000)]
    [InlineData("\"max_tokens\":10,\"best_of\":20", 200)]
    [InlineData("\"max_tokens\":10,\"best_of\":20,\"n\":2", 200)]
    [InlineData("\"max_tokens\":10,\"n\":\"8\"", 80)] // servers that take a text for a number
    [InlineData("\"max_tokens\":10,\"n\":[8]", 1_280)]
    [InlineData("\"max_tokens\":10,\"n\":null", 10)]
    [InlineData("\"max_tokens\":-1,\"max_completion_tokens\":10", 50_000)] // which is no limit
    [InlineData("\"max_completion_tokens\":10,\"max_tokens\":0", 50_000)]
    [InlineData("\"max_completion_tokens\":10,\"max_tokens\":\"9999\"", 9_999)]
    [InlineData("\"max_completion_tokens\":10,\"max_tokens\":true", 50_000)]
    [InlineData("\"max_completion_tokens\":10,\"max_tokens\":null", 10)]
    public void The_largest_of_what_bounds_the_output_is_reserved(string members, int tokens) =>
        Reserves(new ChatSurface(), $$"""{"model":"fast","messages":[],{{members}}}""", tokens);

    [Theory]
    [InlineData("\"maxOutputTokens\":10,\"candidateCount\":8", 80)]
    [InlineData("\"max_output_tokens\":10,\"candidate_count\":8", 80)]
    [InlineData("\"maxOutputTokens\":10,\"candidateCount\":\"8\"", 80)]
    [InlineData("\"maxOutputTokens\":1000,\"max_output_tokens\":10", 1_000)]
    public void Gemini_may_be_asked_by_either_name_and_in_texts(string members, int tokens) =>
        Reserves(new GenerateSurface("fast", GenerateAction.Whole), $$"""{"contents":[],"generation_config":{ {{members}} } }""", tokens);

    private static void Reserves(Surface surface, string body, int tokens)
    {
        var prices = new PriceTable("r", new Dictionary<string, Price> { ["m0"] = new(0, 1e-3m) { MaxOutputTokens = 50_000 } });
        var table = new GatewayTable { Revision = "r", Keys = KeyTable.Empty, Routes = RouteTable.Empty, Prices = prices };
        var target = new Target(TestGateway.Http("p0", new Uri("http://127.0.0.1:1/v1")), "m0");
        using var call = new Call(new DefaultHttpContext(), surface, table, new ManualClock()) { Route = new("fast", [target]) };
        call.Body.Write(System.Text.Encoding.UTF8.GetBytes(body));
        Assert.Null(call.Surface.Peek(call.Body.Span, out call.Peek));

        Assert.Equal(Nanos.FromUsd(tokens * 1e-3m), WorstCase.Money(call, out _));
    }
}

using System.Buffers;
using System.Text;
using System.Text.Json;
using Gatehouse.Contracts;
using Gatehouse.Gateway.Chat;
using Gatehouse.Gateway.Completions;
using Gatehouse.Gateway.Conversation;
using Gatehouse.Gateway.Providers;
using Gatehouse.Gateway.Responses;
using Gatehouse.Gateway.Routing;
using Gatehouse.Gateway.Streaming;
using Gatehouse.Gateway.Tests.Calls;
using Gatehouse.Gateway.Tests.Wire;

namespace Gatehouse.Gateway.Tests.OpenApi;

/// <summary>
/// Everything that the wire files hold, those that the SDKs are tested with too, is given to clients of OpenAI's formats, and each object
/// they get is held against OpenAI's description. What was judged makes docs/reference/conformance.md.
/// </summary>
public sealed class OpenApiTests
{
    private static readonly CancellationToken Ct = TestContext.Current.CancellationToken;
    private static readonly ResponseTerms Terms = new("resp_00000000000070008000000000000001", null, false, false);

    private static readonly (string Folder, WireFormat Wire)[] Formats =
        [("openai", WireFormat.OpenAi), ("anthropic", WireFormat.Anthropic), ("gemini", WireFormat.Gemini), ("bedrock", WireFormat.Bedrock),
            ("cohere", WireFormat.Cohere)];

    private static readonly ChatRequest Chat = WireFiles.Chat(
        """{"model":"m","messages":[{"role":"user","content":"hi"}],"stream_options":{"include_usage":true},"tools":[{"type":"custom","custom":{"name":"run_code"}}]}""");

    private static readonly ChatRequest Asked = ResponsesRequestReader.Read(
        """{"model":"m","input":"hi","tools":[{"type":"custom","name":"run_code"}],"metadata":{"case":"7"},"temperature":0.5}"""u8.ToArray());

    private static readonly ChatRequest Older = CompletionsRequestReader.Read(
        """{"model":"m","prompt":"hi","stream_options":{"include_usage":true}}"""u8.ToArray());

    [Fact]
    public void Every_object_that_clients_get_is_what_the_public_description_says()
    {
        var judged = new Dictionary<(string Schema, string Format), int>();
        foreach (var (folder, wire) in Formats)
        {
            foreach (var file in Files(folder))
            {
                if (file.EndsWith(".json", StringComparison.Ordinal))
                {
                    Whole(ProviderWire.Of(wire), folder, File.ReadAllBytes(file), judged);
                }
                else
                {
                    Stream(ProviderWire.Of(wire), folder, File.ReadAllBytes(file), judged);
                }
            }
        }

        Assert.All(Formats, f => Assert.True(judged[("CreateChatCompletionResponse", f.Folder)] > 0));
        CheckPage(judged);
    }

    [Theory]
    [InlineData("/v1/chat/completions", """{"model":"simulator","messages":[{"role":"user","content":"Hello"}]}""",
        "CreateChatCompletionResponse")]
    [InlineData("/v1/responses", """{"model":"simulator","input":"Hello"}""", "Response")]
    [InlineData("/v1/completions", """{"model":"simulator","prompt":"Hello"}""", "CreateCompletionResponse")]
    [InlineData("/v1/embeddings", """{"model":"simulator","input":["a","b"]}""", "CreateEmbeddingResponse")]
    [InlineData("/v1/embeddings", """{"model":"simulator","input":"a","encoding_format":"base64"}""", "CreateEmbeddingResponse")]
    [InlineData("/v1/chat/completions", """{"model":"nobody","messages":[{"role":"user","content":"Hello"}]}""", "ErrorResponse")]
    [InlineData("/v1/chat/completions", """{"model":"simulator"}""", "ErrorResponse")]
    [InlineData("/v1/responses", """{"model":"simulator","input":7}""", "ErrorResponse")]
    [InlineData("/v1/embeddings", """{"model":"simulator"}""", "ErrorResponse")]
    [InlineData("/v1/models", "", "ListModelsResponse")]
    public async Task The_pipeline_answers_as_described(string path, string body, string schema)
    {
        await using var gateway = await TestGateway.StartAsync(
            [new Route("simulator", [new Target(TestGateway.Simulator(), "simulator")])]);

        using var response = body.Length == 0 ? await gateway.Client.GetAsync(path, Ct) : await gateway.PostAsync(path, body, ct: Ct);

        OpenApiSchemas.AssertValid(schema, await response.Content.ReadAsStringAsync(Ct));
        Assert.Equal(schema != "ErrorResponse", response.IsSuccessStatusCode);
    }

    [Theory]
    [InlineData("CreateChatCompletionResponse",
        """{"id":"c","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"x"},"logprobs":null,"finish_reason":"stop"}]}""")]
    [InlineData("CreateChatCompletionStreamResponse",
        """{"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{},"finish_reason":"overloaded_error"}]}""")]
    [InlineData("ResponseStreamEvent",
        """{"type":"response.output_text.delta","item_id":"i","output_index":0,"content_index":0,"delta":"x","sequence_number":-1,"logprobs":[]}""")]
    [InlineData("ErrorResponse", """{"error":{"message":"x","type":"y","code":null}}""")]
    [InlineData("CreateEmbeddingResponse",
        """{"object":"list","model":"m","data":[{"object":"embedding","index":0,"embedding":[]}],"usage":{"prompt_tokens":1,"total_tokens":1}}""")]
    public void The_schemas_refuse_what_is_not_so(string schema, string json) => Assert.False(OpenApiSchemas.IsValid(schema, json));

    private static IEnumerable<string> Files(string folder) => ((string[])["Wire", Path.Combine("Wire", "sdk")])
        .Select(root => Path.Combine(AppContext.BaseDirectory, root, folder))
        .Where(Directory.Exists)
        .SelectMany(Directory.EnumerateFiles)
        .Where(f => !f.EndsWith("request.json", StringComparison.Ordinal))
        .Order(StringComparer.Ordinal);

    private static void Whole(ProviderWire wire, string folder, byte[] body, Dictionary<(string, string), int> judged)
    {
        ChatAnswer answer;
        try
        {
            if (wire.NewTap().ReadWhole(body) == TapEvent.Error)
            {
                Error(wire, folder, body, judged);
                return;
            }

            answer = wire.ReadAnswer(body, "m");
        }
        catch (FormatException)
        {
            Error(wire, folder, body, judged); // an error's body is no answer
            return;
        }

        Judge("CreateChatCompletionResponse", folder, WireFiles.Write(to => ChatAnswerWriter.Write(answer, to, Chat)), judged);
        Judge("Response", folder, WireFiles.Write(to => ResponseWriter.Write(answer, Asked, Terms, to)), judged);
        Judge("CreateCompletionResponse", folder, WireFiles.Write(to => CompletionsWriter.Write(answer, Older, to)), judged);
    }

    private static void Error(ProviderWire wire, string folder, byte[] body, Dictionary<(string, string), int> judged)
    {
        var error = wire.ReadError(body, 400);
        var problem = new Problem(error.Code ?? error.Type ?? "upstream_error", 400, error.Message) { Field = error.Param };
        Judge("ErrorResponse", folder, WireFiles.Write(to => ChatErrors.Write(problem, "r1", to)), judged);
    }

    private static void Stream(ProviderWire wire, string folder, byte[] body, Dictionary<(string, string), int> judged)
    {
        foreach (var (schema, writer) in ((string, IStreamWriter)[])
        [
            ("CreateChatCompletionStreamResponse", new ChatStreamWriter(Chat)),
            ("ResponseStreamEvent", new ResponsesStreamWriter(Asked, Terms)),
            ("CreateCompletionResponse", new CompletionsStreamWriter(Older)),
        ])
        {
            var bytes = folder == "bedrock" && body[0] == '{' ? EventStreamFrames.Encode(Encoding.UTF8.GetString(body)) : body;
            var stream = WireFiles.Translate(wire.NewStreamReader("m"), writer, bytes, wire.NewParser());
            foreach (var line in stream.Split('\n').Where(l => l.StartsWith("data: {", StringComparison.Ordinal)).Select(l => l[6..]))
            {
                Judge(line.StartsWith("{\"error\"", StringComparison.Ordinal) ? "ErrorResponse" : schema, folder, line, judged);
            }
        }
    }

    private static void Judge(string schema, string folder, string json, Dictionary<(string, string), int> judged)
    {
        OpenApiSchemas.AssertValid(schema, json);
        judged[(schema, folder)] = judged.GetValueOrDefault((schema, folder)) + 1;
    }

    private static void CheckPage(Dictionary<(string Schema, string Format), int> judged)
    {
        var text = new StringBuilder("""
            # What answers are held against

            Generated: a test gives every recorded answer of every provider's format, those of the SDK matrix too, to clients of OpenAI's formats and
            holds each object they get against OpenAI's public description of its API; it fails when one does not fit, and when this page is stale.
            The schemas are written down from knowledge of that description, in `tests/Gatehouse.Gateway.Tests/OpenApi/openai.json`. The figures
            count the objects that were judged: whole answers, errors, and single events of streams.


            """);
        text.Append($"| schema | {string.Join(" | ", Formats.Select(f => f.Folder))} |\n|{string.Concat(Formats.Select(_ => " --- |"))} --- |\n");
        foreach (var schema in judged.Keys.Select(k => k.Schema).Distinct().Order(StringComparer.Ordinal))
        {
            text.Append($"| `{schema}` | {string.Join(" | ", Formats.Select(f => judged.TryGetValue((schema, f.Folder), out var count) ? count.ToString() : "–"))} |\n");
        }

        text.Append($"\n{judged.Values.Sum()} objects in all. Vectors, errors of Gatehouse's own and the list of models are judged as the pipeline answers them.\n");
        DocumentPages.Check("conformance.md", text.ToString());
    }
}

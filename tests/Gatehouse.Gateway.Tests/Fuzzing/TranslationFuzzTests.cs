using System.Buffers;
using System.Text;
using System.Text.Json;
using Gatehouse.Contracts;
using Gatehouse.Gateway.Calls;
using Gatehouse.Gateway.Chat;
using Gatehouse.Gateway.Completions;
using Gatehouse.Gateway.Conversation;
using Gatehouse.Gateway.Embeddings;
using Gatehouse.Gateway.Generate;
using Gatehouse.Gateway.Messages;
using Gatehouse.Gateway.Moderations;
using Gatehouse.Gateway.Providers;
using Gatehouse.Gateway.Responses;
using Gatehouse.Gateway.Streaming;
using Gatehouse.Gateway.Tests.Wire;

namespace Gatehouse.Gateway.Tests.Fuzzing;

/// <summary>
/// Requests, answers and streams with values that nobody sends: refused in words of the contract, or translated into valid JSON for every
/// format on the other side.
/// </summary>
public sealed class TranslationFuzzTests
{
    private static readonly ResponseTerms Terms = new("resp_1", null, false, false);

    private static readonly (WireFormat Wire, string Model)[] Providers =
    [
        (WireFormat.OpenAi, "gpt-5.1"), (WireFormat.Anthropic, "claude-sonnet-4-5"), (WireFormat.Gemini, "gemini-2.5-flash"),
        (WireFormat.Bedrock, "anthropic.claude-sonnet-4-5-20250929-v1:0"), (WireFormat.Bedrock, "amazon.nova-pro-v1:0"),
        (WireFormat.Cohere, "command-a-03-2025"),
    ];

    private static readonly Surface[] Surfaces =
        [ChatSurface.Instance, MessagesSurface.Instance, CompletionsSurface.Instance, new GenerateSurface("fast", GenerateAction.Events)];

    public static readonly TheoryData<string> Formats = new("openai", "anthropic", "gemini", "bedrock", "cohere");

    [Theory]
    [InlineData("chat")]
    [InlineData("messages")]
    [InlineData("responses")]
    [InlineData("generate")]
    [InlineData("completions")]
    public void Requests(string name)
    {
        var (seed, peek, read) = Reader(name);
        Fuzz.Run(
            random => random.Next(3) == 0 ? new Mutator(random).Bytes(seed, seed) : new Mutator(random).Json(seed),
            (random, input) =>
            {
                if (!peek(input) || Try(() => read(input)) is not { } request)
                {
                    return;
                }

                foreach (var (wire, model) in Providers)
                {
                    var to = new ArrayBufferWriter<byte>();
                    if (Try(() => Write(request, wire, model, to)))
                    {
                        Valid(to.WrittenSpan);
                    }
                }
            });
    }

    [Theory]
    [InlineData("embeddings")]
    [InlineData("moderations")]
    public void Requests_for_other_than_conversations(string name)
    {
        var seed = name == "embeddings" ? RequestSeeds.Embeddings : RequestSeeds.Moderations;
        Fuzz.Run(
            random => random.Next(3) == 0 ? new Mutator(random).Bytes(seed, seed) : new Mutator(random).Json(seed),
            (_, input) =>
            {
                if (OperationPeek.Read(input, out var _, needsModel: name == "embeddings") is null)
                {
                    Try(() => name == "embeddings" ? (object)EmbeddingRequest.ReadOpenAi(input) : ModerationInput.Read(input));
                }
            });
    }

    [Theory]
    [MemberData(nameof(Formats))]
    public void Answers(string format)
    {
        byte[][] seeds = [.. FuzzFiles.Of("*.json").Where(f => f.Format == format).Select(f => f.Content)];
        var wire = ProviderWire.Of(WireOf(format));
        var requests = Asked();
        Fuzz.Run(
            random => Pick(random, seeds) is var seed && random.Next(3) == 0
                ? new Mutator(random).Bytes(seed, Pick(random, seeds))
                : new Mutator(random).Json(seed),
            (random, input) =>
            {
                wire.ReadError(input, 400);
                wire.RetryAfter(input);
                Refuses(() => wire.NewTap().ReadWhole(input));
                ChatAnswer? answer = null;
                Refuses(() => answer = wire.ReadAnswer(input, "m"));
                if (answer is null)
                {
                    return;
                }

                foreach (var (surface, request) in requests)
                {
                    var to = new ArrayBufferWriter<byte>();
                    surface.WriteAnswer(answer, request, to);
                    Valid(to.WrittenSpan);
                }

                var response = new ArrayBufferWriter<byte>();
                ResponseWriter.Write(answer, ResponsesRequestReader.Read(RequestSeeds.Responses), Terms, response);
                Valid(response.WrittenSpan);
            });
    }

    [Theory]
    [MemberData(nameof(Formats))]
    public void Streams(string format)
    {
        var isBedrock = format == "bedrock";
        byte[][] seeds = [.. FuzzFiles.Of(isBedrock ? "*.events" : "*.sse").Where(f => f.Format == format)
            .Select(f => Encoding.UTF8.GetBytes(Encoding.UTF8.GetString(f.Content).Replace("\r\n", "\n", StringComparison.Ordinal)))];
        var wire = ProviderWire.Of(WireOf(format));
        var requests = Asked();
        var asked = ResponsesRequestReader.Read(RequestSeeds.Responses);
        Fuzz.Run(
            random =>
            {
                var mutator = new Mutator(random);
                var seed = Pick(random, seeds);
                return isBedrock ? Frames(mutator.Events(seed, "\n"))
                    : random.Next(4) == 0 ? mutator.Bytes(seed, Pick(random, seeds))
                    : mutator.Events(seed, "\n\n");
            },
            (random, input) =>
            {
                var (surface, request) = requests[random.Next(requests.Length)];
                var writer = random.Next(4) == 0 ? new ResponsesStreamWriter(asked, Terms) : surface.NewStreamWriter(request);
                var lines = Pump(wire, new TranslatingRelay(wire.NewStreamReader("m"), writer), random, input);
                if (writer is not ResponsesStreamWriter && surface is GenerateSurface { StreamType: "application/json" })
                {
                    return;
                }

                ValidEvents(lines);
            });
    }

    /// <summary>Of the lines that are still one event each.</summary>
    private static byte[] Frames(byte[] lines)
    {
        var events = Encoding.UTF8.GetString(lines).Split('\n').Where(line =>
            line.StartsWith("{\"", StringComparison.Ordinal) && !line.StartsWith("{\"\\", StringComparison.Ordinal)
            && JsonElement.Parse(line, new JsonDocumentOptions { MaxDepth = 1000 }).GetPropertyCount() == 1);
        return EventStreamFrames.Encode(string.Join('\n', events));
    }

    private static ReadOnlySpan<byte> Pump(ProviderWire wire, StreamRelay relay, Random random, byte[] input)
    {
        using var pump = new EventPump(wire.NewTap(), relay, wire.NewParser());
        using var to = new PooledBuffer();
        Refuses(() =>
        {
            for (var from = 0; ;)
            {
                var length = Math.Min(random.Next(1, 300), input.Length - from);
                if (pump.Take(input.AsSpan(from, length), to) is TapEvent.End or TapEvent.Error or TapEvent.Cut || length == 0)
                {
                    return;
                }

                from += length;
            }
        });
        return to.Span.ToArray();
    }

    private static void ValidEvents(ReadOnlySpan<byte> stream)
    {
        using var parser = new SseParser();
        parser.Append(stream);
        while (parser.TryRead(out var e))
        {
            if (!e.Data.SequenceEqual("[DONE]"u8))
            {
                Valid(e.Data);
            }
        }
    }

    private static (byte[] Seed, Func<byte[], bool> Peek, Func<byte[], ChatRequest> Read) Reader(string name) => name switch
    {
        "chat" => (RequestSeeds.Chat, b => ChatSurface.Instance.Peek(b, out _) is null, b => ChatSurface.Instance.ReadRequest(b)),
        "messages" => (RequestSeeds.Messages, b => MessagesSurface.Instance.Peek(b, out _) is null,
            b => MessagesSurface.Instance.ReadRequest(b)),
        "completions" => (RequestSeeds.Completions, b => CompletionsSurface.Instance.Peek(b, out _) is null,
            b => CompletionsSurface.Instance.ReadRequest(b)),
        "responses" => (RequestSeeds.Responses, b => ResponsesPeek.Read(b, out _, out _) is null, b => ResponsesRequestReader.Read(b)),
        _ => (RequestSeeds.Generate, b => new GenerateSurface("fast", GenerateAction.Whole).Peek(b, out _) is null,
            b => new GenerateSurface("fast", GenerateAction.Whole).ReadRequest(b)),
    };

    private static (Surface Surface, ChatRequest Request)[] Asked() =>
        [.. Surfaces.Zip((byte[][])[RequestSeeds.Chat, RequestSeeds.Messages, RequestSeeds.Completions, RequestSeeds.Generate],
            (surface, seed) => (surface, surface.ReadRequest(seed)))];

    private static void Write(ChatRequest request, WireFormat wire, string model, ArrayBufferWriter<byte> to)
    {
        var settings = new ProviderSettings { Name = "p", Kind = "openai", Wire = wire, BaseUrl = new Uri("http://127.0.0.1/v1") };
        request.AnswersByTool = false;
        ProviderWire.Of(wire).WriteRequest(request, model, settings, to, []);
    }

    private static WireFormat WireOf(string format) => format switch
    {
        "openai" => WireFormat.OpenAi,
        "anthropic" => WireFormat.Anthropic,
        "gemini" => WireFormat.Gemini,
        "bedrock" => WireFormat.Bedrock,
        _ => WireFormat.Cohere,
    };

    private static byte[] Pick(Random random, byte[][] of) => of[random.Next(of.Length)];

    private static bool Try(Action act) => Try<object>(() =>
    {
        act();
        return "";
    }) is not null;

    /// <returns><see langword="null"/> when the request was refused in words of ours.</returns>
    private static T? Try<T>(Func<T> act)
        where T : class
    {
        try
        {
            return act();
        }
        catch (ProblemException e)
        {
            Assert.InRange(e.Problem.Status, 400, 499);
            return null;
        }
    }

    /// <summary>A provider's bytes are refused by one kind of exception, which makes the call go on to the next target.</summary>
    private static void Refuses(Action act)
    {
        try
        {
            act();
        }
        catch (Exception e) when (e is FormatException or SseEventTooLargeException)
        {
            // as the contract says
        }
    }

    private static void Valid(ReadOnlySpan<byte> json)
    {
        var reader = new Utf8JsonReader(json, new JsonReaderOptions { MaxDepth = 1000 });
        while (reader.Read())
        {
        }
    }
}

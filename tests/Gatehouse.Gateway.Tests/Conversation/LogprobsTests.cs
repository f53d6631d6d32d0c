using System.Text;
using System.Text.Json;
using Gatehouse.Gateway.Chat;
using Gatehouse.Gateway.Completions;
using Gatehouse.Gateway.Conversation;
using Gatehouse.Gateway.Generate;
using Gatehouse.Gateway.Providers.Gemini;
using Gatehouse.Gateway.Providers.OpenAi;
using Gatehouse.Gateway.Responses;
using Gatehouse.Gateway.Tests.Responses;
using Gatehouse.Gateway.Tests.Wire;

namespace Gatehouse.Gateway.Tests.Conversation;

public sealed class LogprobsTests
{
    private const string Tokens =
        """[{"token":"Hé","logprob":-0.25,"bytes":[72,195,169],"top_logprobs":[{"token":"Hé","logprob":-0.25,"bytes":[72,195,169]},{"token":"Ho","logprob":-2.5,"bytes":[72,111]}]},{"token":"!","logprob":-0.5,"bytes":[33],"top_logprobs":[]}]""";

    private const string ChatAnswer =
        """{"id":"c","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"Hé!"},"logprobs":{"content":""" + Tokens + ""","refusal":null},"finish_reason":"stop"}]}""";

    private const string GeminiAnswer =
        """{"candidates":[{"content":{"parts":[{"text":"Hé!"}],"role":"model"},"finishReason":"STOP","index":0,"avgLogprobs":-0.375,"logprobsResult":{"topCandidates":[{"candidates":[{"token":"Hé","logProbability":-0.25},{"token":"Ho","logProbability":-2.5}]},{"candidates":[]}],"chosenCandidates":[{"token":"Hé","tokenId":7,"logProbability":-0.25},{"token":"!","tokenId":8,"logProbability":-0.5}]}}],"modelVersion":"m","responseId":"r"}""";

    private static readonly string[] Letters = ["a", "é", "漢", "\\", "\"", "\n", " ", "😀"];

    private static readonly ResponseTerms Terms = new("resp_00000000000070008000000000000001", null, false, false);

    [Theory]
    [InlineData("chat", """{"model":"m","messages":[{"role":"user","content":"hi"}],"logprobs":true,"top_logprobs":3}""", 3)]
    [InlineData("chat", """{"model":"m","messages":[{"role":"user","content":"hi"}],"logprobs":true}""", 0)]
    [InlineData("responses", """{"model":"m","input":"hi","top_logprobs":3}""", 3)]
    [InlineData("responses", """{"model":"m","input":"hi","include":["message.output_text.logprobs"]}""", 0)]
    [InlineData("completions", """{"model":"m","prompt":"hi","logprobs":3,"stream":true}""", 3)]
    [InlineData("generate",
        """{"contents":[{"role":"user","parts":[{"text":"hi"}]}],"generationConfig":{"responseLogprobs":true,"logprobs":3}}""", 3)]
    public void What_one_format_asks_the_others_are_asked(string format, string body, int top)
    {
        var request = Read(format, body);
        List<string> dropped = [];

        var chat = JsonElement.Parse(WireFiles.ToOpenAi(request, dropped, "gpt-4.1"));
        var gemini = JsonElement.Parse(WireFiles.ToGemini(request, dropped)).GetProperty("generationConfig");

        Assert.Empty(dropped);
        Assert.True(chat.GetProperty("logprobs").GetBoolean());
        Assert.True(gemini.GetProperty("responseLogprobs").GetBoolean());
        Assert.Equal(top, chat.TryGetProperty("top_logprobs", out var t) ? t.GetInt32() : 0);
        Assert.Equal(top, gemini.TryGetProperty("logprobs", out var g) ? g.GetInt32() : 0);
    }

    [Theory]
    [InlineData("chat", """{"model":"m","messages":[{"role":"user","content":"hi"}],"logprobs":true,"top_logprobs":3}""",
        "logprobs, top_logprobs")]
    [InlineData("chat", """{"model":"m","messages":[{"role":"user","content":"hi"}],"logprobs":false,"top_logprobs":0}""", "")]
    [InlineData("responses", """{"model":"m","input":"hi","top_logprobs":3}""", "top_logprobs")]
    [InlineData("responses", """{"model":"m","input":"hi","include":["message.output_text.logprobs"]}""",
        "include[].message.output_text.logprobs")]
    [InlineData("completions", """{"model":"m","prompt":"hi","logprobs":3}""", "logprobs")]
    [InlineData("generate",
        """{"contents":[{"role":"user","parts":[{"text":"hi"}]}],"generationConfig":{"responseLogprobs":true,"logprobs":3}}""",
        "generationConfig.responseLogprobs, generationConfig.logprobs")]
    public void Formats_that_have_none_say_so_in_the_callers_words(string format, string body, string names)
    {
        var request = Read(format, body);
        foreach (var write in (Action<List<string>>[])
            [d => WireFiles.ToAnthropic(request, d), d => WireFiles.ToBedrock(request, d), d =>
                WireFiles.Write(to => Gatehouse.Gateway.Providers.Cohere.CohereRequestWriter.Write(request, "command-a", to, d))])
        {
            List<string> dropped = [];
            write(dropped);
            Assert.Equal(names, string.Join(", ", dropped));
        }
    }

    [Fact]
    public void Geminis_answer_reaches_a_chat_client_and_the_other_way_nothing_is_lost()
    {
        var fromGemini = GeminiAnswerReader.Read(Encoding.UTF8.GetBytes(GeminiAnswer));
        var chat = JsonElement.Parse(WireFiles.Write(to => ChatAnswerWriter.Write(fromGemini, to)));

        Assert.Equal(
            Tokens, chat.GetProperty("choices")[0].GetProperty("logprobs").GetProperty("content").GetRawText().Replace(
                "\\u00E9", "é", StringComparison.Ordinal));
        var back = WireFiles.Write(to => GenerateAnswerWriter.Write(OpenAiAnswerReader.Read(Encoding.UTF8.GetBytes(ChatAnswer)), to));
        var (expected, actual) =
            (JsonElement.Parse(GeminiAnswer.Replace("\"tokenId\":7,", "").Replace("\"tokenId\":8,", "")), JsonElement.Parse(back));
        foreach (var name in new[] { "avgLogprobs", "logprobsResult" })
        {
            Assert.True(JsonElement.DeepEquals(
                expected.GetProperty("candidates")[0].GetProperty(name), actual.GetProperty("candidates")[0].GetProperty(name)), back);
        }
    }

    [Fact]
    public void A_response_has_them_with_its_text_whole_and_streamed()
    {
        var request = Read("responses", """{"model":"m","input":"hi","top_logprobs":3}""");
        var whole = JsonElement.Parse(
            WireFiles.Write(to => ResponseWriter.Write(OpenAiAnswerReader.Read(Encoding.UTF8.GetBytes(ChatAnswer)), request, Terms, to)));
        var stream = WireFiles.Translate(
            new OpenAiStreamReader(), new ResponsesStreamWriter(request, Terms), Encoding.UTF8.GetBytes(ChatStream()));

        Assert.True(JsonElement.DeepEquals(JsonElement.Parse(Tokens), TextOf(whole).GetProperty("logprobs")));
        var check = ResponseEventsCheck.Of(stream);
        Assert.NotNull(check.Final);
        var events = stream.Split('\n').Where(l => l.StartsWith("data: {", StringComparison.Ordinal)).Select(l => JsonElement.Parse(l[6..]))
            .ToList();
        var deltas = events.Where(e => e.GetProperty("type").GetString() == "response.output_text.delta")
            .SelectMany(e => e.GetProperty("logprobs").EnumerateArray()).ToList();
        Assert.Equal(["Hé", "!"], deltas.Select(d => d.GetProperty("token").GetString()));
        var done = events.Single(e => e.GetProperty("type").GetString() == "response.output_text.done");
        Assert.True(JsonElement.DeepEquals(JsonElement.Parse(Tokens), done.GetProperty("logprobs")));
        Assert.True(JsonElement.DeepEquals(JsonElement.Parse(Tokens), TextOf(events[^1].GetProperty("response")).GetProperty("logprobs")));
    }

    [Fact]
    public void Streams_of_the_other_formats_have_them_with_each_piece()
    {
        var generate = WireFiles.Translate(
            new OpenAiStreamReader(),
            new GenerateStreamWriter(
                Read("generate", """{"contents":[{"role":"user","parts":[{"text":"hi"}]}]}"""), new GenerateFrames(asArray: false)),
                Encoding.UTF8.GetBytes(ChatStream()));
        var chat = WireFiles.Translate(
            new GeminiStreamReader(), new ChatStreamWriter(Read("chat", """{"model":"m","messages":[{"role":"user","content":"hi"}]}""")),
            Encoding.UTF8.GetBytes($"data: {GeminiAnswer}\n\n"));
        var completions = WireFiles.Translate(
            new OpenAiStreamReader(), new CompletionsStreamWriter(Read("completions", """{"model":"m","prompt":"hi","echo":true}""")),
            Encoding.UTF8.GetBytes(ChatStream()));

        Assert.Equal(["Hé", "!"],
            Objects(generate).SelectMany(o => o.GetProperty("candidates").EnumerateArray()).Where(
                c => c.TryGetProperty("logprobsResult", out _))
            .SelectMany(c => c.GetProperty("logprobsResult").GetProperty("chosenCandidates").EnumerateArray()).Select(
                c => c.GetProperty("token").GetString()));
        Assert.Equal(["Hé", "!"], Choices(chat).Where(c => c.GetProperty("logprobs").ValueKind == JsonValueKind.Object)
            .SelectMany(c => c.GetProperty("logprobs").GetProperty("content").EnumerateArray()).Select(
                t => t.GetProperty("token").GetString()));
        Assert.Equal([2, 4], Choices(completions).Where(c => c.GetProperty("logprobs").ValueKind == JsonValueKind.Object)
            .SelectMany(c => c.GetProperty("logprobs").GetProperty("text_offset").EnumerateArray()).Select(t => t.GetInt32()));
    }

    [Fact]
    public void Any_tokens_survive_the_way_through_googles_format() => Seeds.ForAll(random =>
    {
        var tokens = Enumerable.Range(0, random.Next(1, 6)).Select(_ => Token(random, random.Next(0, 4))).ToList();
        var answer = new ChatAnswer { Id = "i", Model = "m" };
        answer.Choices.Add(
            new ChatChoice { Parts = { new TextPart("x") },
                Logprobs = JsonElement.Parse($$"""{"content":[{{string.Join(',', tokens)}}],"refusal":null}""") });

        var back = GeminiAnswerReader.Read(Encoding.UTF8.GetBytes(WireFiles.Write(to => GenerateAnswerWriter.Write(answer, to))));

        Assert.True(JsonElement.DeepEquals(answer.Choices[0].Logprobs!.Value, back.Choices[0].Logprobs!.Value),
            back.Choices[0].Logprobs!.Value.ToString());
    });

    private static string Token(Random random, int alternatives)
    {
        var text = string.Concat(Enumerable.Range(0, random.Next(1, 4)).Select(_ => Letters[random.Next(Letters.Length)]));
        var token = $"\"{JsonEncodedText.Encode(text)}\"";
        var bytes = string.Join(',', Encoding.UTF8.GetBytes(text));
        return $$"""{"token":{{token}},"logprob":{{-random.Next(1000) / 64.0:R}},"bytes":[{{bytes}}]"""
            + (alternatives < 0
                ? "}"
                : $",\"top_logprobs\":[{string.Join(',', Enumerable.Range(0, alternatives).Select(_ => Token(random, -1)))}]}}");
    }

    private static string ChatStream()
    {
        var tokens = JsonElement.Parse(Tokens);
        const string head = """data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":""";
        return head + """{"role":"assistant","content":""},"logprobs":null,"finish_reason":null}]}""" + "\n\n"
            + head + """{"content":"Hé"},"logprobs":{"content":[""" + tokens[0].GetRawText()
            + """],"refusal":null},"finish_reason":null}]}""" + "\n\n"
            + head + """{"content":"!"},"logprobs":{"content":[""" + tokens[1].GetRawText()
            + """],"refusal":null},"finish_reason":null}]}""" + "\n\n"
            + head + """{},"logprobs":null,"finish_reason":"stop"}]}""" + "\n\ndata: [DONE]\n\n";
    }

    private static JsonElement TextOf(JsonElement response) => response.GetProperty("output")[0].GetProperty("content")[0];

    private static IEnumerable<JsonElement> Objects(string stream) =>
        stream.Split('\n').Where(l => l.StartsWith("data: {", StringComparison.Ordinal)).Select(l => JsonElement.Parse(l[6..]));

    private static IEnumerable<JsonElement> Choices(string stream) =>
        Objects(stream).SelectMany(o => o.GetProperty("choices").EnumerateArray());

    private static ChatRequest Read(string format, string body) => format switch
    {
        "chat" => ChatRequestReader.Read(Encoding.UTF8.GetBytes(body)),
        "responses" => ResponsesRequestReader.Read(Encoding.UTF8.GetBytes(body)),
        "completions" => CompletionsRequestReader.Read(Encoding.UTF8.GetBytes(body)),
        _ => GenerateRequestReader.Read(Encoding.UTF8.GetBytes(body), "m", false),
    };
}

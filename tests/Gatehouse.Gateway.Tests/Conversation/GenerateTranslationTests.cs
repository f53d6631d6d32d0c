using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Gatehouse.Contracts;
using Gatehouse.Gateway.Conversation;
using Gatehouse.Gateway.Generate;
using Gatehouse.Gateway.Providers.Anthropic;
using Gatehouse.Gateway.Providers.OpenAi;
using Gatehouse.Gateway.Streaming;
using Gatehouse.Gateway.Tests.Wire;

namespace Gatehouse.Gateway.Tests.Conversation;

public sealed class GenerateTranslationTests
{
    [Fact]
    public void A_full_request_becomes_requests_of_both_formats_and_names_what_they_cannot_carry()
    {
        var (chat, messages) = (new List<string>(), new List<string>());
        var body = WireFiles.Read("gemini/request.json");

        var openAi = WireFiles.ToOpenAi(GenerateRequestReader.Read(body, "fast", stream: true), chat);
        var anthropic = WireFiles.ToAnthropic(GenerateRequestReader.Read(body, "fast", stream: true), messages);

        WireFiles.AssertGolden("gemini-request-to-openai.json", WireFiles.Pretty(Encoding.UTF8.GetBytes(openAi)));
        WireFiles.AssertGolden("gemini-request-to-anthropic.json", WireFiles.Pretty(Encoding.UTF8.GetBytes(anthropic)));
        Assert.Contains("safetySettings", chat);
        Assert.Contains("generationConfig.topK", chat);
        Assert.Contains("generationConfig.responseSchema", chat);
        Assert.Contains("tools[].googleSearch", chat);
        Assert.DoesNotContain("generationConfig.seed", chat);
        Assert.Contains("generationConfig.seed", messages);
        Assert.Contains("generationConfig.mediaResolution", messages);
    }

    [Theory]
    [InlineData("text")]
    [InlineData("tools-interleaved")]
    [InlineData("reasoning")]
    [InlineData("refusal")]
    [InlineData("error")]
    public void A_chat_stream_becomes_a_gemini_stream(string name) =>
        WireFiles.AssertGolden($"openai-{name}-to-gemini.sse", Translate(new OpenAiStreamReader(), $"openai/{name}.sse", asArray: false));

    [Theory]
    [InlineData("text")]
    [InlineData("tools")]
    [InlineData("thinking")]
    [InlineData("error")]
    public void A_messages_stream_becomes_a_gemini_stream(string name) =>
        WireFiles.AssertGolden(
            $"anthropic-{name}-to-gemini.sse", Translate(new AnthropicStreamReader(), $"anthropic/{name}.sse", asArray: false));

    [Theory]
    [InlineData("openai/tools.json")]
    [InlineData("anthropic/tools.json")]
    [InlineData("openai/refusal.json")]
    public void Answers_of_both_formats_become_gemini_answers(string file)
    {
        var body = WireFiles.Read(file);
        var answer = file.StartsWith("openai", StringComparison.Ordinal) ? OpenAiAnswerReader.Read(body) : AnthropicAnswerReader.Read(body);

        var written = WireFiles.Write(to => GenerateAnswerWriter.Write(answer, to));

        WireFiles.AssertGolden(
            file.Replace('/', '-').Replace(".json", "-to-gemini.json"), WireFiles.Pretty(Encoding.UTF8.GetBytes(written)));
    }

    [Fact]
    public void Both_forms_of_a_stream_hold_the_same()
    {
        var events = Translate(new OpenAiStreamReader(), "openai/tools.sse", asArray: false);
        var array = Translate(new OpenAiStreamReader(), "openai/tools.sse", asArray: true);

        Assert.Equal(
            events.Split("\n\n", StringSplitOptions.RemoveEmptyEntries).Select(e => e["data: ".Length..]),
            JsonElement.Parse(array).EnumerateArray().Select(e => e.GetRawText()));
    }

    [Fact]
    public void Any_split_of_a_stream_gives_the_same_bytes_in_both_forms()
    {
        var stream = WireFiles.Read("gemini/tools.sse");
        foreach (var action in new[] { GenerateAction.Events, GenerateAction.Array })
        {
            var whole = Pump([stream], action);
            Seeds.ForAll(random =>
            {
                var pieces = new List<byte[]>();
                for (var at = 0; at < stream.Length;)
                {
                    var length = Math.Min(random.Next(1, 60), stream.Length - at);
                    pieces.Add(stream[at..(at + length)]);
                    at += length;
                }

                Assert.Equal(whole, Pump(pieces, action));
            });
        }

        static string Pump(IEnumerable<byte[]> pieces, GenerateAction action)
        {
            var surface = new GenerateSurface("m", action);
            using var pump = new EventPump(
                surface.NewTap(surface.Wire), surface.NewPassThrough(null!, wantsAccounts: false), new SseParser());
            using var to = new PooledBuffer();
            foreach (var piece in pieces)
            {
                pump.Take(piece, to);
            }

            Assert.Equal(TapEvent.End, pump.Take([], to));
            return Encoding.UTF8.GetString(to.Span);
        }
    }

    [Fact]
    public void A_foreign_signature_goes_back_only_to_the_maker_that_signed()
    {
        Assert.Equal(new ThinkingPart("t", "sig+/="), ForeignThought.Open("t", ForeignThought.Seal(new ThinkingPart("t", "sig+/="))));
        Assert.Equal(new RedactedThinkingPart("data"), ForeignThought.Open("", ForeignThought.Seal(new RedactedThinkingPart("data"))));
        Assert.Equal(new ThinkingPart("t", ""), ForeignThought.Open("t", "R29vZ2xl"));
        Assert.Equal(new ThinkingPart("t", ""), ForeignThought.Open("t", "not base64"));
    }

    [Fact]
    public void Mutated_requests_are_read_or_refused_with_a_problem()
    {
        var original = WireFiles.Read("gemini/request.json");
        Seeds.ForAll(random =>
        {
            var body = original.ToArray();
            for (var i = random.Next(1, 4); i > 0; i--)
            {
                body[random.Next(body.Length)] = (byte)(random.Next(3) == 0 ? random.Next(256) : "\"{}[]:,0n\\ud_"u8[random.Next(13)]);
            }

            try
            {
                var request = GenerateRequestReader.Read(body, "m", stream: false);
                JsonNode.Parse(WireFiles.ToOpenAi(request, []));
                JsonNode.Parse(WireFiles.ToAnthropic(request, []));
            }
            catch (ProblemException e)
            {
                Assert.Equal(400, e.Problem.Status);
            }
        });
    }

    private static string Translate(IStreamReader reader, string file, bool asArray)
    {
        var request = GenerateRequestReader.Read("""{"contents":[{"parts":[{"text":"hi"}]}]}"""u8.ToArray(), "m", stream: true);
        return WireFiles.Translate(reader, new GenerateStreamWriter(request, new GenerateFrames(asArray)), WireFiles.Read(file));
    }
}

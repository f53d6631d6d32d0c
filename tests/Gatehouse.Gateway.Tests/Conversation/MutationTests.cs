using System.Text;
using Gatehouse.Gateway.Chat;
using Gatehouse.Gateway.Messages;
using Gatehouse.Gateway.Providers.Bedrock;
using Gatehouse.Gateway.Providers.Cohere;
using Gatehouse.Gateway.Streaming;
using Gatehouse.Gateway.Tests.Wire;

namespace Gatehouse.Gateway.Tests.Conversation;

/// <summary>Answers with bytes changed at random are translated or told as broken; nothing else happens.</summary>
public sealed class MutationTests
{
    private const string Body = """{"model":"m","max_tokens":9,"stream":true,"messages":[{"role":"user","content":"hi"}]}""";

    [Theory]
    [InlineData("bedrock/text.json")]
    [InlineData("bedrock/tools.json")]
    [InlineData("cohere/text.json")]
    [InlineData("cohere/tools.json")]
    public void Whole_answers(string file) => Mutate(WireFiles.Read(file), body =>
    {
        Try(() => WireFiles.Write(
            to => ChatAnswerWriter.Write(file[0] == 'b' ? BedrockAnswerReader.Read(body, "m") : CohereAnswerReader.Read(body, "m"), to)));
        Try(() => (file[0] == 'b' ? (AnswerTap)new BedrockTap() : new CohereTap()).ReadWhole(body));
        Assert.NotEmpty(file[0] == 'b' ? BedrockErrorReader.Read(body, 500).Message : CohereErrorReader.Read(body, 500).Message);
    });

    [Theory]
    [InlineData("cohere/text.sse")]
    [InlineData("cohere/tools.sse")]
    public void Streams_of_cohere(string file) => Mutate(WireFiles.Read(file), body =>
        Try(() => WireFiles.Translate(new CohereStreamReader("m"), new MessagesStreamWriter(WireFiles.Messages(Body)), body)));

    [Theory]
    [InlineData("bedrock/text.events")]
    [InlineData("bedrock/tools.events")]
    public void Events_of_bedrock(string file) => Mutate(WireFiles.Read(file), body =>
    {
        var writer = new MessagesStreamWriter(WireFiles.Messages(Body));
        var (reader, tap) = (new BedrockStreamReader("m"), new BedrockTap());
        Try(() => WireFiles.Write(to =>
        {
            foreach (var line in Encoding.Latin1.GetString(body).Split('\n', StringSplitOptions.RemoveEmptyEntries))
            {
                var (data, events) = (Encoding.Latin1.GetBytes(line), new List<Gatehouse.Gateway.Conversation.ChatEvent>());
                tap.Read(data);
                reader.Read(default, data, events);
                events.ForEach(e => writer.Write(e, to));
            }
        }));
    });

    private static void Mutate(byte[] original, Action<byte[]> check) => Seeds.ForAll(random =>
    {
        var body = original.ToArray();
        for (var i = random.Next(1, 6); i > 0; i--)
        {
            body[random.Next(body.Length)] = (byte)(random.Next(3) == 0 ? random.Next(256) : "\"{}[]:,0n\\ud"u8[random.Next(12)]);
        }

        check(body);
    });

    private static void Try(Action act)
    {
        try
        {
            act();
        }
        catch (FormatException)
        {
            // how a broken answer is told
        }
    }
}

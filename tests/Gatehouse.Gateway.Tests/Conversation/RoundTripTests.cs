using System.Text;
using System.Text.Json;
using Gatehouse.Gateway.Chat;
using Gatehouse.Gateway.Conversation;
using Gatehouse.Gateway.Generate;
using Gatehouse.Gateway.Messages;
using Gatehouse.Gateway.Providers;
using Gatehouse.Gateway.Providers.Anthropic;
using Gatehouse.Gateway.Providers.Gemini;
using Gatehouse.Gateway.Providers.OpenAi;
using Gatehouse.Gateway.Tests.Wire;

namespace Gatehouse.Gateway.Tests.Conversation;

/// <summary>What is written for a provider and read as a client's is what it was, for everything that both have a word for.</summary>
public sealed class RoundTripTests
{
    [Fact]
    public void Requests_lose_nothing_on_the_way_through_openais_format() => Seeds.ForAll(random =>
    {
        var request = RandomRequest(random);
        var dropped = new List<string>();

        var back = ChatRequestReader.Read(Encoding.UTF8.GetBytes(WireFiles.ToOpenAi(request, dropped, "gpt-4.1")));

        Assert.Empty(dropped);
        Assert.Equal(Told(request), Told(back));
    });

    [Fact]
    public void Requests_lose_nothing_on_the_way_through_anthropics_format() => Seeds.ForAll(random =>
    {
        var request = RandomRequest(random);
        var dropped = new List<string>();

        var back = MessagesRequestReader.Read(Encoding.UTF8.GetBytes(WireFiles.ToAnthropic(request, dropped)));

        Assert.Empty(dropped);
        Assert.Equal(Told(request), Told(back));
    });

    [Fact]
    public void Requests_lose_nothing_on_the_way_through_googles_format() => Seeds.ForAll(random =>
    {
        var request = RandomRequest(random);
        var dropped = new List<string>();

        var back = GenerateRequestReader.Read(Encoding.UTF8.GetBytes(WireFiles.ToGemini(request, dropped)), "m", false);

        Assert.Empty(dropped);
        Assert.Equal(Told(request), Told(back));
    });

    [Fact]
    public void Answers_lose_nothing_on_the_way_through_each_format() => Seeds.ForAll(random =>
    {
        var answer =
            new ChatAnswer { Id = "id_1", Model = "m", Usage = new(random.Next(1000), random.Next(1000), 0, 0, random.Next(1, 1000), 0) };
        var choice = new ChatChoice();
        if (random.Next(2) == 0)
        {
            choice.Parts.Add(new TextPart(RandomText(random)));
        }

        choice.Parts.AddRange(RandomCalls(random, choice.Parts.Count == 0 ? 1 : 0, 0));
        choice.Finish = choice.Parts.Exists(p => p is ToolCallPart) ? FinishReason.ToolCalls
            : random.Next(3) switch { 0 => FinishReason.Stop, 1 => FinishReason.Length, _ => FinishReason.Refusal };
        answer.Choices.Add(choice);

        Assert.Equal(Told(answer), Told(OpenAiAnswerReader.Read(Bytes(WireFiles.Write(to => ChatAnswerWriter.Write(answer, to))))));
        Assert.Equal(
            Told(answer),
            Told(AnthropicAnswerReader.Read(Bytes(WireFiles.Write(to => MessagesAnswerWriter.Write(answer, RandomRequest(random), to))))));
        Assert.Equal(Told(answer), Told(GeminiAnswerReader.Read(Bytes(WireFiles.Write(to => GenerateAnswerWriter.Write(answer, to))))));
    });

    private static byte[] Bytes(string text) => Encoding.UTF8.GetBytes(text);

    private static ChatRequest RandomRequest(Random random)
    {
        var request = new ChatRequest
        {
            Wire = WireFormat.OpenAi,
            Body = JsonElement.Parse("{}"),
            Model = "m",
            MaxTokens = random.Next(1, 100_000),
            Temperature = random.Next(2) == 0 ? random.Next(0, 100) / 100.0 : null,
            Stop = [.. Enumerable.Range(0, random.Next(4)).Select(i => $"stop {i}")],
            Stream = false,
        };
        if (random.Next(2) == 0)
        {
            request.Messages.Add(new(ChatRole.System, [new TextPart(RandomText(random))]));
        }

        for (var i = 0; i < 3; i++)
        {
            request.Tools.Add(
                new(ToolKind.Function, $"tool_{i}", RandomText(random),
                    JsonElement.Parse($$$$"""{"type":"object","properties":{"p{{{{random.Next(9)}}}}":{"type":"string"}}}""")));
        }

        request.ToolChoice = random.Next(4) switch
        {
            0 => new(ToolChoiceMode.Auto),
            1 => new(ToolChoiceMode.Required),
            2 => new(ToolChoiceMode.Named, "tool_1"),
            _ => null,
        };
        var calls = 0;
        for (var turn = random.Next(1, 5); turn > 0; turn--)
        {
            request.Messages.Add(new(ChatRole.User, RandomUser(random)));
            List<Part> said = random.Next(2) == 0 ? [new TextPart(RandomText(random))] : [];
            var asked = RandomCalls(random, said.Count == 0 ? 1 : 0, calls);
            calls += asked.Count;
            request.Messages.Add(new(ChatRole.Assistant, [.. said, .. asked]));
            if (asked.Count > 0)
            {
                request.Messages.Add(
                    new(ChatRole.Tool,
                        [.. asked.Select(c => new ToolResultPart(((ToolCallPart)c).Id, [new TextPart(RandomText(random))]))]));
            }
        }

        request.Messages.Add(new(ChatRole.User, [new TextPart(RandomText(random))]));
        return request;
    }

    private static List<Part> RandomUser(Random random)
    {
        List<Part> parts = [new TextPart(RandomText(random))];
        if (random.Next(3) == 0)
        {
            parts.Add(new ImagePart(new Source("image/png", Convert.ToBase64String([(byte)random.Next(256), 1, 2]))));
        }

        if (random.Next(4) == 0)
        {
            parts.Add(new FilePart(new Source("application/pdf", "JVBERi0x")));
        }

        return parts;
    }

    private static List<Part> RandomCalls(Random random, int least, int from) =>
        [.. Enumerable.Range(from, random.Next(least, 4)).Select(
            i => new ToolCallPart($"call_{i}", $"tool_{random.Next(3)}", $$"""{"n":{{random.Next(100)}},"t":"é\u00e9 \"x\""}"""))];

    private static string RandomText(Random random)
    {
        string[] pieces = ["a", "ß", "\"", "\\", "\n", "{", "}", "日本", "😀", " b ", "data: ", "</s>", "\u2028"];
        return "x" + string.Concat(Enumerable.Range(0, random.Next(6)).Select(_ => pieces[random.Next(pieces.Length)]));
    }

    /// <summary>A request as text, turns of one speaker joined, since formats differ in how they cut them.</summary>
    private static string Told(ChatRequest r)
    {
        var text = new StringBuilder().Append(
            $"{r.MaxTokens} {r.Temperature} {string.Join('|', r.Stop)} {r.ToolChoice?.Mode} {r.ToolChoice?.Name}\n");
        foreach (var tool in r.Tools)
        {
            text.Append($"{tool.Name} {tool.Description} {tool.Schema}\n");
        }

        ChatRole? last = null;
        foreach (var message in r.Messages)
        {
            var role = message.Role == ChatRole.Tool ? ChatRole.User : message.Role;
            text.Append(role == last ? "" : $"{role}:\n");
            last = role;
            foreach (var part in message.Parts)
            {
                text.Append(Told(part)).Append('\n');
            }
        }

        return text.ToString();
    }

    private static string Told(ChatAnswer a) =>
        $"{a.Id} {a.Model} {a.Usage} {a.Choices[0].Finish}\n{string.Join('\n', a.Choices[0].Parts.Select(Told))}";

    private static string Told(Part part) => part switch
    {
        TextPart text => text.Text,
        ImagePart image => $"image {image.Source.MediaType} {image.Source.Data}",
        FilePart file => $"file {file.Source.MediaType} {file.Source.Data}",
        ToolCallPart call => $"call {call.Id} {call.Name} {call.Arguments}",
        ToolResultPart result =>
            $"result {result.CallId} {string.Concat(result.Content.OfType<TextPart>().Select(t => t.Text))} {result.IsError}",
        _ => part.ToString(),
    };
}

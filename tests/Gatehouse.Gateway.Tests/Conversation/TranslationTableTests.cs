using System.Buffers;
using System.Text;
using System.Text.Json;
using Gatehouse.Contracts;
using Gatehouse.Gateway.Chat;
using Gatehouse.Gateway.Conversation;
using Gatehouse.Gateway.Generate;
using Gatehouse.Gateway.Messages;
using Gatehouse.Gateway.Providers;
using Gatehouse.Gateway.Responses;
using Gatehouse.Gateway.Tests.Wire;

namespace Gatehouse.Gateway.Tests.Conversation;

/// <summary>
/// Translates a request with one feature, for every pair of formats, and looks what became of it. What is neither in the provider's
/// request nor reported nor refused was dropped in silence: that fails. What is found makes docs/reference/translation.md.
/// </summary>
public sealed class TranslationTableTests
{
    private static readonly Client[] Clients =
    [
        new("chat/completions", WireFormat.OpenAi, ChatRequestReader.Read, (a, r, to) => ChatAnswerWriter.Write(a, to, r)),
        new("responses", WireFormat.Responses, ResponsesRequestReader.Read, null),
        new("messages", WireFormat.Anthropic, static body => MessagesRequestReader.Read(body), MessagesAnswerWriter.Write),
        new("generateContent", WireFormat.Gemini, body => GenerateRequestReader.Read(body, "m", false), (a, _, to) =>
            GenerateAnswerWriter.Write(a, to)),
    ];

    private static readonly (string Name, WireFormat Wire, string Kind, string Model)[] Providers =
    [
        ("OpenAI", WireFormat.OpenAi, "openai", "gpt-5.1"),
        ("Anthropic", WireFormat.Anthropic, "anthropic", "claude-sonnet-4-5"),
        ("Anthropic, older", WireFormat.Anthropic, "anthropic", "claude-3-7-sonnet"),
        ("Gemini", WireFormat.Gemini, "gemini", "gemini-2.5-flash"),
        ("Bedrock, Claude", WireFormat.Bedrock, "bedrock", "anthropic.claude-sonnet-4-5-20250929-v1:0"),
        ("Bedrock, Nova", WireFormat.Bedrock, "bedrock", "amazon.nova-pro-v1:0"),
        ("Bedrock, Llama", WireFormat.Bedrock, "bedrock", "meta.llama3-3-70b-instruct-v1:0"),
        ("Cohere", WireFormat.Cohere, "cohere", "command-a-03-2025"),
    ];

    [Fact]
    public void The_table_in_the_docs_is_what_the_translators_do_and_nothing_is_dropped_in_silence()
    {
        var text = new StringBuilder("""
            # What becomes of each feature

            Generated: a test translates a request with one feature for every pair of formats and looks at the result; it fails when this page is
            stale, and when something is dropped in silence. The columns are providers, with a model that stands for its kind.

            - **as it came**: the same format on both sides; the bytes pass through, and the provider decides.
            - **translated**: said in the provider's own words.
            - **emulated**: the provider has no word for it and does it all the same; `x-gatehouse-emulated-params` names it.
            - **in words**: the model is asked for it, and nothing enforces it; a schema is then reported as well.
            - **in part**: carried as far as the format goes; `x-gatehouse-dropped-params` names it, and a strict route refuses it.
            - **reported**: not carried; likewise named and refused by a strict route.
            - **refused**: the answer would depend on it: 400, unless another target of the route can take it.
            - **–**: the client's format has no word for it.


            """);
        var silent = new List<string>();
        var outcomes = new List<(string Client, string Outcome)>();
        foreach (var client in Clients)
        {
            text.Append($"## Requests of `{client.Name}`\n\n| | {string.Join(" | ", Providers.Select(p => p.Name))} |\n|{string.Concat(Providers.Select(_ => " --- |"))} --- |\n");
            foreach (var feature in TranslationFeatures.Requests)
            {
                var cells = Providers.Select(p => Request(client, feature, p.Wire, p.Kind, p.Model, silent)).ToList();
                outcomes.AddRange(cells.Where(c => c != "–").Select(c => (client.Name, c)));
                if (cells.Exists(c => c != "–"))
                {
                    text.Append($"| {feature.Name} | {string.Join(" | ", cells)} |\n");
                }
            }

            text.Append('\n');
        }

        text.Append("""
            # What becomes of each part of an answer

            **left out**: the client's format has no place for it.


            """);
        WireFormat[] wires = [WireFormat.OpenAi, WireFormat.Anthropic, WireFormat.Gemini, WireFormat.Bedrock, WireFormat.Cohere];
        foreach (var client in Clients.Where(c => c.Write is not null))
        {
            text.Append($"## Answers to `{client.Name}`\n\n| | {string.Join(" | ", wires)} |\n|{string.Concat(wires.Select(_ => " --- |"))} --- |\n");
            foreach (var part in TranslationFeatures.Answers)
            {
                text.Append($"| {part.Name} | {string.Join(" | ", wires.Select(w => Answer(client, part, w)))} |\n");
            }

            text.Append('\n');
        }

        Assert.Empty(silent);
        text.Append("# Figures\n\n| requests of | translations tried | as it came | translated | emulated | in words or in part | reported | refused |\n| --- | --- | --- | --- | --- | --- | --- | --- |\n");
        foreach (var client in Clients)
        {
            var tried = outcomes.Where(o => o.Client == client.Name).Select(o => o.Outcome).ToList();
            text.Append($"| `{client.Name}` | {tried.Count} | {Count("as it came")} | {Count("translated")} | {Count("emulated")} | {Count("in words") + Count("in part")} | {Count("reported")} | {Count("refused")} |\n");

            int Count(string outcome) => tried.Count(t => t == outcome);
        }

        text.Append("\nNothing was dropped in silence. What both sides have survives a round trip in a hundred random cases for each format, and broken bytes are tried on\nevery parser, with every run of the tests.\n");
        DocumentPages.Check("translation.md", text.ToString());
    }

    private static string Request(Client client, RequestFeature feature, WireFormat wire, string kind, string model, List<string> silent)
    {
        if (feature.Of(client.Wire) is not { } body)
        {
            return "–";
        }

        if (client.Wire == wire || (client.Wire == WireFormat.Responses && wire == WireFormat.OpenAi))
        {
            return "as it came";
        }

        var request = client.Read(Encoding.UTF8.GetBytes(body));
        var settings = new ProviderSettings { Name = kind, Kind = kind, Wire = wire, BaseUrl = new Uri("http://127.0.0.1/v1"),
            MaxTokensField = "max_tokens" };
        var dropped = new List<string>();
        try
        {
            var written = WireFiles.Write(to => ProviderWire.Of(wire).WriteRequest(request, model, settings, to, dropped));
            Assert.Equal(JsonValueKind.Object, JsonElement.Parse(written).ValueKind);
            var carried = feature.Marks.Any(m => written.Contains(m, StringComparison.Ordinal));
            if (!carried && dropped.Count == 0)
            {
                silent.Add($"{feature.Name}: {client.Name} to {model}: {written}");
            }

            return request.AnswersByTool ? "emulated"
                : written.Contains("and nothing else", StringComparison.Ordinal) ? "in words"
                : carried ? dropped.Count == 0 ? "translated" : "in part" : "reported";
        }
        catch (ProblemException)
        {
            return "refused";
        }
    }

    private static string Answer(Client client, AnswerFeature part, WireFormat wire)
    {
        if (part.Of(wire) is not { } body)
        {
            return "–";
        }

        if (client.Wire == wire)
        {
            return "as it came";
        }

        var request = client.Read(Encoding.UTF8.GetBytes(TranslationFeatures.Plain(client.Wire)));
        var answer = ProviderWire.Of(wire).ReadAnswer(Encoding.UTF8.GetBytes(body), "m");
        var written = WireFiles.Write(to => client.Write!(answer, request, to));
        return part.Marks.Any(m => written.Contains(m, StringComparison.Ordinal)) ? "translated" : "left out";
    }

    /// <summary>A format that clients speak.</summary>
    private sealed record Client(
        string Name, WireFormat Wire, Func<ReadOnlyMemory<byte>, ChatRequest> Read,
        Action<ChatAnswer, ChatRequest, IBufferWriter<byte>>? Write);
}

using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;

namespace Gatehouse.Gateway.Providers.Simulator;

/// <summary>A function call of the simulator's.</summary>
/// <param name="Arguments">JSON that the tool's schema allows.</param>
internal sealed record SimulatorToolCall(string Id, string Name, string Arguments);

/// <summary>One choice of an answer.</summary>
/// <param name="Finish"><c>stop</c>, <c>length</c>, <c>tool_calls</c> or <c>content_filter</c>.</param>
/// <param name="Refused">The text is a refusal.</param>
internal sealed record SimulatorChoice(string Text, IReadOnlyList<SimulatorToolCall> Calls, string Finish, bool Refused);

/// <summary>
/// What the simulator says to a request: the same for the same seed and the same request. One token is four characters, so that anyone can
/// check the usage by counting.
/// </summary>
internal sealed record SimulatorReply(IReadOnlyList<SimulatorChoice> Choices, int InputTokens, int OutputTokens, int ReasoningTokens)
{
    /// <summary>Characters of a token.</summary>
    public const int TokenChars = 4;

    private const int QuotedChars = 280;
    private const int MaxCalls = 8;

    private static readonly string[] Sentences =
    [
        "Nothing was thought about in the making of this answer.",
        "The same question gets the same answer, which a real model would not promise.",
        "Each four characters of this text are counted as one token.",
        "To get a real answer, add a provider to the configuration and point this route at it.",
        "Errors, delays and outages can be asked for, so that a system meets them before its users do.",
        "The call was routed, priced and recorded like any other.",
        "What you read is assembled from a short list of sentences.",
        "No data left this process.",
    ];

    public static SimulatorReply To(SimulatorRequest request, int seed, bool refuse)
    {
        var reasoning = ReasoningOf(request);
        var choices = new List<SimulatorChoice>(request.Choices);
        var output = 0;
        for (var index = 0; index < request.Choices; index++)
        {
            var choice = Choose(request, Hash($"{seed}\n{index}\n{request.Model}\n{request.Asked}\n{request.ToolResult}"), refuse);
            choices.Add(choice);
            output += Tokens(choice.Text) + choice.Calls.Sum(c => Tokens(c.Name) + Tokens(c.Arguments)) + reasoning;
        }

        return new SimulatorReply(choices, request.InputTokens, output, reasoning * request.Choices);
    }

    public static int Tokens(string text) => (text.Length + TokenChars - 1) / TokenChars;

    /// <summary>FNV-1a, because the runtime's own hash of a text changes with each process.</summary>
    public static int Hash(string text)
    {
        var hash = 2166136261u;
        foreach (var c in text)
        {
            hash = (hash ^ c) * 16777619u;
        }

        return (int)(hash & int.MaxValue);
    }

    private static SimulatorChoice Choose(SimulatorRequest request, int seed, bool refuse)
    {
        if (refuse)
        {
            return new SimulatorChoice("The simulator was told to refuse this request.", [], "content_filter", Refused: true);
        }

        var calls = ToolCalls(request, seed);
        if (calls.Count > 0)
        {
            return new SimulatorChoice("", calls, "tool_calls", Refused: false);
        }

        var text = request.Format switch
        {
            "json_schema" => SchemaSample.Write(request.FormatSchema, seed),
            "json_object" => $$"""{"simulator":true,"asked":"{{JavaScriptEncoder.UnsafeRelaxedJsonEscaping.Encode(request.Asked)}}"}""",
            _ => Speak(request, seed),
        };
        return Limit(text, request);
    }

    private static SimulatorChoice Limit(string text, SimulatorRequest request)
    {
        var end = request.Stop.Where(s => s.Length > 0).Select(s => text.IndexOf(s, StringComparison.Ordinal)).Where(i => i >= 0)
            .DefaultIfEmpty(text.Length).Min();
        text = text[..end];
        var most = (long)((request.MaxTokens ?? int.MaxValue) - ReasoningOf(request)) * TokenChars;
        if (text.Length <= most)
        {
            return new SimulatorChoice(text, [], "stop", Refused: false);
        }

        var cut = (int)Math.Max(0, most);
        cut -= cut > 0 && char.IsHighSurrogate(text[cut - 1]) ? 1 : 0;
        return new SimulatorChoice(text[..cut], [], "length", Refused: false);
    }

    private static string Speak(SimulatorRequest request, int seed)
    {
        var text = new StringBuilder("I am Gatehouse's simulator, not a language model. ");
        if (request.ToolResult is { } result)
        {
            text.Append("The tool answered: ").Append(Quote(result)).Append(". ");
        }
        else if (request.Asked.Length > 0)
        {
            text.Append("You asked: ").Append(Quote(request.Asked)).Append(". ");
        }

        var random = new Random(seed);
        var words = text.ToString().Split(' ').Length - 1;
        var order = Enumerable.Range(0, Sentences.Length).ToArray();
        random.Shuffle(order);
        for (var i = 0; i < 2 || words < request.Directive.Words; i++)
        {
            var sentence = Sentences[order[i % order.Length]];
            text.Append(sentence).Append(' ');
            words += sentence.Split(' ').Length;
        }

        return text.ToString().TrimEnd();
    }

    private static string Quote(string text)
    {
        var line = text.ReplaceLineEndings(" ").Trim();
        if (line.Length > QuotedChars)
        {
            line = line[..(char.IsHighSurrogate(line[QuotedChars - 1]) ? QuotedChars - 1 : QuotedChars)] + "…";
        }

        return $"“{line}”";
    }

    /// <summary>
    /// Calls the tool that the request forces; else the tools that the message names after the word "call"; else, when a call is required,
    /// the first. After a tool's result the simulator always answers in text, so that a loop of calls ends.
    /// </summary>
    private static List<SimulatorToolCall> ToolCalls(SimulatorRequest request, int seed)
    {
        var calls = new List<SimulatorToolCall>();
        if (request.Tools.Count == 0 || request.ToolChoice == "none" || request.ToolResult is not null)
        {
            return calls;
        }

        var forced = request.ToolChoice.StartsWith(':') ? request.ToolChoice[1..] : null;
        var asked = After(request.Asked, "call") ?? "";
        foreach (var tool in request.Tools)
        {
            var named = After(asked, tool.Name);
            if (forced is null ? named is null : tool.Name != forced)
            {
                continue;
            }

            for (var i = named is null ? 1 : Times(named); i > 0 && calls.Count < MaxCalls; i--)
            {
                calls.Add(Call(tool, seed, calls.Count));
            }
        }

        if (calls.Count == 0 && request.ToolChoice == "required")
        {
            calls.Add(Call(request.Tools[0], seed, 0));
        }

        return calls.Count > 1 && !request.ParallelToolCalls ? calls[..1] : calls;
    }

    /// <returns>What follows the word, or <see langword="null"/> when the text does not have it as a whole word.</returns>
    private static string? After(string text, string word)
    {
        for (var at = 0; (at = text.IndexOf(word, at, StringComparison.OrdinalIgnoreCase)) >= 0; at++)
        {
            var end = at + word.Length;
            if ((at == 0 || !IsWordChar(text[at - 1])) && (end == text.Length || !IsWordChar(text[end])))
            {
                return text[end..];
            }
        }

        return null;
    }

    private static bool IsWordChar(char c) => char.IsLetterOrDigit(c) || c is '_' or '-';

    /// <summary>How often a tool is wanted, from the words after its name: <c>twice</c>, <c>3 times</c>.</summary>
    private static int Times(string afterName)
    {
        var rest = afterName.TrimStart();
        var space = rest.IndexOf(' ', StringComparison.Ordinal);
        return rest.StartsWith("twice", StringComparison.OrdinalIgnoreCase) ? 2
            : space > 0 && rest[space..].StartsWith(" times", StringComparison.OrdinalIgnoreCase)
                && int.TryParse(rest[..space], NumberStyles.None, CultureInfo.InvariantCulture, out var count)
                    ? Math.Clamp(count, 1, MaxCalls)
            : 1;
    }

    private static SimulatorToolCall Call(SimulatorTool tool, int seed, int index)
    {
        var hash = Hash(string.Create(CultureInfo.InvariantCulture, $"{seed}/{index}/{tool.Name}"));
        return new SimulatorToolCall($"call_sim{hash:x8}{index}", tool.Name, SchemaSample.Write(tool.Schema, hash));
    }

    private static int ReasoningOf(SimulatorRequest request)
    {
        var tokens = request.ReasoningEffort switch
        {
            null or "none" => 0,
            "minimal" => 8,
            "low" => 32,
            "medium" => 128,
            _ => 512,
        };
        return Math.Min(tokens, (request.MaxTokens ?? int.MaxValue) / 2);
    }
}

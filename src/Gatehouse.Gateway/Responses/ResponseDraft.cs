using System.Globalization;
using System.Text;
using System.Text.Json;
using Gatehouse.Contracts;
using Gatehouse.Gateway.Conversation;

namespace Gatehouse.Gateway.Responses;

/// <summary>What an item of the output is.</summary>
internal enum OutputKind
{
    Message,
    Reasoning,
    FunctionCall,
    CustomCall,
}

/// <summary>An item of the output while it grows. Its id is made once: every event and the stored response have the same.</summary>
internal sealed class OutputItem(OutputKind kind, int index, string id)
{
    public OutputKind Kind { get; } = kind;

    public int Index { get; } = index;

    public string Id { get; } = id;

    /// <summary>Text of a message, thinking, or a tool call's arguments.</summary>
    public StringBuilder Text { get; } = new();

    /// <summary>A refusal that the message holds besides its text, or in its place.</summary>
    public StringBuilder Refusal { get; } = new();

    /// <summary>Of the tokens of the message's text.</summary>
    public List<JsonElement> Logprobs { get; } = [];

    public string CallId { get; init; } = "";

    public string Name { get; init; } = "";

    /// <summary>Of a tool call: which of the provider's calls it is.</summary>
    public int Call { get; init; }

    /// <summary>Of reasoning.</summary>
    public string? Seal { get; set; }

    public bool HasText { get; set; }

    public bool HasRefusal { get; private set; }

    public bool IsDone { get; set; }

    /// <summary>Parts of a message stand in the order in which they began.</summary>
    public bool RefusalFirst { get; private set; }

    /// <summary>Whether the message's last part is its refusal.</summary>
    public bool Refuses { get; private set; }

    public int TextPart => RefusalFirst ? 1 : 0;

    public int RefusalPart => HasText && !RefusalFirst ? 1 : 0;

    /// <summary>A message has at most one part of each kind: when the speech turns back, the rest is another message.</summary>
    public bool Takes(bool refusal) => Refuses == refusal || !(refusal ? HasRefusal : HasText);

    public void Begin(bool refusal)
    {
        RefusalFirst |= refusal && !HasText;
        HasRefusal |= refusal;
        HasText |= !refusal;
        Refuses = refusal;
    }

    /// <summary>A function without arguments gets an empty object: clients parse them.</summary>
    /// <returns><see langword="true"/> when it was added.</returns>
    public bool CompleteArguments()
    {
        var empty = Kind == OutputKind.FunctionCall && string.IsNullOrWhiteSpace(Text.ToString());
        if (empty)
        {
            Text.Clear().Append("{}");
        }

        return empty;
    }
}

/// <summary>A response that is being made from the answer of a provider of another format.</summary>
/// <param name="id">Of the response.</param>
internal sealed class ResponseDraft(string id)
{
    private static readonly (string Prefix, OutputKind Kind)[] Prefixes =
        [("msg_", OutputKind.Message), ("rs_", OutputKind.Reasoning), ("fc_", OutputKind.FunctionCall), ("ctc_", OutputKind.CustomCall)];

    public string Id { get; } = id;

    public string Model { get; set; } = "";

    public long CreatedAt { get; set; }

    public List<OutputItem> Items { get; } = [];

    public FinishReason Finish { get; set; }

    public TokenUsage? Usage { get; set; }

    public string? ServiceTier { get; set; }

    /// <summary>Why the output is not complete, in the format's words; <see langword="null"/> when it is.</summary>
    public string? Incomplete => Finish switch
    {
        FinishReason.Length or FinishReason.ContextWindow => "max_output_tokens",
        FinishReason.Refusal when !Items.Exists(i => i.HasRefusal) => "content_filter",
        _ => null,
    };

    public OutputItem Add(OutputKind kind, string callId = "", string name = "", int call = 0)
    {
        var prefix = Array.Find(Prefixes, p => p.Kind == kind).Prefix;
        var bare = Id[(Id.IndexOf('_', StringComparison.Ordinal) + 1)..];
        var item = new OutputItem(kind, Items.Count, string.Create(CultureInfo.InvariantCulture, $"{prefix}{bare}{Items.Count:x4}"))
        {
            CallId = callId, Name = name, Call = call,
        };
        Items.Add(item);
        return item;
    }

    /// <summary>Adds a complete answer.</summary>
    public void Add(ChatAnswer answer, ChatRequest request)
    {
        Model = answer.Model;
        CreatedAt = answer.Created > 0 ? answer.Created : TimeProvider.System.GetUtcNow().ToUnixTimeSeconds();
        Usage = answer.Usage;
        ServiceTier = answer.ServiceTier;
        var choice = answer.Choices[0];
        Finish = choice.Finish;
        var logprobs = choice.Logprobs;
        foreach (var part in choice.Parts)
        {
            switch (part)
            {
                case TextPart { Text.Length: > 0 } text:
                    var message = MessageFor(refusal: false);
                    message.Text.Append(text.Text);
                    if (Logprobs.Tokens(logprobs) is { } tokens)
                    {
                        message.Logprobs.AddRange(tokens.EnumerateArray());
                        logprobs = null; // they are told at the first of several texts
                    }

                    break;
                case RefusalPart { Text.Length: > 0 } refusal:
                    MessageFor(refusal: true).Refusal.Append(refusal.Text);
                    break;
                case ThinkingPart thinking:
                    var reasoning = Items is [.., { Kind: OutputKind.Reasoning, Seal: null } last] ? last : Add(OutputKind.Reasoning);
                    reasoning.HasText |= thinking.Text.Length > 0;
                    reasoning.Text.Append(thinking.Text);
                    reasoning.Seal = thinking.Signature.Length > 0
                        ? ReasoningSeal.Of(new ThinkingPart(reasoning.Text.ToString(), thinking.Signature))
                        : null;
                    break;
                case RedactedThinkingPart redacted:
                    Add(OutputKind.Reasoning).Seal = ReasoningSeal.Of(redacted);
                    break;
                case ToolCallPart call:
                    var custom = call.Custom || request.IsCustomTool(call.Name);
                    var item = Add(custom ? OutputKind.CustomCall : OutputKind.FunctionCall, call.Id, call.Name);
                    item.Text.Append(custom && !call.Custom ? ToolArguments.CustomText(call.Arguments) : call.Arguments);
                    item.CompleteArguments();
                    break;
            }
        }

        foreach (var item in Items)
        {
            item.IsDone = true;
        }
    }

    /// <summary>The last item if it is a message that can take more of this part, else a new one; it then has the part.</summary>
    private OutputItem MessageFor(bool refusal)
    {
        var item = Items is [.., { Kind: OutputKind.Message } last] && last.Takes(refusal) ? last : Add(OutputKind.Message);
        item.Begin(refusal);
        return item;
    }
}

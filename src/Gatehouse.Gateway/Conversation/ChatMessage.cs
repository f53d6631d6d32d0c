using System.Text.Json;

namespace Gatehouse.Gateway.Conversation;

/// <summary>Who speaks.</summary>
internal enum ChatRole
{
    System,
    User,
    Assistant,

    /// <summary>The results of tool calls.</summary>
    Tool,
}

/// <summary>One message: a role and its parts, in order.</summary>
internal sealed record ChatMessage(ChatRole Role, IReadOnlyList<Part> Parts);

/// <summary>A piece of a message.</summary>
internal abstract record Part
{
    /// <summary>A prompt-cache breakpoint after this part, as the caller wrote it.</summary>
    public JsonElement? CacheControl { get; init; }

    /// <summary>Characters that become tokens; a rough figure for parts that are not text.</summary>
    public virtual int TextLength => 0;
}

/// <summary>Text.</summary>
internal sealed record TextPart(string Text) : Part
{
    public override int TextLength => Text.Length;
}

/// <summary>Where an image or a file is: exactly one of the three is set.</summary>
/// <param name="Data">Base64.</param>
/// <param name="FileId">An id in the file store of the provider whose format was read.</param>
internal sealed record Source(string? MediaType = null, string? Data = null, string? Url = null, string? FileId = null);

/// <summary>An image.</summary>
/// <param name="Detail">How closely to look: <c>low</c>, <c>high</c> or <c>auto</c>.</param>
internal sealed record ImagePart(Source Source, string? Detail = null) : Part
{
    public override int TextLength => 4000;
}

/// <summary>A document that is not plain text.</summary>
internal sealed record FilePart(Source Source, string? Name = null) : Part
{
    public override int TextLength => Source.Data?.Length / 8 ?? 4000;
}

/// <summary>The model asks for a tool.</summary>
/// <param name="Arguments">JSON text as the model wrote it (which may be broken); free text when <paramref name="Custom"/>.</param>
internal sealed record ToolCallPart(string Id, string Name, string Arguments, bool Custom = false) : Part
{
    public override int TextLength => Name.Length + Arguments.Length;
}

/// <summary>What a tool answered.</summary>
internal sealed record ToolResultPart(string CallId, IReadOnlyList<Part> Content, bool IsError = false) : Part
{
    public override int TextLength
    {
        get
        {
            var sum = 0;
            foreach (var part in Content)
            {
                sum += part.TextLength;
            }

            return sum;
        }
    }
}

/// <summary>The model's thinking.</summary>
/// <param name="Signature">Proof for the provider that the text is its own; must be replayed byte by byte. Empty when there is
/// none.</param>
internal sealed record ThinkingPart(string Text, string Signature) : Part
{
    public override int TextLength => Text.Length;
}

/// <summary>Thinking that only the provider can read.</summary>
internal sealed record RedactedThinkingPart(string Data) : Part;

/// <summary>The model declines, in its own words.</summary>
internal sealed record RefusalPart(string Text) : Part
{
    public override int TextLength => Text.Length;
}

/// <summary>A part that only the format it came from has a word for.</summary>
internal sealed record OpaquePart(string Type, JsonElement Json) : Part;

using System.Text.Json;
using Gatehouse.Contracts;
using Gatehouse.Gateway.Conversation;

namespace Gatehouse.Gateway.Moderations;

/// <summary>What a request to <c>/v1/moderations</c> wants judged: each item becomes one result.</summary>
/// <param name="Items">The texts of each item; parts of one input are one item.</param>
/// <param name="HasImage">Some part is no text.</param>
internal sealed record ModerationInput(IReadOnlyList<IReadOnlyList<string>> Items, bool HasImage)
{
    /// <summary>Most results of one answer.</summary>
    private const int MaxItems = 256;

    private const string Shapes = "must be a text, an array of texts, or an array of parts of type 'text' or 'image_url'";

    /// <exception cref="ProblemException">The input is none of the three shapes that the format knows.</exception>
    public static ModerationInput Read(ReadOnlySpan<byte> body)
    {
        if (!WireJson.TryGet(WireJson.ParseRequest(body), "input", out var input))
        {
            throw Wrong("is required: send a text");
        }

        if (input.ValueKind == JsonValueKind.String)
        {
            return new([[input.GetString()!]], false);
        }

        if (input.ValueKind != JsonValueKind.Array || input.GetArrayLength() == 0)
        {
            throw Wrong(Shapes);
        }

        if (input.GetArrayLength() > MaxItems)
        {
            throw Wrong($"holds more than {MaxItems} entries: send them in several requests");
        }

        return input[0].ValueKind == JsonValueKind.String ? new([.. input.EnumerateArray().Select(Text)], false) : Parts(input);
    }

    private static IReadOnlyList<string> Text(JsonElement entry) =>
        entry.ValueKind == JsonValueKind.String ? [entry.GetString()!] : throw Wrong(Shapes);

    private static ModerationInput Parts(JsonElement input)
    {
        var (texts, hasImage) = (new List<string>(), false);
        foreach (var part in input.EnumerateArray())
        {
            var type = part.ValueKind == JsonValueKind.Object ? WireJson.StringOrNull(part, "type") : null;
            if (type == "text" && WireJson.StringOrNull(part, "text") is { } text)
            {
                texts.Add(text);
            }
            else if (type == "image_url")
            {
                hasImage = true;
            }
            else
            {
                throw Wrong(Shapes);
            }
        }

        return new([texts], hasImage);
    }

    private static ProblemException Wrong(string rule) => new(new Problem("invalid_request", 400, $"'input' {rule}.") { Field = "input" });
}

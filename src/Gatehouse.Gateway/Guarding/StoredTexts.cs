using System.Text;
using System.Text.Json;
using Gatehouse.Gateway.Providers;
using Gatehouse.Guardrails;
using Gatehouse.Guardrails.Policies;

namespace Gatehouse.Gateway.Guarding;

/// <summary>A text of a stored call.</summary>
/// <param name="IsAnswer">Of the answer; else of the request.</param>
/// <param name="IsSystemPrompt">What answers are compared with.</param>
public sealed record StoredText(GuardedText About, string Text, bool IsAnswer, bool IsSystemPrompt);

/// <summary>
/// Finds the texts in the stored content of calls as the guards find them in calls under way: the same places, the same sides, in the same
/// order. A stream's texts are those that its pieces make.
/// </summary>
public static class StoredTexts
{
    /// <param name="surface">The format that the call came in by, as the ledger has it.</param>
    /// <returns><see langword="null"/> when the content was cut, or is in no format that guards read.</returns>
    public static IReadOnlyList<StoredText>? Read(string surface, string request, string answer)
    {
        var texts = new List<StoredText>();
        try
        {
            AddDocument(Encoding.UTF8.GetBytes(request), isAnswer: false, texts);
            if (FormatOf(surface) is { } format && IsStream(answer))
            {
                AddStream(format, Encoding.UTF8.GetBytes(answer), texts);
            }
            else if (answer.AsSpan().TrimStart() is ['{', ..])
            {
                AddDocument(Encoding.UTF8.GetBytes(answer), isAnswer: true, texts);
            }

            return texts;
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or FormatException)
        {
            return null;
        }
    }

    private static bool IsStream(string answer) =>
        answer.StartsWith("data:", StringComparison.Ordinal) || answer.StartsWith("event:", StringComparison.Ordinal)
        || answer.StartsWith(':') || answer.StartsWith("id:", StringComparison.Ordinal);

    private static WireFormat? FormatOf(string surface) => surface switch
    {
        "chat" => WireFormat.OpenAi,
        "completions" => WireFormat.Completions,
        "messages" => WireFormat.Anthropic,
        "generate" => WireFormat.Gemini,
        "responses" => WireFormat.Responses,
        _ => null,
    };

    private static void AddDocument(byte[] json, bool isAnswer, List<StoredText> to)
    {
        using var places = JsonTextList.Rent();
        if (isAnswer)
        {
            JsonTexts.OfAnswer(json, places);
        }
        else
        {
            JsonTexts.OfRequest(json, places);
        }

        var part = 0;
        foreach (ref readonly var place in places.Items)
        {
            var text = JsonTextEdits.Decode(json, place, new char[place.Length]).ToString();
            var side = isAnswer ? place.AnswerSide : place.RequestSide;
            to.Add(new StoredText(
                new GuardedText(side, part++, place.IsTrusted && !isAnswer, place.IsJson), text, isAnswer,
                !isAnswer && place.Origin == TextOrigin.System));
        }
    }

    private static void AddStream(WireFormat format, byte[] events, List<StoredText> to)
    {
        var reader = StreamTexts.Of(format);
        var found = new EventTexts();
        var channels = new List<(TextKey Key, bool IsArguments, StringBuilder Text)>();
        foreach (var data in DataOf(events))
        {
            using var document = JsonDocument.Parse(data);
            if (document.RootElement.ValueKind != JsonValueKind.Object)
            {
                continue;
            }

            found.Clear();
            reader.Read(document.RootElement, found);
            foreach (var piece in found.Texts.Where(t => !t.Repeats))
            {
                var at = channels.FindIndex(c => c.Key == piece.Key);
                if (at < 0)
                {
                    at = channels.Count;
                    channels.Add((piece.Key, piece.IsArguments, new StringBuilder()));
                }

                channels[at].Text.Append(piece.Value.GetString());
            }
        }

        for (var i = 0; i < channels.Count; i++)
        {
            var (_, isArguments, text) = channels[i];
            var side = isArguments ? DetectionSide.ToolCall : DetectionSide.Output;
            to.Add(new StoredText(new GuardedText(side, i, IsJson: isArguments), text.ToString(), IsAnswer: true, IsSystemPrompt: false));
        }
    }

    /// <summary>The data of each event; what marks the end is none.</summary>
    private static IEnumerable<byte[]> DataOf(byte[] events)
    {
        using var data = new MemoryStream();
        foreach (var line in Encoding.UTF8.GetString(events).Split('\n'))
        {
            var text = line.TrimEnd('\r');
            if (text.StartsWith("data:", StringComparison.Ordinal))
            {
                data.Write(Encoding.UTF8.GetBytes(text[5..].TrimStart(' ')));
            }
            else if (text.Length == 0 && data.Length > 0)
            {
                var whole = data.ToArray();
                data.SetLength(0);
                if (whole[0] == (byte)'{')
                {
                    yield return whole;
                }
            }
        }

        if (data.Length > 0 && data.ToArray() is [(byte)'{', ..] last)
        {
            yield return last;
        }
    }
}

using System.Buffers;
using System.Security.Cryptography;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace Gatehouse.Governance;

/// <summary>
/// Labels in the shapes of the development data: what <c>gatehouse guard eval</c> measures on and the trainers learn from. Places count
/// code points, and UTF-16 units beside them.
/// </summary>
public static class LabelSets
{
    private const string Pii = "pii";
    private const string Secrets = "secrets";
    private const string Injection = "injection";
    private const string Indirect = "indirect";
    private const string Harmful = "harmful";
    private const string Other = "other";

    private const int GroupChars = 12;

    private static readonly JsonWriterOptions Readable = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>Names of the files, without their ending. <c>other</c> is what no measure reads: terms, links and the like.</summary>
    public static IReadOnlyList<string> Names { get; } = [Pii, Secrets, Injection, Indirect, Harmful, Other];

    internal static string Of(Label label) => label.Detector switch
    {
        "pii" => Pii,
        "secrets" => Secrets,
        "injection" => label.Side is "tool_result" or "retrieved" ? Indirect : Injection,
        "harm" => Harmful,
        _ => Other,
    };

    /// <summary>Whether a line of the set is a text, with all that is said about it (<see cref="Sentence"/>), and not a label.</summary>
    internal static bool IsOfTexts(string set) => set == Pii;

    /// <summary>All that is known about one text: what was found and is right, and what was missed, without what is none.</summary>
    /// <param name="labels">Of the same text, oldest first.</param>
    internal static string Sentence(IReadOnlyList<Label> labels)
    {
        var text = labels[0].Text!;
        var wrong = Spans(l => l.Verdict == LabelVerdict.FalsePositive).ToHashSet();
        var right = Spans(l => l.Verdict != LabelVerdict.FalsePositive).Concat(labels.SelectMany(l => l.Others))
            .Where(s => !wrong.Contains(s)).Distinct().OrderBy(s => s.Start).ThenBy(s => s.End).ToList();
        return Write(labels[^1], text, json =>
        {
            json.WriteStartArray("spans");
            foreach (var span in right)
            {
                json.WriteStartObject();
                json.WriteNumber("start", CodePoints(text, span.Start));
                json.WriteNumber("end", CodePoints(text, span.End));
                json.WriteString("type", span.Type);
                json.WriteNumber("u16_start", span.Start);
                json.WriteNumber("u16_end", span.End);
                json.WriteString("value", text[span.Start..span.End]);
                json.WriteEndObject();
            }

            json.WriteEndArray();
        });

        IEnumerable<LabelSpan> Spans(Func<Label, bool> of) => labels.Where(of).SelectMany(l => l.Spans);
    }

    /// <param name="label">With its text.</param>
    internal static string Line(string set, Label label)
    {
        var text = label.Text!;
        var isOne = label.Verdict != LabelVerdict.FalsePositive;
        return Write(label, text, json =>
        {
            json.WriteNumber(set == Indirect ? "injected" : "label", isOne ? 1 : 0);
            switch (set)
            {
                case Secrets:
                    var place = isOne && label.Spans is [var first, ..] ? first : null;
                    json.WriteString("secret", place is null ? null : text[place.Start..place.End]);
                    WritePlace(json, "start", place is null ? null : CodePoints(text, place.Start));
                    WritePlace(json, "end", place is null ? null : CodePoints(text, place.End));
                    json.WriteString("type", label.Type);
                    break;
                case Harmful:
                    json.WriteString("kind", label.Type);
                    break;
                case Other:
                    json.WriteString("detector", label.Detector);
                    json.WriteString("type", label.Type);
                    json.WriteString("side", label.Side);
                    break;
            }
        });
    }

    private static string Write(Label label, string text, Action<Utf8JsonWriter> rest)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer, Readable))
        {
            json.WriteStartObject();
            json.WriteString(Of(label) == Indirect ? "document_text" : "text", text);
            rest(json);
            json.WriteString("source", $"gatehouse/{label.System ?? Words.Of(label.Source)}");
            json.WriteString("license", "own");
            json.WriteBoolean("train_ok", true);
            json.WriteString("group", Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text)))[..GroupChars]);
            json.WriteString("verdict", Words.Of(label.Verdict));
            json.WriteString("at", label.At);
            json.WriteEndObject();
        }

        return Encoding.UTF8.GetString(buffer.WrittenSpan);
    }

    private static void WritePlace(Utf8JsonWriter json, string name, int? place)
    {
        if (place is { } known)
        {
            json.WriteNumber(name, known);
        }
        else
        {
            json.WriteNull(name);
        }
    }

    private static int CodePoints(string text, int units)
    {
        var count = 0;
        foreach (var _ in text.AsSpan(0, units).EnumerateRunes())
        {
            count++;
        }

        return count;
    }
}

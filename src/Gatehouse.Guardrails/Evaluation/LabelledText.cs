using System.Text.Json;

namespace Gatehouse.Guardrails.Evaluation;

/// <summary>A span that people marked, in UTF-16 units.</summary>
public readonly record struct LabelledSpan(int Start, int End, string Type);

/// <summary>One row of a labelled data set.</summary>
/// <param name="Text">The text.</param>
/// <param name="Spans">What it holds; empty when nothing, or when the set marks whole texts only.</param>
public sealed record LabelledText(string Text, IReadOnlyList<LabelledSpan> Spans)
{
    /// <summary>The text as a whole is of the kind that the set is about.</summary>
    public bool Label { get; init; }

    /// <summary>What the set is about in this row: an entity type, a kind of secret.</summary>
    public string Type { get; init; } = "";

    /// <summary>How many findings are right, when the set says so.</summary>
    public int? Count { get; init; }

    public string Source { get; init; } = "";

    /// <summary>Rows of one group share a template or a payload: a split keeps them on one side.</summary>
    public string Group { get; init; } = "";

    /// <summary>Reads one line of JSON. Fields that a set does not have stay empty.</summary>
    public static LabelledText Read(string line)
    {
        using var document = JsonDocument.Parse(line);
        var row = document.RootElement;
        var text = TextOf(row, "text") is { Length: > 0 } t ? t : TextOf(row, "document_text");
        List<LabelledSpan> spans = [];
        if (row.TryGetProperty("spans", out var marked) && marked.ValueKind == JsonValueKind.Array)
        {
            foreach (var span in marked.EnumerateArray())
            {
                spans.Add(ReadSpan(text, span, TextOf(row, "type")));
            }
        }
        else if (row.TryGetProperty("start", out var start) && start.ValueKind == JsonValueKind.Number
            && row.TryGetProperty("end", out var end) && end.ValueKind == JsonValueKind.Number)
        {
            spans.Add(new(ToUnits(text, start.GetInt32()), ToUnits(text, end.GetInt32()), TextOf(row, "type")));
        }

        return new(text, spans)
        {
            Label = IsTrue(row, "label") || IsTrue(row, "injected"),
            Type = TextOf(row, "type") is { Length: > 0 } type ? type : TextOf(row, "transform"),
            Count = row.TryGetProperty("count", out var count) && count.ValueKind == JsonValueKind.Number ? count.GetInt32() : null,
            Source = TextOf(row, "source"),
            Group = TextOf(row, "group") is { Length: > 0 } group ? group : TextOf(row, "template"),
        };
    }

    private static LabelledSpan ReadSpan(string text, JsonElement span, string type)
    {
        if (span.TryGetProperty("u16_start", out var start))
        {
            return new(start.GetInt32(), span.GetProperty("u16_end").GetInt32(), TextOf(span, "type"));
        }

        var own = TextOf(span, "type");
        return new(ToUnits(text, span.GetProperty("start").GetInt32()), ToUnits(text, span.GetProperty("end").GetInt32()),
            own.Length > 0 ? own : type);
    }

    private static int ToUnits(string text, int codePoints)
    {
        var units = 0;
        for (var i = 0; i < codePoints && units < text.Length; i++)
        {
            units += char.IsHighSurrogate(text[units]) && units + 1 < text.Length ? 2 : 1;
        }

        return units;
    }

    private static bool IsTrue(JsonElement row, string name) => row.TryGetProperty(name, out var value)
        && (value.ValueKind == JsonValueKind.True || (value.ValueKind == JsonValueKind.Number && value.GetInt32() == 1));

    private static string TextOf(JsonElement row, string name) =>
        row.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString()! : "";
}

using System.Text.Json;

namespace Gatehouse.GuardTraining;

/// <summary>One labelled text, from the data folder or generated.</summary>
/// <param name="TrainOk">The licence allows weights trained on it to be shipped.</param>
/// <param name="Payload">The planted instruction of a document, when the data says which.</param>
internal sealed record LabelledText(string Text, bool Positive, string Source, bool TrainOk, string Group, string? Payload)
{
    public int Fold(int folds)
    {
        var hash = 2166136261u;
        foreach (var c in Group)
        {
            hash = (hash ^ c) * 16777619;
        }

        hash ^= hash >> 15;
        hash *= 0x2c1b3c6d;
        return (int)((hash ^ (hash >> 13)) % (uint)folds);
    }

    public static List<LabelledText> ReadDirect(string folder) => Read(Path.Combine(folder, "injection.jsonl"), "text", "label");

    public static List<LabelledText> ReadIndirect(string folder) =>
        Read(Path.Combine(folder, "indirect.jsonl"), "document_text", "injected");

    private static List<LabelledText> Read(string path, string text, string label)
    {
        var rows = new List<LabelledText>();
        foreach (var line in File.ReadLines(path))
        {
            using var row = JsonDocument.Parse(line);
            var root = row.RootElement;
            var value = root.GetProperty(label);
            var positive = value.ValueKind switch
            {
                JsonValueKind.True => true,
                JsonValueKind.Number => value.GetInt32() == 1,
                _ => false,
            };
            rows.Add(new LabelledText(
                root.GetProperty(text).GetString()!,
                positive,
                root.GetProperty("source").GetString()!,
                root.GetProperty("train_ok").GetBoolean(),
                root.GetProperty("group").ToString(),
                root.TryGetProperty("payload", out var payload) ? payload.GetString() : null));
        }

        return rows;
    }
}

using System.Buffers;
using System.Text.Json;

namespace Gatehouse.Guardrails.Reports;

/// <summary>Findings of one file.</summary>
/// <param name="Path">As it should stand in the report.</param>
/// <param name="Text">The text of the file; the report holds places, never the text.</param>
/// <param name="Findings">What was found in it.</param>
public sealed record CheckedFile(string Path, string Text, IReadOnlyList<Finding> Findings);

/// <summary>Writes findings as SARIF 2.1.0, with the ids of OWASP and ATLAS as tags of the rules.</summary>
public static class SarifReport
{
    public static void Write(IReadOnlyList<CheckedFile> files, string version, IBufferWriter<byte> to)
    {
        using var json = new Utf8JsonWriter(to, new JsonWriterOptions { Indented = true });
        json.WriteStartObject();
        json.WriteString("$schema", "https://json.schemastore.org/sarif-2.1.0.json");
        json.WriteString("version", "2.1.0");
        json.WriteStartArray("runs");
        json.WriteStartObject();
        WriteTool(files, version, json);
        json.WriteString("columnKind", "utf16CodeUnits");
        json.WriteStartArray("results");
        foreach (var file in files)
        {
            foreach (var finding in file.Findings)
            {
                WriteResult(file, finding, json);
            }
        }

        json.WriteEndArray();
        json.WriteEndObject();
        json.WriteEndArray();
        json.WriteEndObject();
    }

    /// <returns>Line and column of an offset, both from 1.</returns>
    public static (int Line, int Column) Place(string text, int offset)
    {
        var before = text.AsSpan(0, offset);
        return (before.Count('\n') + 1, offset - before.LastIndexOf('\n'));
    }

    private static void WriteTool(IReadOnlyList<CheckedFile> files, string version, Utf8JsonWriter json)
    {
        json.WriteStartObject("tool");
        json.WriteStartObject("driver");
        json.WriteString("name", "gatehouse");
        json.WriteString("version", version);
        json.WriteStartArray("rules");
        foreach (var finding in files.SelectMany(f => f.Findings).DistinctBy(f => f.Rule).OrderBy(f => f.Rule, StringComparer.Ordinal))
        {
            var standards = Standards.Of(finding);
            json.WriteStartObject();
            json.WriteString("id", finding.Rule);
            json.WriteStartObject("shortDescription");
            json.WriteString("text", $"{finding.Detector}: {finding.Type}");
            json.WriteEndObject();
            json.WriteStartObject("properties");
            json.WriteStartArray("tags");
            foreach (var id in standards.Owasp.Concat(standards.Atlas))
            {
                json.WriteStringValue(id);
            }

            json.WriteEndArray();
            json.WriteEndObject();
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteEndObject();
        json.WriteEndObject();
    }

    private static void WriteResult(CheckedFile file, in Finding finding, Utf8JsonWriter json)
    {
        var (line, column) = Place(file.Text, finding.Start);
        var (endLine, endColumn) = Place(file.Text, finding.End);
        json.WriteStartObject();
        json.WriteString("ruleId", finding.Rule);
        json.WriteString("level", finding.Score >= .8f ? "error" : "warning");
        json.WriteNumber("rank", Math.Round(finding.Score * 100, 1));
        json.WriteStartObject("message");
        json.WriteString("text", $"{finding.Type} ({finding.Score:0.00})");
        json.WriteEndObject();
        json.WriteStartArray("locations");
        json.WriteStartObject();
        json.WriteStartObject("physicalLocation");
        json.WriteStartObject("artifactLocation");
        json.WriteString("uri", file.Path);
        json.WriteEndObject();
        json.WriteStartObject("region");
        json.WriteNumber("startLine", line);
        json.WriteNumber("startColumn", column);
        json.WriteNumber("endLine", endLine);
        json.WriteNumber("endColumn", endColumn);
        json.WriteEndObject();
        json.WriteEndObject();
        json.WriteEndObject();
        json.WriteEndArray();
        json.WriteEndObject();
    }
}

using System.Globalization;
using System.Text;

namespace Gatehouse.Commands;

/// <summary>A line of a provider's usage: one day and model, and what of it the file tells.</summary>
/// <param name="InputTokens">All input tokens, cached ones included.</param>
internal sealed record UsageRow(DateOnly Day, string Model, long? InputTokens, long? OutputTokens, decimal? CostUsd);

/// <summary>
/// Reads usage and cost exports as CSV by the names of their columns: OpenAI's usage and costs, Anthropic's usage and costs, and a plain
/// table of <c>date,model,input_tokens,output_tokens,cost_usd</c>. Columns that no shape has are passed over.
/// </summary>
internal static class UsageCsv
{
    private static readonly string[] DayColumns = ["date", "usage_date_utc", "start_time_iso", "start_time", "usage_date"];
    private static readonly string[] ModelColumns = ["model", "model_version", "line_item"];
    private static readonly string[] CostColumns = ["cost_usd", "amount_value", "amount"];
    private static readonly string[] OutputColumns = ["output_tokens", "usage_output_tokens"];

    /// <summary>Anthropic tells input in parts that do not overlap; the others tell the sum, cached tokens within it.</summary>
    private static readonly string[][] InputColumns =
    [
        ["input_tokens"],
        ["usage_input_tokens_no_cache", "usage_input_tokens_cache_write_5m", "usage_input_tokens_cache_write_1h",
            "usage_input_tokens_cache_read"],
    ];

    /// <exception cref="FormatException">Not such a file; the message names the line.</exception>
    public static IReadOnlyList<UsageRow> Read(string text)
    {
        var lines = Split(text.TrimStart('\uFEFF'));
        if (lines.Count == 0)
        {
            throw new FormatException("the file is empty.");
        }

        var columns = lines[0].Select((name, i) => (Name: name.Trim().ToLowerInvariant(), Index: i)).ToLookup(c => c.Name, c => c.Index);
        var day = Find(columns, DayColumns) ?? throw new FormatException($"no column for the day: one of {string.Join(", ", DayColumns)}.");
        var model = Find(columns, ModelColumns)
            ?? throw new FormatException($"no column for the model: one of {string.Join(", ", ModelColumns)}.");
        var cost = Find(columns, CostColumns);
        var output = Find(columns, OutputColumns);
        var input = InputColumns.Select(names => names.Where(columns.Contains).Select(n => columns[n].First()).ToList())
            .FirstOrDefault(f => f.Count > 0) ?? [];
        if (cost is null && output is null && input.Count == 0)
        {
            throw new FormatException("no column with tokens or cost.");
        }

        var rows = new List<UsageRow>();
        for (var i = 1; i < lines.Count; i++)
        {
            var cells = lines[i];
            if (cells.All(string.IsNullOrWhiteSpace))
            {
                continue;
            }

            var line = i + 1;
            rows.Add(new UsageRow(
                Day(Cell(cells, day), line),
                ModelOf(Cell(cells, model)),
                input.Count == 0 ? null : input.Sum(c => Number(Cell(cells, c), line)),
                output is { } o ? Number(Cell(cells, o), line) : null,
                cost is { } c ? Usd(Cell(cells, c), line) : null));
        }

        return rows.Count > 0 ? rows : throw new FormatException("there is no line below the header.");
    }

    /// <summary>Cuts <c>-YYYY-MM-DD</c> or <c>-YYYYMMDD</c> off the end of a model's name.</summary>
    public static string Undated(string model)
    {
        foreach (var length in (int[])[11, 9])
        {
            if (model.Length > length && model[^length] == '-'
                && model[^(length - 1)..].Replace("-", "", StringComparison.Ordinal) is { Length: 8 } digits
                && digits.All(char.IsAsciiDigit))
            {
                return model[..^length];
            }
        }

        return model;
    }

    private static int? Find(ILookup<string, int> columns, string[] names) =>
        names.Where(columns.Contains).Select(n => (int?)columns[n].First()).FirstOrDefault();

    private static string Cell(List<string> cells, int column) => column < cells.Count ? cells[column].Trim() : "";

    /// <summary>OpenAI's costs name a line "gpt-5-2026-01-31, input".</summary>
    private static string ModelOf(string cell) => cell.Split(',')[0].Trim();

    private static DateOnly Day(string cell, int line)
    {
        if (long.TryParse(cell, CultureInfo.InvariantCulture, out var seconds) && seconds is > 0 and < 32_503_680_000)
        {
            return DateOnly.FromDateTime(DateTimeOffset.FromUnixTimeSeconds(seconds).UtcDateTime);
        }

        return DateTimeOffset.TryParse(
            cell, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal, out var at)
            ? DateOnly.FromDateTime(at.UtcDateTime)
            : throw new FormatException($"line {line}: '{cell}' is not a day.");
    }

    private static long Number(string cell, int line) => cell.Length == 0 ? 0
        : decimal.TryParse(cell, NumberStyles.Number, CultureInfo.InvariantCulture, out var number)
            && number is >= 0 and < 1_000_000_000_000_000m ? (long)number
        : throw new FormatException($"line {line}: '{cell}' is not a number of tokens.");

    private static decimal Usd(string cell, int line) => cell.Length == 0 ? 0
        : decimal.TryParse(
            cell.TrimStart('$'), NumberStyles.Float | NumberStyles.AllowThousands, CultureInfo.InvariantCulture, out var usd) ? usd
        : throw new FormatException($"line {line}: '{cell}' is not an amount.");

    /// <summary>Cells in quotes may hold commas, line ends and doubled quotes (RFC 4180).</summary>
    private static List<List<string>> Split(string text)
    {
        var lines = new List<List<string>>();
        var cells = new List<string>();
        var cell = new StringBuilder();
        var quoted = false;
        for (var i = 0; i < text.Length; i++)
        {
            var c = text[i];
            if (quoted)
            {
                if (c == '"' && i + 1 < text.Length && text[i + 1] == '"')
                {
                    cell.Append('"');
                    i++;
                }
                else if (c == '"')
                {
                    quoted = false;
                }
                else
                {
                    cell.Append(c);
                }
            }
            else if (c == '"')
            {
                quoted = true;
            }
            else if (c is ',' or '\n')
            {
                cells.Add(cell.ToString());
                cell.Clear();
                if (c == '\n')
                {
                    lines.Add(cells);
                    cells = [];
                }
            }
            else if (c != '\r')
            {
                cell.Append(c);
            }
        }

        if (cell.Length > 0 || cells.Count > 0)
        {
            cells.Add(cell.ToString());
            lines.Add(cells);
        }

        return lines;
    }
}

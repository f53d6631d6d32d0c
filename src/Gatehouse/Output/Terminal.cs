using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Gatehouse.Client;
using Spectre.Console;

namespace Gatehouse.Output;

/// <summary>Where a command writes: tables for people, JSON for scripts, colour only on a real terminal.</summary>
internal sealed class Terminal
{
    /// <summary>Columns assumed when nobody watches: no cell wraps in a file.</summary>
    private const int RedirectedWidth = 4096;

    private static readonly JsonWriterOptions Indented = new() { Indented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private readonly Lazy<IAnsiConsole> _console; // the server needs none of it
    private readonly bool _colour;

    private Terminal(TextWriter output, TextWriter error, bool json, bool redirected)
    {
        Out = output;
        Error = error;
        Json = json;
        _colour = !redirected && Environment.GetEnvironmentVariable("NO_COLOR") is null or "";
        _console = new(() => ConsoleOf(output, _colour, redirected));
    }

    public bool Json { get; }

    public TextWriter Out { get; }

    public TextWriter Error { get; }

    public static Terminal Standard(bool json) => new(System.Console.Out, System.Console.Error, json, System.Console.IsOutputRedirected);

    /// <summary>A terminal that nobody watches.</summary>
    public static Terminal To(TextWriter output, TextWriter error, bool json) => new(output, error, json, redirected: true);

    public void WriteJson<T>(T value, JsonTypeInfo<T> type) => WriteJson(JsonSerializer.SerializeToUtf8Bytes(value, type));

    /// <summary>Prints JSON as the server sent it, indented.</summary>
    public void WriteJson(ReadOnlySpan<byte> json)
    {
        var reader = new Utf8JsonReader(json);
        using var document = JsonDocument.ParseValue(ref reader);
        using var buffer = new MemoryStream();
        using (var writer = new Utf8JsonWriter(buffer, Indented))
        {
            document.RootElement.WriteTo(writer);
        }

        Out.WriteLine(System.Text.Encoding.UTF8.GetString(buffer.GetBuffer(), 0, (int)buffer.Length));
    }

    /// <summary>Prints JSON on one line: a stream of these is read line by line.</summary>
    public void WriteJsonLine(ReadOnlySpan<byte> json)
    {
        Out.WriteLine(System.Text.Encoding.UTF8.GetString(json));
        Out.Flush();
    }

    /// <param name="empty">Printed in place of a table without rows: what to do next.</param>
    public void WriteTable(IReadOnlyList<string> columns, IEnumerable<IReadOnlyList<string>> rows, string empty)
    {
        var table = new Table { Border = TableBorder.None, ShowRowSeparators = false };
        foreach (var column in columns)
        {
            var right = column.EndsWith('>');
            table.AddColumn(new TableColumn(Head(column.TrimEnd('>')))
            {
                Alignment = right ? Justify.Right : Justify.Left,
                NoWrap = true,
                Padding = new Padding(0, 0, 2, 0),
            });
        }

        foreach (var row in rows)
        {
            table.AddRow([.. row.Select(Plain)]);
        }

        if (table.Rows.Count == 0)
        {
            Out.WriteLine(empty);
            return;
        }

        _console.Value.Write(table);
    }

    /// <summary>Name and value, a line each.</summary>
    public void WriteFields(params ReadOnlySpan<(string Name, string? Value)> fields)
    {
        var width = 0;
        foreach (var (name, _) in fields)
        {
            width = Math.Max(width, name.Length);
        }

        foreach (var (name, value) in fields)
        {
            if (value is not null)
            {
                WriteName(name.PadRight(width + 2));
                Out.WriteLine(value);
            }
        }
    }

    public void Fail(string code, string message)
    {
        if (Json)
        {
            var failure = JsonSerializer.Serialize(new Failure(new FailureError(code, message)), ClientJson.Default.Failure);
            Error.WriteLine(failure);
        }
        else
        {
            Error.WriteLine($"gatehouse: {message}");
        }
    }

    public static string Money(decimal? usd) =>
        usd is { } known
            ? "$" + known.ToString(known is 0 or >= 0.01m ? "0.00##" : "0.#########", CultureInfo.InvariantCulture)
            : "unknown";

    public static string Duration(long micros) => micros switch
    {
        < 1_000 => $"{micros} µs",
        < 1_000_000 => string.Create(CultureInfo.InvariantCulture, $"{micros / 1_000d:0.#} ms"),
        _ => string.Create(CultureInfo.InvariantCulture, $"{micros / 1_000_000d:0.##} s"),
    };

    public static string Time(DateTimeOffset? at) =>
        at is { } known ? known.ToUniversalTime().ToString("yyyy-MM-dd HH:mm:ss'Z'", CultureInfo.InvariantCulture) : "–";

    private static IAnsiConsole ConsoleOf(TextWriter output, bool colour, bool redirected)
    {
        var console = AnsiConsole.Create(new AnsiConsoleSettings
        {
            Ansi = colour ? AnsiSupport.Detect : AnsiSupport.No,
            ColorSystem = colour ? ColorSystemSupport.Detect : ColorSystemSupport.NoColors,
            Interactive = InteractionSupport.No,
            Out = new AnsiConsoleOutput(output),
        });
        if (redirected)
        {
            console.Profile.Width = RedirectedWidth;
        }

        return console;
    }

    private void WriteName(string name)
    {
        if (_colour)
        {
            _console.Value.Write(new Text(name, new Style(Color.Grey)));
        }
        else
        {
            Out.Write(name);
        }
    }

    private Text Head(string text) => new(text.ToUpperInvariant(), _colour ? new Style(Color.Grey) : Style.Plain);

    /// <summary>Names come from people: their control characters must not reach the terminal.</summary>
    private static Text Plain(string text) => new(string.Concat(text.Select(c => char.IsControl(c) ? '\uFFFD' : c)));
}

/// <summary>The shape of an error with <c>--json</c>, on standard error.</summary>
internal sealed record Failure(FailureError Error);

/// <summary>See <see cref="Failure"/>.</summary>
internal sealed record FailureError(string Code, string Message);

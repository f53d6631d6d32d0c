using System.Diagnostics.CodeAnalysis;
using System.Globalization;

namespace Gatehouse.Gateway.Providers.Simulator;

/// <summary>
/// What the person who wrote the message asks of the simulator: <c>[simulator: stream_error after=3]</c> in the last user message. It wins
/// over the settings, so that anyone can drill an error from any client.
/// </summary>
internal sealed record SimulatorDirective
{
    public static readonly SimulatorDirective None = new();

    private const double LongestMillis = 86_400_000; // a day; timers take 49
    private const double SlowestTokensPerSecond = 0.1; // with the most words there are, an answer stays below what timers take

    private const string Opening = "[simulator:";

    private static readonly Dictionary<string, SimulatorFaultKind> Faults = new(StringComparer.OrdinalIgnoreCase)
    {
        ["rate_limited"] = SimulatorFaultKind.RateLimited,
        ["server_error"] = SimulatorFaultKind.ServerError,
        ["overloaded"] = SimulatorFaultKind.Overloaded,
        ["unauthorized"] = SimulatorFaultKind.Unauthorized,
        ["context_length"] = SimulatorFaultKind.ContextLength,
        ["timeout"] = SimulatorFaultKind.Timeout,
        ["connection_refused"] = SimulatorFaultKind.ConnectionRefused,
        ["stream_error"] = SimulatorFaultKind.StreamError,
        ["stream_truncated"] = SimulatorFaultKind.StreamTruncated,
        ["stream_stalled"] = SimulatorFaultKind.StreamStalled,
        ["malformed_json"] = SimulatorFaultKind.MalformedJson,
        ["refusal"] = SimulatorFaultKind.Refusal,
    };

    public SimulatorFaultKind? Fault { get; private init; }

    /// <summary>Only the target with this model obeys; the others of the route answer as set. <see langword="null"/>: all obey.</summary>
    public string? Model { get; private init; }

    /// <summary>Pieces of text that come before a fault within the stream. Default 2.</summary>
    public int After { get; private init; } = 2;

    public TimeSpan? RetryAfter { get; private init; }

    public TimeSpan? Latency { get; private init; }

    public double? TokensPerSecond { get; private init; }

    /// <summary>At least this many words of answer.</summary>
    public int Words { get; private init; }

    /// <summary>Finds the directive in a text.</summary>
    /// <param name="rest">The text without it.</param>
    /// <param name="error">What is wrong with it.</param>
    /// <returns><see langword="false"/> when there is one that can't be understood.</returns>
    public static bool TryParse(string text, out SimulatorDirective directive, out string rest, [NotNullWhen(false)] out string? error)
    {
        directive = None;
        rest = text;
        error = null;
        var start = text.IndexOf(Opening, StringComparison.OrdinalIgnoreCase);
        var end = start < 0 ? -1 : text.IndexOf(']', start);
        if (end < 0)
        {
            return true;
        }

        rest = (text[..start] + text[(end + 1)..]).Trim();
        foreach (var word in text[(start + Opening.Length)..end].Split([' ', ',', ';', '\n'], StringSplitOptions.RemoveEmptyEntries))
        {
            if (directive.With(word) is not { } changed)
            {
                error = $"The simulator does not understand '{word}'. It knows the faults {string.Join(", ", Faults.Keys)} and the settings "
                    + "after=3, retry_after=2s, latency=500ms, tokens_per_second=20, words=200 and model=name.";
                return false;
            }

            directive = changed;
        }

        return true;
    }

    private static TimeSpan? Duration(string text)
    {
        var (digits, unit) = text switch
        {
            [.. var head, 'm', 's'] => (head, 1),
            [.. var head, 's'] => (head, 1000),
            [.. var head, 'm'] => (head, 60_000),
            _ => (text, 1000),
        };
        return double.TryParse(digits, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var value)
            && value * unit <= LongestMillis
            ? TimeSpan.FromMilliseconds(value * unit)
            : null;
    }

    /// <returns><see langword="null"/> when the word means nothing.</returns>
    private SimulatorDirective? With(string word)
    {
        if (Faults.TryGetValue(word, out var fault))
        {
            return this with { Fault = fault };
        }

        var equals = word.IndexOf('=');
        if (equals < 0)
        {
            return null;
        }

        var value = word[(equals + 1)..];
        return word[..equals] switch
        {
            "model" => this with { Model = value },
            "after" when int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out var count) => this with { After = count },
            "words" when int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out var count) && count <= 10_000 =>
                this with { Words = count },
            "tokens_per_second" when double.TryParse(value, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var speed)
                && speed is 0 or >= SlowestTokensPerSecond =>
                this with { TokensPerSecond = speed },
            "latency" when Duration(value) is { } time => this with { Latency = time },
            "retry_after" when Duration(value) is { } time => this with { RetryAfter = time },
            _ => null,
        };
    }
}

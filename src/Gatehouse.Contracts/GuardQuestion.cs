using System.Globalization;

namespace Gatehouse.Contracts;

/// <summary>
/// A question to a guard outside of the process, for a call: who was asked, how long it took and what was said. Never the text.
/// </summary>
/// <param name="Kind"><c>webhook</c>, or the shape of the model: <c>moderation</c>, <c>llama_guard</c>, <c>judge</c>.</param>
/// <param name="To">The webhook's host, or the model's route.</param>
/// <param name="Side">What it was asked about: <c>input</c>, <c>output</c>, <c>tool_call</c>, <c>tool_result</c> or
/// <c>retrieved</c>.</param>
/// <param name="StartMicros">Since the call arrived.</param>
/// <param name="Outcome"><c>passed</c>, <c>found</c>, or <c>failed</c> when there was no verdict.</param>
/// <param name="Said">Types of what it found, or why there was no verdict.</param>
public sealed record GuardQuestion(
    string Rule, string Kind, string To, string Side, long StartMicros, long Micros, string Outcome, string Said)
{
    private const char Between = '\t';

    /// <summary>Adds questions to what is recorded of a request; the given attributes stay as they are.</summary>
    public static Dictionary<string, string> Add(IReadOnlyDictionary<string, string>? to, IEnumerable<GuardQuestion> questions)
    {
        var attributes = new Dictionary<string, string>(to ?? new Dictionary<string, string>());
        var number = attributes.Keys.Count(IsQuestion);
        foreach (var q in questions)
        {
            attributes[string.Create(CultureInfo.InvariantCulture, $"{TelemetryNames.GuardQuestion}{++number}")] = string.Join(
                Between, Clean(q.Rule), q.Kind, Clean(q.To), q.Side, q.StartMicros.ToString(CultureInfo.InvariantCulture),
                q.Micros.ToString(CultureInfo.InvariantCulture), q.Outcome, Clean(q.Said));
        }

        return attributes;
    }

    /// <summary>The questions among what is recorded of a request, in the order in which they were asked.</summary>
    public static IReadOnlyList<GuardQuestion> Read(IReadOnlyDictionary<string, string> attributes) =>
        [.. attributes.Where(a => IsQuestion(a.Key)).Select(a => Parse(a.Value)).OfType<GuardQuestion>().OrderBy(q => q.StartMicros)];

    /// <summary>Whether an attribute is a question.</summary>
    public static bool IsQuestion(string attribute) => attribute.StartsWith(TelemetryNames.GuardQuestion, StringComparison.Ordinal);

    private static GuardQuestion? Parse(string text) =>
        text.Split(Between) is [var rule, var kind, var to, var side, var start, var micros, var outcome, var said]
            && long.TryParse(start, CultureInfo.InvariantCulture, out var from)
            && long.TryParse(micros, CultureInfo.InvariantCulture, out var time)
            ? new GuardQuestion(rule, kind, to, side, from, time, outcome, said)
            : null;

    private static string Clean(string text) => text.Replace(Between, ' ');
}

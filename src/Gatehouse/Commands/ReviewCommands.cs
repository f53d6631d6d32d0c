using System.CommandLine;
using System.Globalization;
using Gatehouse.Client;
using Gatehouse.Contracts;
using Gatehouse.Output;

namespace Gatehouse.Commands;

/// <summary><c>gatehouse reviews</c> and <c>gatehouse review show|approve|deny</c>: calls that people decide about.</summary>
internal static class ReviewCommands
{
    internal sealed record Request(string Decision, string? Note, ReviewLabel? Label);

    public static Command CreateList()
    {
        var all = new Option<bool>("--all") { Description = "Those that are over, too." };
        var command = new Command("reviews", "List the calls that wait for a person, and questions about calls that went on.") { all };
        command.SetApiAction(async (parsed, api, terminal, ct) =>
        {
            var answer = await api.GetAsync(parsed.GetValue(all) ? "api/reviews" : "api/reviews?undecided=true", ct);
            if (terminal.Json)
            {
                terminal.WriteJson(answer);
                return ExitCodes.Done;
            }

            terminal.WriteTable(
                ["id", "state", "system", "environment", "rule", "found", "asked", "waits until", "by"],
                ApiClient.Read(answer, ClientJson.Default.Reviews).Rows.Select(r => (IReadOnlyList<string>)
                [
                    r.Id.ToString(), Word(r.State.ToString()), r.System, Word(r.Environment.ToString()), r.Rule, Found(r),
                    Terminal.Time(r.AskedAt), r is { State: ReviewState.Waiting, DueAt: { } due } ? Terminal.Time(due) : "", r.Person ?? "",
                ]),
                "Nothing waits for a person.");
            return ExitCodes.Done;
        });
        return command;
    }

    public static Command Create() => new("review", "Decide about calls that a guard policy escalates.")
    {
        CreateShow(),
        CreateDecision("approve", "The call goes on."),
        CreateDecision("deny", "The call is refused."),
    };

    private static Command CreateShow()
    {
        var id = Id();
        var command = new Command("show", "Show a review, with its text if your role may read it.") { id };
        command.SetApiAction(async (parsed, api, terminal, ct) =>
        {
            var answer = await api.GetAsync($"api/reviews/{parsed.GetValue(id)}", ct);
            if (terminal.Json)
            {
                terminal.WriteJson(answer);
                return ExitCodes.Done;
            }

            var (review, texts, missing) = ApiClient.Read(answer, ClientJson.Default.ReviewDetail);
            terminal.Out.WriteLine(
                $"{review.Rule} of the policy {review.Policy}, {review.System} in {Word(review.Environment.ToString())}: {Word(review.State.ToString())}");
            foreach (var finding in review.Findings)
            {
                terminal.Out.WriteLine(string.Create(CultureInfo.InvariantCulture,
                    $"  {finding.Type} ({finding.Detector}) in {finding.Side}, {finding.Count} times, score {finding.Score}"));
            }

            if (missing is not null)
            {
                terminal.Out.WriteLine(missing);
            }

            foreach (var text in texts ?? [])
            {
                terminal.Out.WriteLine();
                terminal.Out.WriteLine($"{(text.IsContext ? "context, " : "")}{text.Side}:");
                terminal.Out.WriteLine(Printable(text.Text));
            }

            return ExitCodes.Done;
        });
        return command;
    }

    private static Command CreateDecision(string decision, string description)
    {
        var id = Id();
        var note = new Option<string?>("--note") { Description = "Why; goes to the audit log.", HelpName = "text" };
        var label = new Option<string?>("--label")
        {
            Description = "What you say about the finding itself.",
            HelpName = "right|false_positive",
        };
        label.AcceptOnlyFromAmong("right", "false_positive");
        var command = new Command(decision, description) { id, note, label };
        command.SetApiAction(async (parsed, api, terminal, ct) =>
        {
            ReviewLabel? said = parsed.GetValue(label) switch
            {
                "right" => ReviewLabel.Right,
                "false_positive" => ReviewLabel.FalsePositive,
                _ => null,
            };
            var answer = await api.PostAsync(
                $"api/reviews/{parsed.GetValue(id)}/decision", new Request(decision, parsed.GetValue(note), said),
                ClientJson.Default.ReviewCommandsRequest, ct);
            if (terminal.Json)
            {
                terminal.WriteJson(answer);
                return ExitCodes.Done;
            }

            var review = ApiClient.Read(answer, ClientJson.Default.Review);
            terminal.Out.WriteLine(
                $"{(decision == "approve" ? "Approved" : "Denied")}: {review.Rule} of {review.System}.{(review.Holds ? " The call hears of it within a second." : "")}");
            return ExitCodes.Done;
        });
        return command;
    }

    private static Argument<Guid> Id() => new("id") { Description = "The review's id." };

    /// <summary>A text of strangers must not move the cursor.</summary>
    private static string Printable(string text) =>
        string.Concat(text.Select(c => char.IsControl(c) && c is not ('\n' or '\t') ? '\uFFFD' : c));

    private static string Found(Review review) => string.Join(", ", review.Findings.Select(f => f.Type).Distinct());

    private static string Word(string name) => System.Text.Json.JsonNamingPolicy.SnakeCaseLower.ConvertName(name).Replace('_', ' ');
}

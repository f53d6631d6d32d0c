using System.CommandLine;
using System.Globalization;
using Gatehouse.Client;
using Gatehouse.Contracts;
using Gatehouse.Output;

namespace Gatehouse.Commands;

/// <summary><c>gatehouse call</c>: one prompt through a route, streamed to the terminal, with what it cost.</summary>
internal static class CallCommand
{
    /// <summary>The file in the data directory that holds the key of the sample system.</summary>
    public const string SampleKeyFile = "sample-key";

    /// <summary>What is known of the call at its end; the shape of <c>--json</c>.</summary>
    internal sealed record Summary(
        string RequestId, string Route, string? Model, string? Provider, string Text, string? FinishReason,
        long? InputTokens, long? OutputTokens, decimal? CostUsd, long FirstByteMicros, long DurationMicros);

    public static Command Create()
    {
        var prompt = new Argument<string>("prompt") { Description = "The text to send; - reads it from standard input." };
        var route = new Option<string?>(
            "--route", "-r") { Description = "The model name to ask for. Default: what the server proposes for a first call.",
                HelpName = "name" };
        var instructions = new Option<string?>(
            "--instructions", "-i") { Description = "A system prompt sent before the text.", HelpName = "text" };
        var key = new Option<string?>(
            "--key") { Description = "The API key to call with. Default: GATEHOUSE_KEY, then the sample system's.", HelpName = "key" };
        var system = new Option<string?>(
            "--system") { Description = "Call as this system, with a development key made for this call and revoked after it.",
                HelpName = "system" };
        var maxTokens = new Option<int?>("--max-tokens") { Description = "Longest answer, in tokens.", HelpName = "count" };
        var command = new Command(
            "call", "Send one prompt through a route and stream the answer.") { prompt, route, instructions, key, system, maxTokens };
        command.SetApiAction(async (parsed, api, terminal, ct) =>
        {
            var text = parsed.GetRequiredValue(prompt);
            text = text == "-" ? await System.Console.In.ReadToEndAsync(ct) : text;
            await using var borrowed = parsed.GetValue(system) is { } named
                ? await BorrowedKey.MakeAsync(api, named, ct)
                : null;
            var secret = borrowed?.Secret ?? parsed.GetValue(key) ?? Connection.Variable("GATEHOUSE_KEY")
                ?? Connection.Local(parsed.GetValue(GlobalOptions.Data), SampleKeyFile)
                ?? throw new CommandException(ExitCodes.Unreachable, "no_key",
                    "No API key is known. Pass --key or --system, set GATEHOUSE_KEY, or run in the directory of the server's data.");
            using var gateway = new GatewayClient(api.Connection.Url, secret);
            var asked = parsed.GetValue(route) ?? await DefaultModelAsync(api, ct) ?? await gateway.FirstModelAsync(ct);
            var answer = await gateway.AskAsync(
                asked, parsed.GetValue(instructions), text, parsed.GetValue(maxTokens), terminal.Json ? null : terminal.Out, ct);
            var recorded = await CallLookup.TryFindAsync(api, answer.RequestId, ct);
            Print(terminal, asked, answer, recorded?.Call);
            return ExitCodes.Done;
        });
        return command;
    }

    /// <returns><see langword="null"/> when there is no token or it may not see the configuration.</returns>
    private static async Task<string?> DefaultModelAsync(ApiClient api, CancellationToken ct)
    {
        try
        {
            return api.Connection.Token is null
                ? null
                : (await api.GetAsync("api/config", ClientJson.Default.ConfigurationView, ct)).DefaultModel;
        }
        catch (ProblemException)
        {
            return null;
        }
    }

    private static void Print(Terminal terminal, string asked, GatewayAnswer answer, CallSummary? recorded)
    {
        var summary = new Summary(
            answer.RequestId, asked, recorded?.AnsweredModel ?? answer.Model, recorded?.Provider, answer.Text, answer.FinishReason,
            recorded?.Usage?.TotalInput ?? answer.InputTokens, recorded?.Usage?.TotalOutput ?? answer.OutputTokens,
            recorded?.CostUsd, (long)answer.FirstByte.TotalMicroseconds, (long)answer.Duration.TotalMicroseconds);
        if (terminal.Json)
        {
            terminal.WriteJson(summary, ClientJson.Default.Summary);
            return;
        }

        terminal.Out.WriteLine();
        terminal.Out.WriteLine();
        terminal.WriteFields(
            ("Model", summary.Provider is null ? summary.Model : $"{summary.Model} (route {asked}, provider {summary.Provider})"),
            ("Tokens", $"{Count(summary.InputTokens)} in, {Count(summary.OutputTokens)} out"),
            ("Cost", Terminal.Money(summary.CostUsd)),
            ("Latency", $"first token {Terminal.Duration(summary.FirstByteMicros)}, all {Terminal.Duration(summary.DurationMicros)}"
                + (recorded is null ? "" : $", of which Gatehouse {Terminal.Duration(recorded.OwnMicros)}")),
            ("Request", summary.RequestId));
    }

    private static string Count(long? tokens) => tokens?.ToString(CultureInfo.InvariantCulture) ?? "unknown";
}

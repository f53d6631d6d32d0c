using System.CommandLine;
using System.Net.Sockets;
using Gatehouse.Client;
using Gatehouse.Configuration;
using Gatehouse.Gateway.Providers;
using Gatehouse.Governance;
using Gatehouse.Hosting;
using Gatehouse.Output;

namespace Gatehouse.Commands;

/// <summary><c>gatehouse doctor</c>: asks the running server what is wrong, or looks by itself when none runs.</summary>
internal static class DoctorCommand
{
    public static Command Create()
    {
        var ledger = new Option<bool>(
            "--ledger") { Description =
                "Prove that journal, ledger, sums and budgets agree, from the data directory and the database themselves." };
        var command = new Command(
            "doctor", "Check configuration, providers, database, disk and clock, and say how to mend each.") { ConfigurationSources.File,
                ledger };
        command.SetAction(async (parsed, ct) =>
        {
            var terminal = Terminal.Standard(parsed.GetValue(GlobalOptions.Json));
            var answer = parsed.GetValue(ledger)
                ? await LookAtLedgerAsync(parsed, ct)
                : await AskServerAsync(parsed, ct) ?? await LookAsync(parsed, ct);
            Print(terminal, answer);
            return answer.Checks.Any(c => c.State == DoctorState.Failing) ? ExitCodes.Unhealthy : ExitCodes.Done;
        });
        return command;
    }

    /// <returns><see langword="null"/> when no server runs here, or a configuration file was named to be looked at.</returns>
    private static async Task<Diagnosis?> AskServerAsync(ParseResult parsed, CancellationToken ct)
    {
        if (parsed.GetValue(ConfigurationSources.File) is not null)
        {
            return null;
        }

        var named = parsed.GetValue(GlobalOptions.Url);
        using var api = ApiClient.Open(
            Connection.Resolve(named, parsed.GetValue(GlobalOptions.Token), parsed.GetValue(GlobalOptions.Data)));
        try
        {
            var checks = await api.GetAsync("api/doctor", ClientJson.Default.DoctorChecks, ct);
            return new Diagnosis($"the server at {api.Connection.Url}", checks.Rows);
        }
        catch (HttpRequestException e) when (named is null && e.InnerException is SocketException)
        {
            return null;
        }
        catch (CommandException) when (named is null && api.Connection.Token is null)
        {
            return null;
        }
    }

    private static async Task<Diagnosis> LookAsync(ParseResult parsed, CancellationToken ct)
    {
        var secrets = new SecretValues();
        var loader = ServerParts.Loader(ConfigurationSources.From(parsed), new ProviderFactory(TimeProvider.System), secrets);
        var start = (await loader.LoadStartAsync(ct)).Start;
        await secrets.TryReadAsync(start, ct);
        var doctor = new Doctor(t => loader.LoadAsync(null, t), DatabasePing.Edges);
        return new Diagnosis("this machine (no server was asked)", [.. await doctor.RunAsync(ct), .. SecretChecks(start)]);
    }

    /// <summary>A start needs it before all else.</summary>
    private static IEnumerable<DoctorCheck> SecretChecks(StartSettings? start) =>
        start is null || InstallationSecret.FaultOf(start.DataFolder) is not { } fault ? []
            : [new DoctorCheck("secret", DoctorState.Failing, fault)];

    private static async Task<Diagnosis> LookAtLedgerAsync(ParseResult parsed, CancellationToken ct)
    {
        var loaded = await ServerParts.LoadAsync(ConfigurationSources.From(parsed), ct);
        return new Diagnosis("the ledger", await LedgerDoctor.RunAsync(loaded, TimeProvider.System, ct));
    }

    private static void Print(Terminal terminal, Diagnosis answer)
    {
        if (terminal.Json)
        {
            terminal.WriteJson(new Items<DoctorCheck>(answer.Checks), ClientJson.Default.DoctorChecks);
            return;
        }

        terminal.Out.WriteLine($"Checks of {answer.Of}:");
        foreach (var check in answer.Checks)
        {
            terminal.Out.WriteLine($"  {Mark(check.State)} {check.Name}: {check.Message}");
            if (check.Mend is { } mend)
            {
                terminal.Out.WriteLine($"            {mend}");
            }
        }
    }

    private static string Mark(DoctorState state) => state switch
    {
        DoctorState.Ok => "ok     ",
        DoctorState.Notice => "notice ",
        DoctorState.Warning => "warning",
        _ => "FAILING",
    };

    private sealed record Diagnosis(string Of, IReadOnlyList<DoctorCheck> Checks);
}

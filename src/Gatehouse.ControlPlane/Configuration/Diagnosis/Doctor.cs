using System.Globalization;
using System.Net.Sockets;
using System.Security.Authentication;
using Gatehouse.Gateway.Polling;
using Gatehouse.Gateway.Providers;

namespace Gatehouse.Configuration;

/// <summary>
/// Looks at what Gatehouse depends on and says how to mend what does not work. Needs no running server: the CLI gives it a configuration
/// that it read itself, the server the one in force. No message holds a secret.
/// </summary>
/// <param name="configuration">Reads the configuration, or gives the one in force with its errors.</param>
public sealed class Doctor(Func<CancellationToken, Task<ConfigurationOutcome>> configuration, DoctorEdges edges)
{
    private const long FailingFreeBytes = 100L << 20;
    private const long WarningFreeBytes = 1L << 30;
    private const int WarningOpenFiles = 4096;
    private static readonly TimeSpan WarningSkew = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan FailingSkew = TimeSpan.FromMinutes(5);

    /// <summary>The systems that exceptions may name; <see langword="null"/>: nobody here knows them.</summary>
    public ReadKnownSystems? Systems { get; init; }

    /// <summary>The server's doctor: checks the configuration in force.</summary>
    public static Doctor Of(ConfigurationState state, DoctorEdges edges, ReadKnownSystems systems) =>
        new(_ => Task.FromResult(
            new ConfigurationOutcome(state.Current, state.LastErrors) { RestartNeeded = state.RestartNeeded, Warnings = state.Warnings }),
            edges) { Systems = systems };

    /// <summary>
    /// Runs every check, in parallel where they wait for others. In a fixed order; takes seconds when something does not answer.
    /// </summary>
    public async Task<IReadOnlyList<DoctorCheck>> RunAsync(CancellationToken ct)
    {
        var outcome = await configuration(ct);
        var checks = new List<DoctorCheck>(CheckConfiguration(outcome));
        if (outcome.Loaded is not { } loaded)
        {
            return checks;
        }

        var providers = loaded.Compiled.Providers.Values.Select(p => CheckProviderAsync(p, ct)).ToList();
        var database = CheckDatabaseAsync(loaded, ct);
        var clock = CheckClockAsync(loaded, database, providers, ct);
        checks.AddRange(await Task.WhenAll(providers));
        checks.AddRange(RouteChecks.Of(loaded.Compiled));
        checks.AddRange(CheckExceptions(loaded.Config.Policies.Exceptions));
        var (answers, there) = await database;
        checks.Add(answers);
        if (edges.Tables(loaded) is { } tables)
        {
            checks.Add(tables);
        }

        if (edges.Ledger() is { } ledger)
        {
            checks.Add(ledger);
        }

        checks.Add(CheckDisk(loaded));
        checks.Add(CheckOpenFiles());
        checks.Add(await clock);
        if (answers.State == DoctorState.Ok)
        {
            // Nothing is said when it has gone since: the next look does.
            IReadOnlyList<DoctorCheck> traces = [];
            await TryAsync(async t => traces = await edges.ClockTraces(there ?? edges.Clock.GetUtcNow(), t), ct);
            checks.AddRange(traces);
        }

        return checks;
    }

    private static IEnumerable<DoctorCheck> CheckConfiguration(ConfigurationOutcome outcome)
    {
        const string Name = "configuration";
        foreach (var error in outcome.Errors)
        {
            var kept = outcome.Loaded is { } last ? $" Revision {last.Revision} stays in force." : "";
            yield return new(
                Name, DoctorState.Failing, (error with { Suggestion = null }) + kept,
                error.Suggestion ?? "Mend the file; it is read again at once.");
        }

        if (outcome.Loaded is { } loaded && outcome.Errors.Count == 0)
        {
            yield return loaded.SourcePath is null
                ? new(Name, DoctorState.Notice,
                    $"There is no gatehouse.yaml: the embedded default is in force (revision {loaded.Revision}).",
                    "Nothing, until you want routes and prices of your own: begin with samples/gatehouse.yaml.")
                : new(Name, DoctorState.Ok, $"{loaded.SourcePath} is in force (revision {loaded.Revision}).");
        }

        foreach (var warning in outcome.Warnings)
        {
            yield return new(
                Name, DoctorState.Warning, warning,
                "Nothing is lost while Gatehouse runs: it goes on with what it has read. Mend the vault before the next start.");
        }

        if (outcome.RestartNeeded.Count > 0)
        {
            yield return new(
                Name, DoctorState.Warning, $"Changed, but in force only after a restart: {string.Join(", ", outcome.RestartNeeded)}.",
                "Restart Gatehouse.");
        }
    }

    private IEnumerable<DoctorCheck> CheckExceptions(List<PolicyExceptionOptions> written) =>
        Systems is null || written.Count == 0 ? []
            : WrittenExceptions.Warnings(written.Select(e => e.System), Systems()) is { Count: > 0 } warnings
            ? warnings.Select(w => new DoctorCheck(
                "exceptions", DoctorState.Warning, w, "Name one system in 'policies.exceptions': 'team/name', or its id."))
            : [new DoctorCheck("exceptions", DoctorState.Ok, "Each exception of the configuration is of one system.")];

    private async Task<DoctorCheck> CheckProviderAsync(Provider provider, CancellationToken ct)
    {
        var settings = provider.Settings;
        var name = "provider " + settings.Name;
        if (settings.Simulator is not null)
        {
            return new(name, DoctorState.Ok, "The simulator runs in this process.");
        }

        var place = $"{settings.BaseUrl.Host}:{settings.BaseUrl.Port}";
        var problem = await TryAsync(t => edges.Connect(settings, t), ct);
        if (problem is SocketException { SocketErrorCode: SocketError.HostNotFound or SocketError.TryAgain or SocketError.NoData })
        {
            return new(name, DoctorState.Failing, $"The name {settings.BaseUrl.Host} cannot be resolved.",
                $"Check 'providers.{settings.Name}.base_url' and the DNS of this machine.");
        }

        if (problem is UpstreamException { Failure: UpstreamFailure.NotAllowed } notAllowed)
        {
            return new(name, DoctorState.Failing, notAllowed.Message,
                $"If it is meant, write 'allow_private: true' in 'providers.{settings.Name}'.");
        }

        if (problem is AuthenticationException insecure)
        {
            return new(name, DoctorState.Failing, $"{place} answers, and its certificate or protocol is not accepted: {insecure.Message}",
                "Have its owner renew the certificate; or let this machine trust who signed it, and check its clock.");
        }

        if (problem is not null)
        {
            var what = problem is OperationCanceledException
                ? "does not answer"
                : problem is SocketException { SocketErrorCode: SocketError.ConnectionRefused }
                ? "refuses connections" : "cannot be reached";
            return new(name, DoctorState.Failing, $"{place} {what}.", settings.BaseUrl.IsLoopback
                ? $"Start it, or remove 'providers.{settings.Name}'."
                : "Check the firewall, the proxy and the provider's status page.");
        }

        var refused = CredentialView.Of(provider).Where(c => c.State == "refused").Select(c => c.Name).ToList();
        if (refused.Count > 0)
        {
            return new(name, DoctorState.Warning,
                $"{settings.Name} refuses {string.Join(", ", refused)}; its other credentials are used meanwhile.",
                $"Replace what 'providers.{settings.Name}.api_keys' refers to, or give it the rights it lacks.");
        }

        var credential = settings.HasCredential || settings.Headers.Count > 0;
        return !credential && ProviderPresets.Find(settings.Kind) is { NeedsKey: true } preset
            ? new(name, DoctorState.Failing, $"{place} answers, but there is no credential.", $"Set {preset.KeyVariables[0]} and restart.")
            : new(name, DoctorState.Ok,
                credential ? $"{place} answers, and a credential is set." : $"{place} answers; no credential is set.");
    }

    private async Task<(DoctorCheck Check, DateTimeOffset? Clock)> CheckDatabaseAsync(LoadedConfiguration loaded, CancellationToken ct)
    {
        const string Name = "database";
        (string Version, DateTimeOffset? Clock) sign = default;
        var problem = await TryAsync(async t => sign = await edges.PingDatabase(loaded, t), ct);
        if (problem is null)
        {
            return (new(Name, DoctorState.Ok, $"{sign.Version} answers."), sign.Clock);
        }

        // Another's message may quote the connection string, and its type has to do.
        var place = loaded.SqlitePath ?? "PostgreSQL";
        var what = problem switch
        {
            OperationCanceledException => $"{place} does not answer in time.",
            DatabasePingException => problem.Message,
            _ => $"{place} cannot be used ({problem.GetType().Name}).",
        };
        var mend = (problem as DatabasePingException)?.Mend ?? (loaded.SqlitePath is null
            ? "Check 'storage.postgres': host, port, database, user and password."
            : problem is OperationCanceledException
            ? "A long write is under way, or another program has the file open: try again, and end that program if there is one."
            : "Check that the folder exists and that the user that runs Gatehouse may write there.");
        return (new DoctorCheck(Name, DoctorState.Failing, what, mend), null);
    }

    private DoctorCheck CheckDisk(LoadedConfiguration loaded)
    {
        const string Name = "disk";
        try
        {
            var folder = loaded.DataFolder;
            var existing = folder;
            while (!Directory.Exists(existing) && Path.GetDirectoryName(existing) is { } parent)
            {
                existing = parent;
            }

            var free = edges.FreeBytes(existing);
            var amount = string.Create(CultureInfo.InvariantCulture, $"{free / (1024.0 * 1024 * 1024):0.0} GiB");
            var message = existing == folder
                ? $"{amount} free for {folder}."
                : $"{amount} free for {folder}, which will be made at the start.";
            return free switch
            {
                < FailingFreeBytes =>
                    new(Name, DoctorState.Failing, message, "Free some space: calls are refused when the journal cannot grow."),
                < WarningFreeBytes => new(Name, DoctorState.Warning, message, "Free some space, or move 'server.data' to a larger disk."),
                _ => new(Name, DoctorState.Ok, message),
            };
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException)
        {
            return new(Name, DoctorState.Failing, $"The space for {loaded.DataFolder} cannot be read.", "Check that the disk is mounted.");
        }
    }

    private DoctorCheck CheckOpenFiles()
    {
        const string Name = "open files";
        var limit = edges.OpenFiles();
        var message = limit == int.MaxValue
            ? "Nothing bounds how many files and sockets may be open."
            : string.Create(
                CultureInfo.InvariantCulture,
                $"{limit} files and sockets may be open: clients are accepted while fewer than {Descriptors.ClientsOf(limit)} are, others wait.");
        return limit switch
        {
            < Descriptors.Least => new(Name, DoctorState.Failing, message, Descriptors.Mend),
            < WarningOpenFiles => new(Name, DoctorState.Warning, message, Descriptors.Mend),
            _ => new(Name, DoctorState.Ok, message),
        };
    }

    /// <summary>
    /// Compares with the database's clock, which all nodes share; where it has none, with the first provider that answered.
    /// </summary>
    private async Task<DoctorCheck> CheckClockAsync(
        LoadedConfiguration loaded, Task<(DoctorCheck Check, DateTimeOffset? Clock)> database, List<Task<DoctorCheck>> reached,
        CancellationToken ct)
    {
        if ((await database).Clock is { } kept)
        {
            return CompareClocks(kept, "PostgreSQL");
        }

        var index = 0;
        foreach (var provider in loaded.Compiled.Providers.Values)
        {
            var check = await reached[index++];
            if (provider.Settings.Simulator is not null || provider.Settings.BaseUrl.IsLoopback || check.State == DoctorState.Failing)
            {
                continue;
            }

            DateTimeOffset? there = null;
            if (await TryAsync(async t => there = await edges.ServerDate(provider.Settings.BaseUrl, t), ct) is null && there is { } date)
            {
                return CompareClocks(date, provider.Settings.BaseUrl.Host);
            }
        }

        var now = edges.Clock.GetUtcNow().ToString("yyyy-MM-dd HH:mm:ss'Z'", CultureInfo.InvariantCulture);
        return new("clock", DoctorState.Notice, $"{now}; there was no remote provider to compare with.");
    }

    private DoctorCheck CompareClocks(DateTimeOffset there, string whose)
    {
        var skew = (edges.Clock.GetUtcNow() - there).Duration();
        var message = string.Create(CultureInfo.InvariantCulture, $"{skew.TotalSeconds:0} s apart from {whose}.");
        return skew switch
        {
            _ when skew >= FailingSkew => new("clock", DoctorState.Failing, message,
                "Set the clock, and keep it by NTP: calls are dated, keys expire, budgets are counted and stored texts deleted by it."),
            _ when skew >= WarningSkew => new("clock", DoctorState.Warning, message, "Keep the clock by NTP."),
            _ => new("clock", DoctorState.Ok, message),
        };
    }

    /// <returns>What went wrong, or <see langword="null"/>.</returns>
    private async Task<Exception?> TryAsync(Func<CancellationToken, Task> act, CancellationToken ct)
    {
        using var patience = new CancellationTokenSource(edges.Patience, edges.Clock);
        using var both = CancellationTokenSource.CreateLinkedTokenSource(ct, patience.Token);
        try
        {
            await act(both.Token);
            return null;
        }
        catch (Exception e) when (!ct.IsCancellationRequested)
        {
            return e;
        }
    }
}

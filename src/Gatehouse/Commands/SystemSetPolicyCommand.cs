using System.CommandLine;
using Gatehouse.Client;
using Gatehouse.Contracts;

namespace Gatehouse.Commands;

/// <summary><c>gatehouse system set-policy</c>: which guard policy applies to a system in an environment.</summary>
internal static class SystemSetPolicyCommand
{
    internal sealed record Request(bool StoreContent, int RetentionDays, string GuardPolicy);

    public static Command Create()
    {
        var system = new Argument<string>("system") { Description = "Name, team/name or id." };
        var policy = new Argument<string>(
            "policy") { Description =
                "A policy's name (see 'gatehouse policy list'), 'none', or 'default' for what the configuration says." };
        var environment = new Option<SystemEnvironment>("--environment", "-e")
        {
            Description = "Where it applies.", HelpName = "development|staging|production", Required = true,
        };
        environment.AcceptOnlyItsWords();
        var command = new Command(
            "set-policy", "Choose the guard policy of a system in an environment. Holds on every node when it returns.") { system, policy,
                environment };
        command.SetApiAction(async (parsed, api, terminal, ct) =>
        {
            var found = await SystemLookup.FindAsync(api, parsed.GetRequiredValue(system), ct);
            var where = parsed.GetValue(environment);
            var before = found.Environments.First(e => e.Environment == where);
            var word = where.ToString().ToLowerInvariant();
            var answer = await api.PutAsync(
                $"api/systems/{found.Id}/environments/{word}",
                new Request(before.StoreContent, before.RetentionDays, parsed.GetRequiredValue(policy)),
                ClientJson.Default.SystemSetPolicyCommandRequest,
                ct);
            if (terminal.Json)
            {
                terminal.WriteJson(answer);
                return ExitCodes.Done;
            }

            var set = ApiClient.Read(answer, ClientJson.Default.AiSystem);
            var now = set.Environments.First(e => e.Environment == where).GuardPolicy;
            terminal.Out.WriteLine(
                $"{set.Team}/{set.Name} in {word}: {(now is null ? "the configuration's default" : now == "none" ? "no guard policy" : $"guard policy {now}")}.");
            return ExitCodes.Done;
        });
        return command;
    }
}

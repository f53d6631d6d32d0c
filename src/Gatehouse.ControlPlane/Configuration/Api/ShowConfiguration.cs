using Gatehouse.Api;
using Gatehouse.Contracts;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Routing;

namespace Gatehouse.Configuration;

/// <summary>The configuration in force, as it may be shown.</summary>
/// <param name="SourcePath"><see langword="null"/> for the embedded default.</param>
/// <param name="Text">YAML with defaults, secrets masked.</param>
/// <param name="Errors">What is wrong with the file since it was changed last; the revision shown is the last good one.</param>
/// <param name="RestartNeeded">Names of settings that were changed and take effect at the next start.</param>
public sealed record ConfigurationView(
    string Revision,
    string? SourcePath,
    DateTimeOffset LoadedAt,
    string DefaultModel,
    string PriceRevision,
    string Text,
    IReadOnlyList<ConfigurationError> Errors,
    IReadOnlyList<string> RestartNeeded);

/// <summary>GET /api/config — the configuration in force, secrets masked.</summary>
internal static class ShowConfiguration
{
    public static void Map(IEndpointRouteBuilder api) => api.MapGet("/config", Handle);

    /// <summary>Shows the configuration in force, secrets masked, with what is wrong with its file.</summary>
    internal static Ok<ConfigurationView> Handle(HttpContext http, ConfigurationState state)
    {
        Settings.Require(ApiPerson.Require(http));
        return TypedResults.Ok(View(state));
    }

    private static ConfigurationView View(ConfigurationState state)
    {
        var current = state.Current;
        return new(
            current.Revision,
            current.SourcePath,
            current.LoadedAt,
            current.Compiled.DefaultModel,
            current.Compiled.Prices.Revision,
            current.Text,
            state.LastErrors,
            state.RestartNeeded);
    }
}

/// <summary>The installation's own matters need a role that holds everywhere.</summary>
internal static class Settings
{
    /// <exception cref="ProblemException">The person may not: 403.</exception>
    public static void Require(Person who)
    {
        if (!who.MayEverywhere(Permission.ReadSettings))
        {
            throw new ProblemException(
                Problem.Forbidden("The configuration is for admins, architects and auditors of the whole installation."));
        }
    }
}

using Gatehouse.Api;
using Gatehouse.Contracts;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Routing;

namespace Gatehouse.Configuration;

/// <summary>POST /api/config/check — what is wrong with a configuration, without taking it.</summary>
internal static class CheckConfiguration
{
    /// <param name="Text">The whole file.</param>
    /// <param name="Policies">Policy files to check with it: texts by their paths, as `policies.files` names them.</param>
    internal sealed record Request(string? Text, IReadOnlyDictionary<string, string>? Policies = null)
    {
        public override string ToString() => nameof(Request);
    }

    /// <param name="Items">Empty when the configuration is right.</param>
    /// <param name="Warnings">What is no error, and may not be meant: an exception that covers nobody.</param>
    internal sealed record Response(IReadOnlyList<ConfigurationError> Items, IReadOnlyList<string> Warnings);

    public static void Map(IEndpointRouteBuilder api) => api.MapPost("/config/check", Handle);

    /// <summary>
    /// Checks a configuration as if it stood in the file, and lists everything that is wrong, the policy files and their tests included
    /// that are sent with it. Files that it names are not opened.
    /// </summary>
    internal static Ok<Response> Handle(Request request, HttpContext http, ConfigurationState state, ReadKnownSystems systems)
    {
        Settings.Require(ApiPerson.Require(http));
        if (request.Text is null)
        {
            throw new ProblemException(Problem.Invalid("text", "must hold the configuration to check"));
        }

        var errors = state.Loader.Check(request.Text, request.Policies, out var exceptions);
        return TypedResults.Ok(new Response(errors, WrittenExceptions.Warnings(exceptions, systems())));
    }
}

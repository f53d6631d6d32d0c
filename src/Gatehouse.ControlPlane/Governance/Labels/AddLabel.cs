using System.Text.Json.Serialization;
using Gatehouse.Api;
using Gatehouse.Contracts;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Routing;

namespace Gatehouse.Governance;

/// <summary>POST /api/guard/labels — says whether a guard was right about a text.</summary>
internal static class AddLabel
{
    /// <param name="Team">A name; may be left out where the system tells it.</param>
    /// <param name="Spans">Places in UTF-16 units; empty where the verdict is about the text as a whole.</param>
    /// <param name="Others">Other places of the text that are right.</param>
    [JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Disallow)]
    internal sealed record Request(
        string Detector,
        string Type,
        string Text,
        LabelVerdict Verdict,
        string Side = "input",
        IReadOnlyList<LabelSpan>? Spans = null,
        IReadOnlyList<LabelSpan>? Others = null,
        LabelSource Source = LabelSource.Sample,
        string? Team = null,
        Guid? System = null,
        Guid? Call = null)
    {
        public override string ToString() => nameof(Request);
    }

    public static void Map(IEndpointRouteBuilder api) => api.MapPost("/guard/labels", HandleAsync).WithTags("guard");

    /// <summary>
    /// Labels a text: development data of your own traffic. It is encrypted at rest and deleted after a year; the same places of the same
    /// text have one label, and the later verdict holds.
    /// </summary>
    internal static async Task<Created<Label>> HandleAsync(
        Request request, HttpContext http, Labels labels, Teams teams, Systems systems, CancellationToken ct)
    {
        var who = ApiPerson.Require(http);
        var team = request.System is { } system ? (await systems.GetAsync(who, system, ct)).TeamId
            : (await teams.ListAsync(who, ct)).FirstOrDefault(t => t.Name == request.Team)?.Id
                ?? throw new ProblemException(Problem.NotFound("team", request.Team ?? ""));
        var made = await labels.AddAsync(
            who,
            new NewLabel(
                team, request.Detector, request.Type, request.Side, request.Text, request.Spans ?? [], request.Verdict, request.Source)
            {
                SystemId = request.System,
                CallId = request.Call,
                Others = request.Others ?? [],
            },
            ct);
        return TypedResults.Created((string?)null, made);
    }
}

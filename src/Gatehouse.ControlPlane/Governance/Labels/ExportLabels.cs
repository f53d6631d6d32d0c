using System.Text;
using Gatehouse.Api;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Routing;

namespace Gatehouse.Governance;

/// <summary>GET /api/guard/labels/export — labels as development data.</summary>
internal static class ExportLabels
{
    public static void Map(IEndpointRouteBuilder api) =>
        api.MapGet("/guard/labels/export", Handle).Produces<string>(200, "application/jsonl").WithTags("guard");

    /// <summary>
    /// The labels of one set with their texts, a line of JSON each, as `gatehouse guard eval` and the trainers read them. For roles that
    /// may read stored texts.
    /// </summary>
    /// <param name="set">pii, secrets, injection, indirect, harmful or other.</param>
    /// <param name="system">The id of a system: only its labels.</param>
    internal static PushStreamHttpResult Handle(string? set, Guid? system, HttpContext http, Labels labels, CancellationToken ct)
    {
        var lines = labels.Export(ApiPerson.Require(http), set ?? "", system, ct);
        return TypedResults.Stream(to => WriteAsync(lines, to, ct), "application/jsonl");
    }

    private static async Task WriteAsync(IAsyncEnumerable<string> lines, Stream to, CancellationToken ct)
    {
        await foreach (var line in lines)
        {
            await to.WriteAsync(Encoding.UTF8.GetBytes(line + "\n"), ct);
        }
    }
}

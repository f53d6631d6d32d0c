using Gatehouse.Api;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Routing;

namespace Gatehouse.Configuration;

/// <summary>GET /api/doctor — checks what Gatehouse depends on.</summary>
internal static class RunDoctor
{
    internal sealed record Response(IReadOnlyList<DoctorCheck> Items);

    public static void Map(IEndpointRouteBuilder api) => api.MapGet("/doctor", HandleAsync);

    /// <summary>
    /// Checks configuration, providers, database, disk and clock, and says how to mend each. Takes seconds when something does not answer.
    /// </summary>
    internal static async Task<Ok<Response>> HandleAsync(HttpContext http, Doctor doctor, CancellationToken ct)
    {
        Settings.Require(ApiPerson.Require(http));
        return TypedResults.Ok(new Response(await doctor.RunAsync(ct)));
    }
}

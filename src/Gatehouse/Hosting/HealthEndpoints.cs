using System.Text.Json;
using System.Text.Json.Serialization;

namespace Gatehouse.Hosting;

/// <summary>GET /healthz — the process answers; GET /readyz — it should get calls, or the reasons why not.</summary>
internal static class HealthEndpoints
{
    internal sealed record Answer(string Status, IReadOnlyList<string> Reasons);

    public static void MapHealth(this IEndpointRouteBuilder app)
    {
        app.MapGet("/healthz", static (HttpContext http) => WriteAsync(http, 200, new("ok", []))).ExcludeFromDescription();
        app.MapGet("/readyz", static (HttpContext http) =>
        {
            var reasons = http.RequestServices.GetRequiredService<Readiness>().Reasons();
            return reasons.Count == 0 ? WriteAsync(http, 200, new("ready", [])) : WriteAsync(http, 503, new("not_ready", reasons));
        }).ExcludeFromDescription();
    }

    private static Task WriteAsync(HttpContext http, int status, Answer answer)
    {
        http.Response.StatusCode = status;
        http.Response.ContentType = "application/json";
        return JsonSerializer.SerializeAsync(http.Response.Body, answer, HealthJson.Default.Answer, http.RequestAborted);
    }
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(HealthEndpoints.Answer))]
internal sealed partial class HealthJson : JsonSerializerContext;

using System.Text.Json;
using System.Text.Json.Serialization;

namespace Gatehouse.Hosting;

/// <summary>
/// GET /healthz — the process answers; GET /readyz — it should get calls, or the reasons why not. Before routing, which builds the
/// endpoints of API and console when it is first needed: half a second of compiling that neither the start nor a pure gateway should pay.
/// </summary>
internal static class HealthEndpoints
{
    internal sealed record Answer(string Status, IReadOnlyList<string> Reasons);

    public static void UseHealth(this IApplicationBuilder app) => app.Use(static (HttpContext http, RequestDelegate next) =>
    {
        var path = http.Request.Path;
        if (!HttpMethods.IsGet(http.Request.Method) || (path != "/healthz" && path != "/readyz"))
        {
            return next(http);
        }

        var reasons = path == "/healthz" ? null : http.RequestServices.GetRequiredService<Readiness>().Reasons();
        return reasons is null ? WriteAsync(http, 200, new("ok", []))
            : reasons.Count == 0 ? WriteAsync(http, 200, new("ready", []))
            : WriteAsync(http, 503, new("not_ready", reasons));
    });

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

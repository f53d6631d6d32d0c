using System.Text.Json;
using System.Text.Json.Serialization;

namespace Gatehouse.Hosting;

/// <summary>
/// GET /healthz — the process answers; GET /readyz — it should get calls, or the reasons why not. Before routing, which builds the
/// endpoints of API and console when it is first needed: half a second of compiling that neither the start nor a pure gateway should pay.
/// </summary>
internal static class HealthEndpoints
{
    /// <param name="Reasons">Why it should get no calls.</param>
    internal sealed record Answer(string Status, IReadOnlyList<string> Reasons)
    {
        /// <summary>What is not as it should be, and no such reason.</summary>
        public IReadOnlyList<string> Notes { get; init; } = [];
    }

    public static void UseHealth(this IApplicationBuilder app) => app.Use(static (HttpContext http, RequestDelegate next) =>
    {
        var path = http.Request.Path;
        if (!HttpMethods.IsGet(http.Request.Method) || (path != "/healthz" && path != "/readyz"))
        {
            return next(http);
        }

        if (path == "/healthz")
        {
            return WriteAsync(http, 200, new("ok", []));
        }

        var readiness = http.RequestServices.GetRequiredService<Readiness>();
        return readiness.Reasons() is { Count: > 0 } reasons
            ? WriteAsync(http, 503, new("not_ready", reasons))
            : WriteAsync(http, 200, new("ready", []) { Notes = readiness.Notes() });
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

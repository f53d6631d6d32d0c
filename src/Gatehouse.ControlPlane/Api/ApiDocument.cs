using System.Reflection;
using System.Security.Cryptography;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.OpenApi;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Net.Http.Headers;
using Microsoft.OpenApi;

namespace Gatehouse.Api;

/// <summary>GET /api/openapi.json — the whole REST API, from the handlers and their comments.</summary>
public static class ApiDocument
{
    private const string Name = "openapi";
    private const string Scheme = "access_token";

    public static IServiceCollection AddApiDocument(this IServiceCollection services) => services.AddOpenApi(Name, options =>
    {
        // Every operation calls its body Request or Response: the operation's name tells them apart.
        options.CreateSchemaReferenceId = info => OpenApiOptions.CreateDefaultSchemaReferenceId(info) is { } id
            ? info.Type is { IsNested: true, DeclaringType: { } operation } ? operation.Name + id : id
            : null;
        options.AddDocumentTransformer((document, _, _) =>
        {
            document.Info = new OpenApiInfo
            {
                Title = "Gatehouse",
                Version = Assembly.GetExecutingAssembly().GetName().Version!.ToString(3),
                Description = "Everything the console and the command line do. Failures are application/problem+json with a stable 'code'.",
            };
            document.Servers = [];
            document.Components ??= new OpenApiComponents();
            document.Components.SecuritySchemes = new Dictionary<string, IOpenApiSecurityScheme>
            {
                [Scheme] = new OpenApiSecurityScheme { Type = SecuritySchemeType.Http, Scheme = "bearer",
                    Description = "An access token, 'ght_…'." },
            };
            document.Security = [new OpenApiSecurityRequirement { [new OpenApiSecuritySchemeReference(Scheme, document)] = [] }];
            return Task.CompletedTask;
        });
        options.AddOperationTransformer((operation, _, _) =>
        {
            (operation.Summary, operation.Description) = (OneLine(operation.Summary), OneLine(operation.Description));
            return Task.CompletedTask;
        });
        options.AddSchemaTransformer((schema, _, _) =>
        {
            schema.Description = OneLine(schema.Description);
            return Task.CompletedTask;
        });
    });

    /// <summary>
    /// Open to all: it describes, and shows nothing that is stored. Made, with what makes it, at the first request, and the same for each.
    /// </summary>
    public static void MapApiDocument(this IEndpointRouteBuilder app)
    {
        var made = new Lazy<Task<(byte[] Json, EntityTagHeaderValue Tag)>>(
            () => MakeAsync(app.ServiceProvider.GetRequiredKeyedService<IOpenApiDocumentProvider>(Name)));
        app.MapGet("/api/openapi.json", async Task<IResult> () =>
            {
                var (json, tag) = await made.Value;
                return TypedResults.Bytes(json, "application/json;charset=utf-8", entityTag: tag);
            })
            .AllowAnonymous().ExcludeFromDescription();
    }

    /// <summary>Comments break their lines for those who read the code.</summary>
    private static string? OneLine(string? text) => text?.ReplaceLineEndings(" ");

    private static async Task<(byte[] Json, EntityTagHeaderValue Tag)> MakeAsync(IOpenApiDocumentProvider provider)
    {
        var document = await provider.GetOpenApiDocumentAsync(CancellationToken.None);
        using var json = new MemoryStream();
        await document.SerializeAsJsonAsync(json, OpenApiSpecVersion.OpenApi3_1, CancellationToken.None);
        var bytes = json.ToArray();
        return (bytes, new EntityTagHeaderValue($"\"{Convert.ToHexStringLower(SHA256.HashData(bytes).AsSpan(0, 8))}\""));
    }
}

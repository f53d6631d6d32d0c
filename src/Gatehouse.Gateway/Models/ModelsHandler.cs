using System.Text.Json;
using Gatehouse.Contracts;
using Gatehouse.Gateway.Calls;
using Gatehouse.Gateway.Chat;
using Gatehouse.Gateway.Messages;
using Gatehouse.Gateway.Routing;
using Gatehouse.Gateway.Streaming;
using Microsoft.AspNetCore.Http;

namespace Gatehouse.Gateway.Models;

/// <summary>
/// GET /v1/models and /v1/models/{id} — the routes, in OpenAI's shape, or in Anthropic's when the request has an <c>anthropic-version</c>.
/// </summary>
internal sealed class ModelsHandler(Snapshot<GatewayTable> tables, TimeProvider clock)
{
    /// <param name="id">The model asked for, or <see langword="null"/> for the list.</param>
    public Task HandleAsync(HttpContext http, string? id)
    {
        var table = tables.Current;
        var anthropic = http.Request.Headers.ContainsKey("anthropic-version");
        Surface surface = anthropic ? MessagesSurface.Instance : ChatSurface.Instance;
        var requestId = RequestIds.For(http.Request, Guid.CreateVersion7());
        ClientAnswer.Identify(http.Response, requestId, surface.RequestIdHeader);

        using var body = new PooledBuffer();
        var problem = Authentication.Check(table, http.Request, clock.GetUtcNow(), out _)
            ?? (id is null || table.Routes.TryFind(id, out _) ? null : NearestRoutes.Unknown(table.Routes, id));
        if (problem is not null)
        {
            surface.WriteError(problem, requestId, body);
            ClientAnswer.WriteWhole(http.Response, problem.Status, body.Span);
            return Task.CompletedTask;
        }

        using (var json = new Utf8JsonWriter(body))
        {
            Write(json, table.Routes, id, anthropic);
        }

        ClientAnswer.WriteWhole(http.Response, StatusCodes.Status200OK, body.Span);
        return Task.CompletedTask;
    }

    private static void Write(Utf8JsonWriter json, RouteTable routes, string? id, bool anthropic)
    {
        if (id is not null)
        {
            WriteModel(json, id, anthropic);
            return;
        }

        json.WriteStartObject();
        if (!anthropic)
        {
            json.WriteString("object"u8, "list"u8);
        }

        json.WriteStartArray("data"u8);
        var served = routes.Routes.Where(r => r is { Off: null, Open: not 0 }).ToList();
        foreach (var route in served)
        {
            WriteModel(json, route.Name, anthropic);
        }

        json.WriteEndArray();
        if (anthropic)
        {
            json.WriteBoolean("has_more"u8, false);
            json.WriteString("first_id"u8, served.Count > 0 ? served[0].Name : null);
            json.WriteString("last_id"u8, served.Count > 0 ? served[^1].Name : null);
        }

        json.WriteEndObject();
    }

    /// <summary>A route has no date of birth, and both formats demand one: the epoch says "unknown".</summary>
    private static void WriteModel(Utf8JsonWriter json, string name, bool anthropic)
    {
        json.WriteStartObject();
        json.WriteString("id"u8, name);
        if (anthropic)
        {
            json.WriteString("type"u8, "model"u8);
            json.WriteString("display_name"u8, name);
            json.WriteString("created_at"u8, "1970-01-01T00:00:00Z"u8);
        }
        else
        {
            json.WriteString("object"u8, "model"u8);
            json.WriteNumber("created"u8, 0);
            json.WriteString("owned_by"u8, "gatehouse"u8);
        }

        json.WriteEndObject();
    }
}

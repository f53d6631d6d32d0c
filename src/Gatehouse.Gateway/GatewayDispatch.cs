using Gatehouse.Contracts;
using Gatehouse.Gateway.Batches;
using Gatehouse.Gateway.Calls;
using Gatehouse.Gateway.Chat;
using Gatehouse.Gateway.Completions;
using Gatehouse.Gateway.Embeddings;
using Gatehouse.Gateway.Generate;
using Gatehouse.Gateway.Media;
using Gatehouse.Gateway.Messages;
using Gatehouse.Gateway.Models;
using Gatehouse.Gateway.Moderations;
using Gatehouse.Gateway.Providers.Anthropic;
using Gatehouse.Gateway.Rerank;
using Gatehouse.Gateway.Responses;
using Gatehouse.Gateway.Streaming;
using Microsoft.AspNetCore.Http;

namespace Gatehouse.Gateway;

/// <summary>Leads the paths under <c>/v1</c> and <c>/v1beta</c> to their handlers, without routing.</summary>
internal sealed class GatewayDispatch(CallPipeline pipeline, ModelsHandler models, ResponsesHandler responses, BatchPaths? batches = null)
{
    public const string GeneratePrefix = "/v1beta";

    private const string Prefix = "/v1";
    private const string GenerateModels = GeneratePrefix + "/models/";
    private const string ServedToGoogle =
        $"Gatehouse serves POST {GenerateModels}{{model}} with :generateContent, :streamGenerateContent, :countTokens, :embedContent and :batchEmbedContents.";

    private const string ChatPath = "/v1/chat/completions";
    private const string MessagesPath = "/v1/messages";
    private const string CountTokensPath = MessagesPath + "/count_tokens";
    private const string CompletionsPath = "/v1/completions";
    private const string EmbeddingsPath = "/v1/embeddings";
    private const string ModerationsPath = "/v1/moderations";
    private const string RerankPath = "/v1/rerank";
    private const string CoherePath = "/v2/rerank";
    private const string ModelsPath = "/v1/models";
    private const string Served =
        $"Gatehouse serves POST {ChatPath}, POST {ResponsesHandler.Path}, POST {MessagesPath}, POST {CompletionsPath}, POST {EmbeddingsPath}, POST {ModerationsPath}, POST {RerankPath}, GET {ModelsPath} and GET {ModelsPath}/{{id}}; and {FilesHandler.Path} and {BatchesHandler.Path}.";
    private const int MaxShownChars = 128;

    private static readonly Surface CountTokens = new TokenCountSurface(
        MessagesSurface.Instance, AnthropicWire.MessagesPath + "/count_tokens", null, static body =>
            MessagesRequestReader.Read(body, isCount: true));

    /// <summary>Whether a path is the gateway's, answered here whatever it names.</summary>
    public static bool Serves(string path) => IsUnder(path, Prefix) || IsUnder(path, GeneratePrefix) || path == CoherePath;

    /// <param name="http">Its path is the gateway's.</param>
    public Task HandleAsync(HttpContext http)
    {
        var path = http.Request.Path.Value ?? "";
        if (!IsUnder(path, Prefix))
        {
            return path == CoherePath ? Rerank(http) : Generate(http, path);
        }

        switch (path)
        {
            case ChatPath:
                return HttpMethods.IsPost(http.Request.Method)
                    ? pipeline.HandleAsync(http, ChatSurface.Instance)
                    : WrongMethod(http, ChatSurface.Instance, "POST");
            case MessagesPath:
                return HttpMethods.IsPost(http.Request.Method)
                    ? pipeline.HandleAsync(http, MessagesSurface.Instance)
                    : WrongMethod(http, MessagesSurface.Instance, "POST");
            case CountTokensPath:
                return HttpMethods.IsPost(http.Request.Method)
                    ? pipeline.HandleAsync(http, CountTokens)
                    : WrongMethod(http, MessagesSurface.Instance, "POST");
            case CompletionsPath:
                return HttpMethods.IsPost(http.Request.Method)
                    ? pipeline.HandleAsync(http, CompletionsSurface.Instance)
                    : WrongMethod(http, ChatSurface.Instance, "POST");
            case ResponsesHandler.Path:
                return HttpMethods.IsPost(http.Request.Method)
                    ? responses.CreateAsync(http)
                    : WrongMethod(http, ChatSurface.Instance, "POST");
            case EmbeddingsPath:
                return HttpMethods.IsPost(http.Request.Method)
                    ? pipeline.HandleAsync(http, new EmbeddingsSurface())
                    : WrongMethod(http, ChatSurface.Instance, "POST");
            case ModerationsPath:
                return HttpMethods.IsPost(http.Request.Method)
                    ? pipeline.HandleAsync(http, ModerationsSurface.Instance)
                    : WrongMethod(http, ChatSurface.Instance, "POST");
            case RerankPath:
                return Rerank(http);
            case ModelsPath:
                return HttpMethods.IsGet(http.Request.Method)
                    ? models.HandleAsync(http, null)
                    : WrongMethod(http, ChatSurface.Instance, "GET");
        }

        if (path.StartsWith(ModelsPath + "/", StringComparison.Ordinal) && path.Length > ModelsPath.Length + 1)
        {
            return HttpMethods.IsGet(http.Request.Method)
                ? models.HandleAsync(http, path[(ModelsPath.Length + 1)..])
                : WrongMethod(http, ChatSurface.Instance, "GET");
        }

        if (path.StartsWith(ResponsesHandler.Path + "/", StringComparison.Ordinal)
            && responses.TryHandle(http, path[(ResponsesHandler.Path.Length + 1)..]) is { } handled)
        {
            return handled;
        }

        if (MediaKind.At(path) is { } media)
        {
            var surface = new MediaSurface(media, http.Request.ContentType);
            return HttpMethods.IsPost(http.Request.Method) ? pipeline.HandleAsync(http, surface) : WrongMethod(http, surface, "POST");
        }

        if (batches?.TryHandle(http, path) is { } answered)
        {
            return answered;
        }

        var hint = path.StartsWith("/v1/v1", StringComparison.Ordinal)
            ? "Leave /v1 out of the client's base address: it adds its own."
            : Served;
        return Unknown(http, ChatSurface.Instance, hint);
    }

    private static bool IsUnder(string path, string prefix) =>
        path.StartsWith(prefix, StringComparison.OrdinalIgnoreCase) && (path.Length == prefix.Length || path[prefix.Length] == '/');

    private Task Rerank(HttpContext http) => HttpMethods.IsPost(http.Request.Method)
        ? pipeline.HandleAsync(http, RerankSurface.Instance)
        : WrongMethod(http, RerankSurface.Instance, "POST");

    /// <summary>Google's paths: the model, a colon, and what is asked of it.</summary>
    private Task Generate(HttpContext http, string path)
    {
        var colon = path.LastIndexOf(':');
        if (!path.StartsWith(GenerateModels, StringComparison.Ordinal) || colon <= GenerateModels.Length)
        {
            return Unknown(http, new GenerateSurface("", GenerateAction.Whole), ServedToGoogle);
        }

        // The server leaves an escaped slash in the path as it came.
        var model = path[GenerateModels.Length..colon].Replace("%2F", "/", StringComparison.OrdinalIgnoreCase);
        var asked = path[(colon + 1)..];
        if (asked is "embedContent" or "batchEmbedContents")
        {
            var vectors = new EmbedContentSurface(model, batch: asked == "batchEmbedContents");
            return HttpMethods.IsPost(http.Request.Method) ? pipeline.HandleAsync(http, vectors) : WrongMethod(http, vectors, "POST");
        }

        GenerateAction? action = asked switch
        {
            "generateContent" => GenerateAction.Whole,
            "streamGenerateContent" => http.Request.Query["alt"] == "sse" ? GenerateAction.Events : GenerateAction.Array,
            "countTokens" => GenerateAction.CountTokens,
            _ => null,
        };
        var surface = new GenerateSurface(model, action ?? GenerateAction.Whole);
        return action is null ? Unknown(http, surface, ServedToGoogle)
            : HttpMethods.IsPost(http.Request.Method) ? pipeline.HandleAsync(http, surface)
            : WrongMethod(http, surface, "POST");
    }

    private static Task Unknown(HttpContext http, Surface surface, string hint)
    {
        var path = http.Request.Path.Value ?? "";
        var shown = path.Length > MaxShownChars ? path[..MaxShownChars] + "…" : path;
        return Refuse(http, surface, new Problem("unknown_path", 404, $"There is no {http.Request.Method} {shown} here. {hint}"));
    }

    private static Task WrongMethod(HttpContext http, Surface surface, string allowed)
    {
        http.Response.Headers.Allow = allowed;
        return Refuse(http, surface, new Problem(
            "method_not_allowed", 405, $"{http.Request.Path.Value} takes {allowed}, not {http.Request.Method}."));
    }

    private static Task Refuse(HttpContext http, Surface surface, Problem problem)
    {
        using var body = new PooledBuffer(1024);
        var requestId = RequestIds.For(http.Request, Guid.CreateVersion7());
        ClientAnswer.Identify(http.Response, requestId, surface.RequestIdHeader);
        surface.WriteError(problem, requestId, body);
        ClientAnswer.WriteWhole(http.Response, problem.Status, body.Span);
        return Task.CompletedTask;
    }
}

using System.Text.Json.Serialization;
using Gatehouse.Api;
using Gatehouse.Contracts;
using Gatehouse.Guardrails;
using Gatehouse.Guardrails.Checks;
using Gatehouse.Guardrails.Content;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Routing;

namespace Gatehouse.Guards;

/// <summary>POST /api/guard/check — what the detectors see in texts.</summary>
internal static class CheckTexts
{
    private const int MaxTexts = 64;

    /// <summary>Who wrote a text, in the words of chat messages.</summary>
    internal enum MessageRole
    {
        System,
        User,
        Assistant,
        Tool,
        Document,
    }

    /// <param name="Text">One text, in place of <paramref name="Texts"/>.</param>
    /// <param name="Side">Of <paramref name="Text"/>: <c>input</c> when nothing is said.</param>
    /// <param name="Texts">At most 64.</param>
    /// <param name="Detectors">Any of pii, secrets, injection, links, prompt_leak and content; all when nothing is said.</param>
    /// <param name="Thresholds">Least score of a finding by a detector's name, from 0 to 1. Default 0.5 each.</param>
    /// <param name="Languages">Codes of ISO 639-1 that texts may be in; another one is a finding. Empty for all.</param>
    [JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Disallow)]
    internal sealed record Request(
        string? Text = null,
        DetectionSide? Side = null,
        IReadOnlyList<Part>? Texts = null,
        IReadOnlyList<string>? Detectors = null,
        IReadOnlyDictionary<string, float>? Thresholds = null,
        IReadOnlyList<string>? Languages = null,
        Surroundings? Context = null);

    /// <param name="Side">Where the text stands in a call: what tools gave back and what was retrieved is not trusted.</param>
    /// <param name="Role">In place of <paramref name="Side"/>: system and user write input, assistant output, tool a tool result, document
    /// what was retrieved.</param>
    [JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Disallow)]
    internal sealed record Part(string Text, DetectionSide? Side = null, MessageRole? Role = null);

    /// <param name="SystemPrompt">A text that recites ten words of it in a row is a finding of prompt_leak.</param>
    /// <param name="AllowedHosts">Links and images may point there, and to subdomains; with this list, others are findings.</param>
    /// <param name="Categories">Of harm: violence, weapons, drugs, cybercrime, fraud, hate, harassment, sexual, minors, self_harm,
    /// extremism, misinformation, privacy.</param>
    [JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Disallow)]
    internal sealed record Surroundings(
        string? SystemPrompt = null,
        IReadOnlyList<string>? AllowedHosts = null,
        IReadOnlyList<string>? Categories = null,
        IReadOnlyList<BannedWords>? Topics = null,
        IReadOnlyList<BannedWords>? Competitors = null);

    /// <param name="Terms">Words and phrases; case and accents do not matter, word boundaries do.</param>
    /// <param name="Allowed">Phrases in which a term is harmless.</param>
    [JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Disallow)]
    internal sealed record BannedWords(string Name, IReadOnlyList<string> Terms, IReadOnlyList<string>? Allowed = null);

    /// <param name="Flagged">Some text has a finding.</param>
    internal sealed record Response(bool Flagged, IReadOnlyList<CheckedText> Items);

    public static void Map(IEndpointRouteBuilder api) => api.MapPost("/guard/check", Handle).WithTags("guard");

    /// <summary>
    /// Checks texts with the detectors of personal data, secrets, prompt injection, exfiltration and content. Everybody who is signed in
    /// may; nothing is stored or logged. Times are microseconds on one core.
    /// </summary>
    internal static Ok<Response> Handle(Request request, HttpContext http)
    {
        ApiPerson.Require(http);
        var check = Make(request);
        var items = Parts(request).Select((part, index) =>
        {
            var side = SideOf(part, index);
            return CheckedText.Of(index, part.Text, side, check.Run(part.Text, side));
        }).ToList();
        return TypedResults.Ok(new Response(items.Exists(i => i.Flagged), items));
    }

    private static IReadOnlyList<Part> Parts(Request request)
    {
        if (request.Text is null == (request.Texts is null))
        {
            throw new ProblemException(Problem.Invalid("texts", "must list the texts to check, or 'text' hold one of them"));
        }

        var parts = request.Texts ?? [new Part(request.Text!, request.Side)];
        return parts.Count is > 0 and <= MaxTexts ? parts
            : throw new ProblemException(Problem.Invalid("texts", $"must hold between 1 and {MaxTexts} texts"));
    }

    private static DetectionSide SideOf(Part part, int index)
    {
        DetectionSide? meant = part.Role switch
        {
            null => null,
            MessageRole.Assistant => DetectionSide.Output,
            MessageRole.Tool => DetectionSide.ToolResult,
            MessageRole.Document => DetectionSide.Retrieved,
            _ => DetectionSide.Input,
        };
        return meant is null || part.Side is null || part.Side == meant ? part.Side ?? meant ?? DetectionSide.Input
            : throw new ProblemException(Problem.Invalid($"texts[{index}].role", "says another thing than 'side': send one of them"));
    }

    private static TextCheck Make(Request request)
    {
        try
        {
            return new TextCheck(new CheckOptions
            {
                Detectors = request.Detectors ?? [],
                Thresholds = request.Thresholds ?? new Dictionary<string, float>(),
                Languages = request.Languages ?? [],
                SystemPrompt = request.Context?.SystemPrompt,
                AllowedHosts = request.Context?.AllowedHosts ?? [],
                Categories = request.Context?.Categories ?? [],
                Topics = Bans(request.Context?.Topics),
                Competitors = Bans(request.Context?.Competitors),
            });
        }
        catch (ArgumentException e)
        {
            throw new ProblemException(new Problem("invalid_field", 422, e.Message));
        }
    }

    private static IReadOnlyList<Ban> Bans(IReadOnlyList<BannedWords>? words) =>
        [.. (words ?? []).Select(w => new Ban(w.Name, w.Terms, w.Allowed ?? []))];
}

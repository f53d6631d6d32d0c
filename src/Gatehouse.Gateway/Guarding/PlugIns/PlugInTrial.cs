using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using Gatehouse.Gateway.Conversation;
using Gatehouse.Guardrails;
using Gatehouse.Guardrails.Policies;

namespace Gatehouse.Gateway.Guarding.PlugIns;

/// <summary>
/// Rules that ask a model or a webhook, as tests of policies run them: with the answers that a test states, or with real ones. What becomes
/// of an answer is what becomes of it in a call.
/// </summary>
public static class PlugInTrial
{
    /// <summary>States that the plug-in gives no verdict.</summary>
    public const string Fails = "fails";

    private static readonly char[] Blanks = [' ', '\n', '\t'];

    /// <summary>
    /// Reads the answer that a test states: <c>safe</c>; <c>unsafe</c> with types and scores (<c>unsafe S1 0.9, S2</c>); <c>fails</c>; or
    /// the JSON of the plug-in itself.
    /// </summary>
    /// <param name="text">What it is asked about.</param>
    /// <returns><see langword="null"/> when it is none of these.</returns>
    public static PlugInAnswer? Stated(GuardRule rule, string stated, string text)
    {
        var words = stated.Split(Blanks, 2, StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
        return stated.TrimStart().StartsWith('{') ? OfJson(rule, stated, text)
            : words is [Fails] ? PlugInAnswer.Failed("the test lets it fail")
            : words is ["safe"] ? PlugInAnswer.Of([])
            : words is ["unsafe"] ? PlugInAnswer.Of([new PlugInFinding("UNSAFE", 1, 0, text.Length, true)])
            : words is ["unsafe", var types] ? OfTypes(types, text.Length)
            : null;
    }

    /// <summary>What the policy makes of a text once the plug-ins have answered.</summary>
    /// <returns>The text as it goes on.</returns>
    public static string Judge(
        GuardSession session, in GuardedText about, string text, IEnumerable<(GuardRule Rule, PlugInAnswer Answer)> answers)
    {
        var passages = new List<Passage> { new(about, TextOrigin.User, default, text) };
        var changed = new Dictionary<int, string>();
        PlugIns.Take(session, [.. answers.Select(a => (a.Rule, passages, a.Answer))], passages, changed);
        return changed.GetValueOrDefault(about.Part) ?? text;
    }

    /// <summary>Asks the real plug-in of a rule, once and within its time: a webhook itself, a model through a gateway.</summary>
    /// <param name="gateway">Presents a key; <see langword="null"/>: models cannot be asked.</param>
    public static async ValueTask<PlugInAnswer> AskAsync(
        GuardPolicy policy, GuardRule rule, DetectionSide side, string text, HttpClient? gateway, TimeProvider clock, CancellationToken ct)
    {
        var plugIn = rule.PlugIn!;
        using var time = new CancellationTokenSource(plugIn.Timeout, clock);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(time.Token, ct);
        try
        {
            if (plugIn.Shape == PlugInShape.Webhook)
            {
                using var http = WebhookGuard.Client(plugIn);
                var asker = new WebhookGuard.Asker(
                    $"test_{Guid.CreateVersion7():N}", "policy-test", "development", policy.Name, policy.Revision, "", null);
                return await WebhookGuard.AskAsync(http, rule, side, text, asker, clock, either.Token);
            }

            return gateway is null
                ? PlugInAnswer.Failed("no gateway is there to ask the model through")
                : await AskModelAsync(gateway, rule, side, text, either.Token);
        }
        catch (OperationCanceledException) when (!ct.IsCancellationRequested)
        {
            return PlugInAnswer.Failed("it took too long");
        }
    }

    private static async ValueTask<PlugInAnswer> AskModelAsync(
        HttpClient gateway, GuardRule rule, DetectionSide side, string text, CancellationToken ct)
    {
        var plugIn = rule.PlugIn!;
        using var body = new ByteArrayContent(ModelGuard.Body(plugIn, side, text, ""));
        body.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        try
        {
            using var response = await gateway.PostAsync(
                plugIn.Shape == PlugInShape.Moderation ? "v1/moderations" : "v1/chat/completions", body, ct);
            return response.StatusCode == HttpStatusCode.OK
                ? ModelGuard.Read(rule, await response.Content.ReadAsByteArrayAsync(ct), text.Length)
                : PlugInAnswer.Failed(
                    $"the route '{plugIn.Route}' answered {(int)response.StatusCode}"
                    + CodeOf(await response.Content.ReadAsByteArrayAsync(ct)));
        }
        catch (HttpRequestException)
        {
            return PlugInAnswer.Failed("the gateway cannot be reached");
        }
    }

    /// <summary>The code of a problem, in brackets behind its status.</summary>
    private static string CodeOf(ReadOnlySpan<byte> body)
    {
        try
        {
            return JsonElement.Parse(body) is { ValueKind: JsonValueKind.Object } root && root.TryGetProperty("error", out var error)
                && error.ValueKind == JsonValueKind.Object && WireJson.StringOrNull(error, "code") is { } code
                ? $" ({code})" : "";
        }
        catch (JsonException)
        {
            return "";
        }
    }

    private static PlugInAnswer? OfJson(GuardRule rule, string json, string text)
    {
        var body = Encoding.UTF8.GetBytes(json);
        try
        {
            return rule.PlugIn!.Shape switch
            {
                PlugInShape.Webhook => WebhookGuard.Read(body, text),
                PlugInShape.Moderation => ModelGuard.Moderation(body, rule, text.Length),
                PlugInShape.Judge => ModelGuard.Verdict(json, text.Length),
                _ => null,
            };
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or KeyNotFoundException)
        {
            return PlugInAnswer.Failed("its answer is not what it should be");
        }
    }

    private static PlugInAnswer? OfTypes(string types, int length)
    {
        var found = new List<PlugInFinding>();
        foreach (var type in types.Split(',', StringSplitOptions.TrimEntries))
        {
            var score = 1f;
            if (type.Split(Blanks, StringSplitOptions.RemoveEmptyEntries) is not [var name, .. var rest]
                || !name.All(static c => char.IsAsciiLetterOrDigit(c) || c is '_' or '-' or '/')
                || rest.Length > 1
                || (rest is [var number]
                    && !(float.TryParse(number, NumberStyles.Float, CultureInfo.InvariantCulture, out score) && score is >= 0 and <= 1)))
            {
                return null;
            }

            found.Add(new PlugInFinding(name, score, 0, length, true));
        }

        return PlugInAnswer.Of(found);
    }
}

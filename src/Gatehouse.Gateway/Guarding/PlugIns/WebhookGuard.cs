using System.Buffers;
using System.Globalization;
using System.Net.Http.Headers;
using System.Text.Json;
using Gatehouse.Gateway.Conversation;
using Gatehouse.Gateway.Outbound;
using Gatehouse.Gateway.Providers;
using Gatehouse.Guardrails;
using Gatehouse.Guardrails.Policies;

namespace Gatehouse.Gateway.Guarding.PlugIns;

/// <summary>A service of one's own as a guard: a signed question over HTTP, and a verdict for an answer.</summary>
internal static class WebhookGuard
{
    private const int MaxSpans = 1000;

    /// <summary>For whom a webhook is asked.</summary>
    internal sealed record Asker(
        string RequestId, string System, string Environment, string Policy, string Revision, string Route, string? Traceparent);

    public static Asker Of(Calls.Call call) => new(
        call.Record.RequestId, call.Principal.System, call.Principal.Environment.ToString().ToLowerInvariant(),
        call.Guard!.Session.Policy.Name, call.Guard.Session.Policy.Revision, call.Record.Route,
        call.Trace.Traceparent(call.Span));

    public static HttpClient Client(PlugIn plugIn) =>
        OutboundClient.Create(OutboundRule.OfWebhook(plugIn.Url!, plugIn.AllowPrivate), Timeout.InfiniteTimeSpan);

    public static async ValueTask<PlugInAnswer> AskAsync(
        HttpClient http, GuardRule rule, DetectionSide side, string text, Asker asker, TimeProvider clock, CancellationToken ct)
    {
        var plugIn = rule.PlugIn!;
        using var request = new HttpRequestMessage(HttpMethod.Post, plugIn.Url);
        var body = Body(rule, side, text, asker);
        request.Content = new ByteArrayContent(body) { Headers = { ContentType = new MediaTypeHeaderValue("application/json") } };
        var id = $"msg_{Guid.CreateVersion7():N}";
        var timestamp = clock.GetUtcNow().ToUnixTimeSeconds().ToString(CultureInfo.InvariantCulture);
        request.Headers.TryAddWithoutValidation("webhook-id", id);
        request.Headers.TryAddWithoutValidation("webhook-timestamp", timestamp);
        request.Headers.TryAddWithoutValidation("webhook-signature", WebhookSignature.Of(plugIn.Secret, id, timestamp, body));
        request.Headers.TryAddWithoutValidation("x-request-id", asker.RequestId);
        if (asker.Traceparent is { } trace)
        {
            request.Headers.TryAddWithoutValidation("traceparent", trace);
        }

        try
        {
            using var response = await http.SendAsync(request, ct);
            return response.IsSuccessStatusCode
                ? Read(await response.Content.ReadAsByteArrayAsync(ct), text)
                : PlugInAnswer.Failed($"the webhook answered {(int)response.StatusCode}");
        }
        catch (HttpRequestException e) when (e.InnerException is UpstreamException refused)
        {
            return PlugInAnswer.Failed($"the webhook may not be asked, {refused.Message.TrimEnd('.')}");
        }
        catch (Exception e) when (e is HttpRequestException or IOException or UpstreamException)
        {
            return PlugInAnswer.Failed("the webhook cannot be reached");
        }
    }

    private static byte[] Body(GuardRule rule, DetectionSide side, string text, Asker asker)
    {
        var to = new ArrayBufferWriter<byte>();
        using (var json = JsonOut.Begin(to))
        {
            json.WriteStartObject();
            json.WriteString("request_id", asker.RequestId);
            json.WriteString("system", asker.System);
            json.WriteString("environment", asker.Environment);
            json.WriteString("policy", asker.Policy);
            json.WriteString("revision", asker.Revision);
            json.WriteString("rule", rule.Name);
            json.WriteString("side", GuardLog.NameOf(side));
            json.WriteString("route", asker.Route);
            json.WriteString("text", text);
            json.WriteEndObject();
        }

        return to.WrittenSpan.ToArray();
    }

    internal static PlugInAnswer Read(ReadOnlySpan<byte> body, string text)
    {
        try
        {
            var root = JsonElement.Parse(body);
            var verdict = WireJson.StringOrNull(root, "verdict");
            if (verdict is not ("pass" or "finding"))
            {
                return PlugInAnswer.Failed("the webhook's answer has no 'verdict' of 'pass' or 'finding'");
            }

            if (verdict == "pass")
            {
                return PlugInAnswer.Of([]);
            }

            var (type, score) = (TypeOf(root, "FINDING"), ScoreOf(root, 1));
            var found = new List<PlugInFinding>();
            if (WireJson.TryGet(root, "spans", out var spans) && spans.ValueKind == JsonValueKind.Array)
            {
                foreach (var span in spans.EnumerateArray().Take(MaxSpans))
                {
                    if (!IsSpan(span, text, out var start, out var end))
                    {
                        return PlugInAnswer.Failed("the webhook's answer has a span outside of the text, or through a character");
                    }

                    found.Add(new PlugInFinding(
                        TypeOf(span, type), ScoreOf(span, score), start, end - start, false, WireJson.StringOrNull(span, "replacement")));
                }
            }

            return PlugInAnswer.Of(
                found.Count > 0 ? found : [new PlugInFinding(type, score, 0, text.Length, true, WireJson.StringOrNull(root, "replacement"))]);
        }
        catch (Exception e) when (e is JsonException or FormatException or InvalidOperationException)
        {
            return PlugInAnswer.Failed("the webhook's answer is not what it should be");
        }
    }

    private static bool IsSpan(JsonElement span, string text, out int start, out int end)
    {
        (start, end) = (0, 0);
        return span.ValueKind == JsonValueKind.Object
            && span.TryGetProperty("start", out var from) && from.ValueKind == JsonValueKind.Number && from.TryGetInt32(out start)
            && span.TryGetProperty("end", out var to) && to.ValueKind == JsonValueKind.Number && to.TryGetInt32(out end)
            && start >= 0 && end > start && end <= text.Length
            && !char.IsLowSurrogate(text[start]) && (end == text.Length || !char.IsLowSurrogate(text[end]));
    }

    /// <summary>The webhook's own word for it, if it is one: it goes into records and metrics.</summary>
    private static string TypeOf(JsonElement of, string otherwise) =>
        WireJson.StringOrNull(of, "type") is { Length: > 0 and <= 48 } type
            && type.All(static c => char.IsAsciiLetterOrDigit(c) || c is '_' or '-')
            ? type
            : otherwise;

    private static float ScoreOf(JsonElement of, float otherwise) =>
        of.TryGetProperty("score", out var score) && score.ValueKind == JsonValueKind.Number
            ? Math.Clamp(score.GetSingle(), 0, 1)
            : otherwise;
}

using System.Buffers;
using System.Text.Json;
using Gatehouse.Contracts;
using Gatehouse.Gateway.Calls;
using Gatehouse.Gateway.Chat;
using Gatehouse.Gateway.Conversation;
using Gatehouse.Gateway.Providers;
using Gatehouse.Gateway.Providers.OpenAi;
using Gatehouse.Guardrails;
using Gatehouse.Guardrails.Grounding;
using Gatehouse.Guardrails.Policies;

namespace Gatehouse.Gateway.Guarding;

/// <summary>
/// Rules about how much speaks for an answer, from 0 to 1. Grounding is the support that its sentences have in the texts it was given.
/// Confidence is the lowest of what can be measured: form, grounding, the agreement of further answers, a judge's grade.
/// </summary>
internal sealed class ConfidenceRules(Lazy<SideCalls> calls, Lazy<Judge> judge)
{
    public const string SampleSurface = "sample";

    /// <summary>A longer answer is measured by its beginning: the comparison grows with the answer times its context.</summary>
    private const int MaxChars = 100_000;

    public async ValueTask CheckAsync(JudgedAnswer answer)
    {
        if (answer.CallsTools || answer.Refuses)
        {
            return;
        }

        var session = answer.Call.Guard!.Session;
        foreach (var rule in session.Policy.AnswerChecks)
        {
            if (rule.Detector is not (GuardDetector.Grounding or GuardDetector.Confidence))
            {
                continue;
            }

            foreach (var passages in answer.Answers)
            {
                var text = answer.TextOf(passages);
                if (text.Length > 0 && await MeasureAsync(rule, answer, text[..Math.Min(text.Length, MaxChars)]) is { } sure)
                {
                    answer.Confidence = Math.Min(answer.Confidence ?? 1, sure);
                    if (sure < rule.AnswerCheck.Least)
                    {
                        var isGrounding = rule.Detector == GuardDetector.Grounding;
                        session.Apply(passages[0].About, text, [new RuleFinding(answer.Effective(rule) with { MinScore = 0 }, new Finding(
                            DetectorKind.Content, isGrounding ? "content.grounding" : "content.confidence",
                            isGrounding ? FindingTypes.LowGrounding : FindingTypes.LowConfidence, 0, text.Length, 1 - sure))]);
                    }
                }
            }
        }
    }

    /// <returns><see langword="null"/> when there is nothing to measure it by.</returns>
    private async ValueTask<float?> MeasureAsync(GuardRule rule, JudgedAnswer answer, string text)
    {
        var check = rule.AnswerCheck;
        var sure = Support(check, answer.Call, text);
        if (rule.Detector == GuardDetector.Grounding)
        {
            return sure;
        }

        if (answer.Request?.ResponseFormat?.Schema is { } schema)
        {
            sure = Lower(sure, Calls.Confidence.Follows(schema, text) ? 1 : 0);
        }

        if (check.Samples > 0 && sure is not 0)
        {
            sure = Lower(sure, await AgreementAsync(check, answer, text));
        }

        if (check.Judge is { } route && answer.Request is { } request && sure is not 0)
        {
            sure = Lower(sure, (float?)await judge.Value.AskAsync(answer.Call, route, request, text));
        }

        return sure;
    }

    private static float? Lower(float? known, float? next) => known < next || next is null ? known : next;

    private static float? Support(AnswerCheck check, Call call, string text)
    {
        var passages = CallGuard.Read(call.Body.Span, isAnswer: false);
        var given = passages.Where(p => p.Origin is not (TextOrigin.Assistant or TextOrigin.ToolCall)).Select(p => p.Text).ToList();
        return check.Context == GroundingContext.Documents
            && !passages.Exists(p => p.About.Side is DetectionSide.ToolResult or DetectionSide.Retrieved)
                ? null
                : GroundingCheck.Check(text, given).Confidence;
    }

    /// <summary>How much of the answer further answers to the same request say too, on average.</summary>
    private async ValueTask<float?> AgreementAsync(AnswerCheck check, JudgedAnswer answer, string text)
    {
        var call = answer.Call;
        if (answer.Request is null || !call.Table.Routes.TryFind(check.SampleRoute, out var route))
        {
            return null;
        }

        var request = call.Surface.ReadRequest(call.Body.Memory);
        (request.Stream, request.IncludeUsage) = (false, false);
        var body = new ArrayBufferWriter<byte>();
        ProviderWire.Of(WireFormat.OpenAi).WriteRequest(request, check.SampleRoute, answer.Attempt.Settings, body, []);
        var asked = new Task<SideAnswer>[check.Samples];
        for (var i = 0; i < asked.Length; i++)
        {
            asked[i] = calls.Value.AskAsync(
                call, ChatSurface.Instance, SampleSurface, route with { FallbackOn = default, Mirror = null, Cache = null },
                check.SampleRoute, body.WrittenMemory, CancellationToken.None).AsTask();
        }

        var (sum, count) = (0f, 0);
        foreach (var sample in await Task.WhenAll(asked))
        {
            if (TextOf(sample) is { Length: > 0 } other)
            {
                sum += GroundingCheck.Check(text, [other[..Math.Min(other.Length, MaxChars)]]).Confidence;
                count++;
            }
        }

        return count == 0 ? null : sum / count;
    }

    private static string? TextOf(SideAnswer sample)
    {
        try
        {
            return sample.Body is { } body
                ? string.Concat(OpenAiAnswerReader.Read(body).Choices.SelectMany(c => c.Parts).OfType<TextPart>().Select(p => p.Text))
                : null;
        }
        catch (Exception e) when (e is FormatException or JsonException or ProblemException)
        {
            return null;
        }
    }
}

using System.Globalization;
using System.Runtime.CompilerServices;
using System.Text.Json;
using Gatehouse.Contracts;
using Gatehouse.Gateway.Calls;
using Gatehouse.Gateway.Embeddings;
using Gatehouse.Gateway.Resilience;
using Gatehouse.Gateway.Scheduling;

namespace Gatehouse.Gateway.Caching;

/// <summary>
/// What the cache does on the way of a call whose route keeps answers: looks one up before anything is reserved, and serves an older one
/// when every target failed. What a call is served is decided anew each time: the scope of its key, the targets that it may be sent to
/// now, and its caller's <c>Cache-Control</c>.
/// </summary>
internal sealed class CacheSteps(
    AnswerCache answers, EmbeddingCache vectors, QuestionEmbedder embedder, CacheServing serving, Chance chance, TimeProvider clock)
{
    private static readonly AttemptFailure NotCached = new(NextStep.PassOn, new Problem(
        "not_cached", 504, "The call asked for a kept answer only ('cache-control: only-if-cached'), and there is none.")) { IsLasting =
            true };

    /// <summary>Whether a call must be looked up although its route keeps nothing.</summary>
    public static bool MustBeCached(Call call) =>
        call.Http.Request.Headers.CacheControl.Count > 0 && CallerWishes.Of(call.Http.Request).OnlyIfCached;

    /// <returns>Why the call is refused; else it is settled when it has its answer, and goes on to the targets when it is not.</returns>
    [AsyncMethodBuilder(typeof(KeptStateBuilder<>))]
    public async ValueTask<AttemptFailure?> LookUpAsync(Call call)
    {
        var wishes = CallerWishes.Of(call.Http.Request);
        if (call.Guard is { Session.HasPseudonyms: true })
        {
            // Two requests may say the same once their names are pseudonyms, and an answer names the people of its own request.
            CacheServing.Mark(call, CacheServing.Bypass);
            return wishes.OnlyIfCached ? NotCached : null;
        }

        var refusal = call.Route.Cache is not { } policy ? null
            : call.Surface is EmbeddingsSurface surface ? await vectors.LookUpAsync(call, surface, policy, wishes)
            : await LookUpAsync(call, policy, wishes);
        return refusal ?? (wishes.OnlyIfCached && !call.IsSettled ? NotCached : null);
    }

    /// <summary>Serves a kept answer when every target failed, if the route and the caller allow it.</summary>
    /// <returns><see langword="false"/>: the failure is the last word.</returns>
    public async ValueTask<bool> TryServeStaleAsync(Call call, AttemptFailure failure)
    {
        if (call.Visit is not { MayBeStale: true } visit || call.HeadIsSent || !IsDown(failure))
        {
            return false;
        }

        var now = clock.GetUtcNow().ToUnixTimeMilliseconds();
        if (!answers.TryFind(visit.Key, now, out var answer) || answer.AgeAt(now) > visit.Policy.WhenDown
            || !answer.IsOf(call.Route, visit.Open))
        {
            return false;
        }

        Settlement.CloseAttempt(call, failure.Problem.Code, failure.RecordedMessage);
        if (call.Attempt is { } last)
        {
            call.Http.Response.Headers["x-gatehouse-attempts"] = (last.Number + 1).ToString(CultureInfo.InvariantCulture);
        }

        visit.Close();
        return await serving.AnswerAsync(call, answer, CacheUse.Stale, now) is null;
    }

    /// <summary>The targets failed, or may not be asked for a while: not the request, and nobody's decision.</summary>
    private static bool IsDown(AttemptFailure failure) =>
        failure.Step != NextStep.PassOn || failure.Problem.Code is Failures.TargetsResting or Failures.TargetBusy;

    private async ValueTask<AttemptFailure?> LookUpAsync(Call call, CachePolicy policy, CallerWishes wishes)
    {
        if (wishes.NoStore || !call.Surface.MayBeKept || IsTooWarm(call, policy) || CacheScope.Of(call, policy.Scope) is not { } scope)
        {
            CacheServing.Mark(call, CacheServing.Bypass);
            return null;
        }

        if (TargetFilter.Choose(call, chance, out var open, out var canary) is not null)
        {
            return null; // it is refused in a moment, and told why
        }

        open = canary < 0 ? open : 1UL << canary;
        using var body = JsonDocument.Parse(call.Body.Memory, new JsonDocumentOptions { MaxDepth = 128 });
        if (!TryKey(call, policy, scope, canary, body.RootElement, out var key))
        {
            CacheServing.Mark(call, CacheServing.Bypass);
            return null;
        }

        var now = clock.GetUtcNow().ToUnixTimeMilliseconds();
        if (!wishes.NoCache && answers.TryFind(key, now, out var found) && found.IsOf(call.Route, open) && found.AgeAt(now) is var age
            && age < policy.Ttl && !(age > wishes.MaxAge))
        {
            return await serving.ServeAsync(call, found, CacheUse.Hit, now);
        }

        var visit = new CacheVisit(
            answers, policy, key, clock) { Open = open, MayBeStale = wishes.AreLoose && policy.WhenDown > TimeSpan.Zero };
        if (policy.Semantic is { } semantic && !wishes.OnlyIfCached)
        {
            visit.Question = await AskAsync(call, policy, semantic, scope, canary, body.RootElement);
            var oldest = wishes.MaxAge is { } most && most < semantic.Ttl ? most : semantic.Ttl;
            if (!wishes.NoCache && visit.Question is { } question
                && answers.FindSimilar(
                    question, semantic.Threshold, now - (long)oldest.TotalMilliseconds, call.Route, open,
                    out var similarity) is { } similar)
            {
                call.Http.Response.Headers["x-gatehouse-cache-similarity"] = similarity.ToString("0.####", CultureInfo.InvariantCulture);
                return await serving.ServeAsync(call, similar, CacheUse.Semantic, now);
            }
        }

        call.Visit = visit;
        call.Record.Cache = CacheUse.Miss;
        CacheServing.Mark(call, wishes.NoCache ? CacheServing.Bypass : "miss");
        return null;
    }

    private static bool TryKey(Call call, CachePolicy policy, CacheScope scope, int canary, JsonElement body, out CacheKey key)
    {
        using var hasher = new KeyHasher(scope, call, policy, 'a', canary);
        var can = hasher.TryAdd(body, policy.Ignore);
        key = hasher.Finish();
        return can;
    }

    /// <returns><see langword="null"/> when there is no question that could be compared, or it could not be turned into a vector.</returns>
    private async ValueTask<Question?> AskAsync(
        Call call, CachePolicy policy, SemanticPolicy semantic, CacheScope scope, int canary, JsonElement body)
    {
        if (!LastUserText.TryFind(body, call.Surface.Wire, out var said, out var text))
        {
            return null;
        }

        using var hasher = new KeyHasher(scope, call, policy, 's', canary);
        if (!hasher.TryAdd(body, policy.Ignore, said))
        {
            return null;
        }

        var shelf = hasher.Finish();
        return await call.WaitAsync(embedder.EmbedAsync(call, semantic, text)) is { } vector
            ? Question.Of(shelf, vector.Model, vector.Values)
            : null;
    }

    private static bool IsTooWarm(Call call, CachePolicy policy) => policy.MaxTemperature is { } most
        && !(call.Peek.Attributes?.GetValueOrDefault(TelemetryNames.RequestTemperature) is { } text
            && double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var temperature) && temperature <= most);
}

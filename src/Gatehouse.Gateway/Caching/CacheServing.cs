using System.Globalization;
using Gatehouse.Contracts;
using Gatehouse.Gateway.Calls;
using Gatehouse.Gateway.Limits;
using Gatehouse.Gateway.Streaming;
using Microsoft.AspNetCore.Http;

namespace Gatehouse.Gateway.Caching;

/// <summary>
/// Gives a kept answer to a client: limits of requests apply, nothing is reserved, nothing costs, and the record says what was saved.
/// </summary>
internal sealed class CacheServing(Admissions admissions, Settlement settlement)
{
    /// <summary>The cache was not asked.</summary>
    public const string Bypass = "bypass";

    private const string Header = "x-gatehouse-cache";

    /// <summary>Tells the client what part the cache had.</summary>
    public static void Mark(Call call, string word) => call.Http.Response.Headers[Header] = word;

    /// <returns>Why the call is refused, or <see langword="null"/> when it has its answer.</returns>
    public async ValueTask<AttemptFailure?> ServeAsync(Call call, CachedAnswer answer, CacheUse use, long now) =>
        await admissions.AdmitAsync(call, isFree: true) ?? await AnswerAsync(call, answer, use, now);

    /// <summary>Answers a call that was admitted.</summary>
    /// <inheritdoc cref="ServeAsync"/>
    public async ValueTask<AttemptFailure?> AnswerAsync(Call call, CachedAnswer answer, CacheUse use, long now)
    {
        var (record, headers) = (call.Record, call.Http.Response.Headers);
        Mark(call, CacheUses.Word(use));
        headers["x-gatehouse-served-by"] = CacheUses.Server;
        headers.Age = ((long)answer.AgeAt(now).TotalSeconds).ToString(CultureInfo.InvariantCulture);
        KeptHeaders.Set(answer.Headers, headers);
        if (call.Holds is { } holds)
        {
            RateHeaders.Set(headers, call.Surface.Wire, holds.Rules, call.Now);
        }

        (record.Cache, record.SavedNanos, record.Saved) = (use, answer.CostNanos, answer.Usage);
        (record.AnsweredModel, record.DroppedParameters) = (answer.AnsweredModel, answer.Dropped);
        record.FirstByteMicros = call.Micros;
        call.KeepContent(answer.Body);
        if (!settlement.TrySettle(call, CallOutcome.Ok, StatusCodes.Status200OK))
        {
            return Failures.JournalFull();
        }

        if (!call.Peek.Stream)
        {
            ClientAnswer.WriteWhole(call.Http.Response, StatusCodes.Status200OK, answer.Body);
            return null;
        }

        using var events = new PooledBuffer(answer.Body.Length);
        events.Write(answer.Body);
        await ClientAnswer.SendEventsAsync(call, events);
        return null;
    }
}

using System.Threading.Channels;
using Gatehouse.Contracts;
using Gatehouse.Gateway.Breakers;
using Gatehouse.Gateway.Guarding;
using Gatehouse.Gateway.Journal;
using Gatehouse.Gateway.Moderations;
using Microsoft.AspNetCore.Http;

namespace Gatehouse.Gateway.Calls;

/// <summary>The end of a call in the books: price, journal, metrics, stored content. Comes before the last bytes of the answer.</summary>
internal sealed class Settlement(CallJournal journal, Channel<CallText> contents, GatewayMetrics metrics, CallCuts cuts)
{
    private const int MaxRouteChars = 256;

    /// <summary>Of a larger request that must be masked nothing is stored: it is kept whole until then.</summary>
    private const int MaxMaskedBytes = 2 * Call.MaxContentBytes;

    /// <summary>Why calls must be refused: nobody could account for them. <see langword="null"/>: they need not be.</summary>
    public Problem? Refusal => !journal.IsFull ? null : journal.HasFailed ? Failures.JournalFailedProblem : Failures.JournalFullProblem;

    /// <summary>
    /// Before the last bytes of an answer leave, where records are to outlive a power cut: waits until the disk has this one. A call whose
    /// record it does not take has its connection cut, and calls are refused from then on.
    /// </summary>
    public ValueTask FlushAsync(Call call) => journal.FlushesToDisk && call.IsSettled ? new ValueTask(FlushedAsync(call)) : default;

    /// <summary>Does nothing when the call is settled already, or is nobody's because its key was not good.</summary>
    /// <param name="status">What the client sees.</param>
    /// <returns><see langword="false"/> when the journal is full: the call happened and could not be recorded.</returns>
    public bool TrySettle(Call call, CallOutcome outcome, int status, string? errorCode = null, string? errorMessage = null)
    {
        if (call.IsSettled || call.Principal is null)
        {
            return true;
        }

        var record = call.Record;
        CloseAttempt(call, errorCode, errorMessage);
        record.TeamId = call.Principal.TeamId;
        record.SystemId = call.Principal.SystemId;
        record.KeyId = call.Principal.KeyId;
        record.Environment = call.Principal.Environment;
        record.Status = status;
        record.Outcome = outcome;
        record.ErrorCode = errorCode;
        record.ErrorMessage = errorMessage;
        if (record.Route.Length > MaxRouteChars)
        {
            record.Route = record.Route[..MaxRouteChars];
        }

        record.Guard = call.Guard?.Report();
        Price(call);
        call.Holds?.Settle(record);
        CallBreakers.Settle(call, record);
        record.DurationMicros = call.Micros;
        record.OwnMicros = call.OwnMicros(record.DurationMicros);
        call.IsSettled = true; // not before: what throws above is settled as a failure by who catches it, and nothing counts twice
        metrics.Finished(record);
        if (errorCode == Failures.JournalFullProblem.Code && call.Attempt is null && call.Holds is null)
        {
            return true; // refused because of the full disk: the room that is left is for calls under way, which somebody pays for
        }

        try
        {
            journal.Append(record);
            call.Holds?.Recorded();
        }
        catch (JournalFullException)
        {
            return false;
        }

        OfferContent(call);
        return true;
    }

    /// <summary>Settles a call whose answer nobody waits for any more: its client went away, or Gatehouse cut it.</summary>
    public void SettleGone(Call call)
    {
        var ends = call.Http.Features.Get<CallCuts>() ?? cuts;
        if (ends.HaveBegun)
        {
            TrySettle(
                call, CallOutcome.Failed, call.HeadIsSent ? StatusCodes.Status200OK : StatusCodes.Status503ServiceUnavailable,
                CallErrors.ServerStopped, "Gatehouse was stopped before the answer was complete.");
        }
        else if (ends.IsOfBatch)
        {
            TrySettle(
                call, CallOutcome.Cancelled, StatusCodes.Status499ClientClosedRequest, "batch_lost",
                "This node has lost the batch: whoever runs it now makes the call again.");
        }
        else
        {
            // What the record shows as status: nobody was there to get one.
            TrySettle(
                call, CallOutcome.Cancelled, StatusCodes.Status499ClientClosedRequest, "client_closed_request", "The client went away.");
        }
    }

    /// <summary>Writes the attempt under way into the record, if there is one, and the one beside it.</summary>
    public static void CloseAttempt(Call call, string? errorCode, string? error)
    {
        Close(call, call.Beside, errorCode, error);
        Close(call, call.Attempt, errorCode, error);
    }

    private static void Close(Call call, Attempt? attempt, string? errorCode, string? error)
    {
        if (attempt is not { IsClosed: false })
        {
            return;
        }

        var record = call.Record;
        var closed = attempt.Close(call.Micros, errorCode, error, call.Table.Prices);
        // of two at the same time the second may end first
        record.Attempts.Insert(Math.Min(attempt.Number, record.Attempts.Count), closed);
        if (closed.CostUsd is null)
        {
            call.Holds?.Broke(call, attempt);
        }

        record.AnsweredModel = attempt.Tap.Model ?? record.AnsweredModel;
        record.Price = attempt.Price ?? record.Price;
        record.ServiceTier = attempt.Tap.ServiceTier ?? record.ServiceTier;
    }

    /// <summary>
    /// Tokens and cost are sums over the attempts: a provider bills what it counted, whether or not its answer was whole.
    /// </summary>
    private static void Price(Call call)
    {
        var record = call.Record;
        record.PriceRevision = call.Table.Prices.Revision;
        if (record.Cache.IsServed() && record.Attempts.Count == 0)
        {
            (record.Usage, record.CostNanos) = (default(TokenUsage), 0);
        }

        if (call.Attempt is not { } last)
        {
            return;
        }

        if (!record.Cache.IsServed())
        {
            record.Provider = last.Settings.Name;
            record.Model = last.Model;
            record.FinishReason = last.Tap.FinishReason;
        }

        var (billed, unknown, nanos) = (false, false, 0L);
        var sum = default(TokenUsage?);
        foreach (var attempt in record.Attempts)
        {
            if (attempt.Usage is { } usage)
            {
                sum = sum is { } earlier ? earlier.Plus(usage) : usage;
            }

            if (attempt.Status == StatusCodes.Status200OK || attempt.CostUsd > 0)
            {
                billed = true;
                unknown |= attempt.CostUsd is null;
                nanos += attempt.CostUsd is { } usd ? Nanos.FromUsd(usd) : 0;
            }
        }

        record.Usage = sum ?? record.Usage;
        record.CostNanos = call.Surface.IsFree || (record.Cache.IsServed() && !billed) ? 0 : billed && !unknown ? nanos : null;
    }

    private async Task FlushedAsync(Call call)
    {
        try
        {
            await journal.FlushedAsync();
        }
        catch (IOException)
        {
            call.Http.Abort();
        }
    }

    private void OfferContent(Call call)
    {
        if (!call.Principal.StoreContent || ReferenceEquals(call.Route, OwnModeration.Route))
        {
            return; // what our own moderation is asked about passes no guard, which may take out what must not be stored
        }

        var text = call.Record.Attempts.Count == 0 && call.Guard is not { HasPassed: true }
            ? Masked(call)
            : new CallText(call.Record.Id, Cut(call.Body.Memory).ToArray(), call.Content.ToArray());
        if (!contents.Writer.TryWrite(text))
        {
            metrics.DroppedContent();
        }
    }

    /// <summary>
    /// What no guard has let pass has its secrets and personal data yet: whoever stores it masks it first, and not this thread.
    /// </summary>
    private static CallText Masked(Call call)
    {
        var session = call.Guard?.Session;
        var isKnown = session is not null || call.Table.Policies.Begin(call.Principal, call.Clock, out session) is null;
        var masking = session?.OfRefused();
        var id = call.Record.Id;
        if (!isKnown || (masking is not null && call.Body.Length > MaxMaskedBytes))
        {
            return new CallText(id, ReadOnlyMemory<byte>.Empty, call.Content.ToArray());
        }

        if (masking is null)
        {
            return new CallText(id, Cut(call.Body.Memory).ToArray(), call.Content.ToArray());
        }

        var request = call.Body.Memory.ToArray();
        return new CallText(id, () => Cut(CallGuard.Mask(masking, request)), call.Content.ToArray());
    }

    private static ReadOnlyMemory<byte> Cut(ReadOnlyMemory<byte> request) => request[..Math.Min(request.Length, Call.MaxContentBytes)];
}

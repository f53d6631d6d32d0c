using System.Buffers;
using System.Globalization;
using System.Runtime.CompilerServices;
using Gatehouse.Contracts;
using Gatehouse.Gateway.Conversation;
using Gatehouse.Gateway.Guarding;
using Gatehouse.Gateway.Limits;
using Gatehouse.Gateway.Providers;
using Gatehouse.Gateway.Resilience;
using Gatehouse.Gateway.Reviews;
using Gatehouse.Gateway.Routing;
using Gatehouse.Gateway.Scheduling;
using Gatehouse.Gateway.Streaming;
using Microsoft.AspNetCore.Http;

namespace Gatehouse.Gateway.Calls;

/// <summary>
/// One attempt at one target: sends the request in its words and writes its answer to the client.
/// <list type="number">
/// <item>A stream's head is held back until the first piece of content came, so that everything that goes wrong before may still be
/// mended by another attempt; after that, no other attempt is made.</item>
/// <item>A whole answer is read and checked to the end before a byte of it goes out.</item>
/// <item>The call is settled before the bytes that complete its answer are written.</item>
/// <item>Few large answers are read at once and others wait, so that their memory is bounded whatever providers send. One that waits for a
/// person, a judge or another attempt is in nobody's way: how many of those there are is bounded where they wait.</item>
/// <item>What waits for a person leaves only when they said yes; the provider's answer is read to its end meanwhile.</item>
/// <item>No read of the provider and no write to the client is left under way when an attempt ends: their memory
/// goes back then, and others get it.</item>
/// </list>
/// </summary>
internal sealed class TargetCaller(
    Settlement settlement, LowConfidence scorers, AnswerGuards answers, CallReviews reviews, TimeProvider clock)
{
    /// <summary>How often a waiting stream client gets a sign of life; below the idle time-outs of proxies and SDKs.</summary>
    public static readonly TimeSpan KeepAliveInterval = Company.Interval;

    private const int MaxErrorBytes = 64 << 10;
    private const int ReadBytes = 16 << 10;
    private const int LargeBytes = 1 << 20;
    private const int LargeAtOnce = 4;

    /// <summary>One for the process, whose memory it is.</summary>
    private static readonly SemaphoreSlim Large = new(LargeAtOnce);

    private readonly ByteAnswers _bytes = new(settlement);

    /// <returns><see langword="null"/> when the client has its answer.</returns>
    /// <exception cref="OperationCanceledException">The client went away.</exception>
    [AsyncMethodBuilder(typeof(KeptStateBuilder<>))]
    public async ValueTask<AttemptFailure?> TryAsync(Call call, Attempt attempt)
    {
        using var deadline = Deadline.Begin(
            call.Route.FirstByteTimeout, call.Peek.Stream ? call.Route.StreamTimeout : call.Route.TotalTimeout, clock,
            attempt.Contender?.Token ?? call.Aborted);
        using var buffer = new PooledBuffer(Math.Min(call.Body.Length + 128, GrowingBytes.MostPooled)); // may not be needed at all
        using var stripped = new PooledBuffer(0);
        try
        {
            if (AttemptRequest.TryPrepare(call, attempt, buffer, stripped, out var request) is { } unfit)
            {
                return new AttemptFailure(NextStep.NextTarget, unfit) { IsUnasked = true };
            }

            if (attempt.Number > 0 && call.Holds is { } holds && !holds.TryCover(call, attempt.Contender is not null ? 1 : 0))
            {
                return new AttemptFailure(NextStep.NextTarget, LimitRefusals.NotCovered) { IsUnasked = true };
            }

            if (attempt.Target.Provider.Credentials is { } credentials)
            {
                attempt.Credential = credentials.Pick(out _);
                request = request with { ApiKey = credentials[attempt.Credential] };
            }

            attempt.IsAsked = true;
            call.Attempt = attempt;
            while (attempt.Parts is { IsLast: false })
            {
                if (await AskPartAsync(call, attempt, request, deadline) is { } failure)
                {
                    return failure;
                }

                buffer.Clear();
                if (AttemptRequest.TryPrepare(call, attempt, buffer, stripped, out var next) is { } wrong)
                {
                    return new AttemptFailure(NextStep.NextTarget, wrong);
                }

                request = next with { ApiKey = request.ApiKey };
            }

            UpstreamAnswer head;
            var sending = attempt.Target.Provider.Upstream.SendAsync(request, deadline.Token);
            if (IsOutOfTurn(attempt) || KeepsCompany(call))
            {
                head = await HoldAsync(call, attempt, sending);
            }
            else
            {
                var from = call.BeginWait(); // here and not by a method that waits: every call would pay for that
                try
                {
                    head = await sending;
                }
                finally
                {
                    call.EndWait(from);
                }
            }

            await using var answer = head;
            attempt.Status = answer.Status;
            attempt.HeadersMicros = call.Micros;
            return answer.Status != StatusCodes.Status200OK ? await ReadFailureAsync(call, attempt, answer, deadline)
                : call.Surface.ShapeOf(call, answer) switch
                {
                    AnswerShape.Events => await AnswerStreamAsync(call, attempt, answer, deadline),
                    AnswerShape.Bytes => await _bytes.SendAsync(call, attempt, answer, deadline),
                    _ => await AnswerWholeAsync(call, attempt, answer, deadline),
                };
        }
        catch (Exception) when (call.Aborted.IsCancellationRequested)
        {
            throw new OperationCanceledException(call.Aborted);
        }
        catch (Exception) when (attempt.Contender is { IsStopped: true })
        {
            return Failures.Outrun(attempt);
        }
        catch (OperationCanceledException) when (deadline.IsOver)
        {
            return Failures.TimedOut(call, attempt, deadline.IsTotal);
        }
        catch (UpstreamException e)
        {
            return Failures.Unreachable(attempt, e);
        }
        catch (Exception e) when (e is IOException or HttpRequestException)
        {
            return Failures.Broken(attempt);
        }
        catch (Exception e) when (e is FormatException or SseEventTooLargeException)
        {
            return Failures.Garbage(attempt, e.Message);
        }
    }

    private async ValueTask<AttemptFailure> ReadFailureAsync(Call call, Attempt attempt, UpstreamAnswer answer, Deadline deadline)
    {
        using var body = new PooledBuffer();
        int read;
        while (body.Length < MaxErrorBytes
            && (read = await HoldAsync(call, attempt, answer.Body.ReadAsync(body.GetMemory(ReadBytes), deadline.Token))) > 0)
        {
            attempt.FirstByteMicros ??= call.Micros;
            deadline.Restart(call.Route.IdleTimeout);
            body.Advance(read);
        }

        var failure = Failures.OfStatus(call, attempt, answer, body.Span, clock.GetUtcNow());
        var rotates = attempt.Target.Provider.Credentials is { } credentials
            && credentials.TryRotate(
                attempt.Credential, IsQuotaUsedUp(attempt, failure) ? StatusCodes.Status402PaymentRequired : attempt.Status,
                failure.RetryAfter);
        var headers = new HeaderDictionary();
        answer.PassHeaders(headers);
        failure = failure with { Headers = headers, MayRotate = rotates };
        return answer.Header("x-should-retry") == "false"
            ? failure with { IsLasting = true, Step = failure.Step == NextStep.Retry ? NextStep.NextTarget : failure.Step }
            : failure;
    }

    private static bool IsQuotaUsedUp(Attempt attempt, AttemptFailure failure) =>
        failure.IsLasting && attempt.Status == StatusCodes.Status429TooManyRequests;

    /// <summary>Asks for a part of what the call wants; the last one is asked for as a whole request is.</summary>
    private async ValueTask<AttemptFailure?> AskPartAsync(Call call, Attempt attempt, UpstreamRequest request, Deadline deadline)
    {
        await using var answer = await HoldAsync(call, attempt, attempt.Target.Provider.Upstream.SendAsync(request, deadline.Token));
        attempt.Status = answer.Status;
        attempt.HeadersMicros ??= call.Micros;
        if (answer.Status != StatusCodes.Status200OK)
        {
            return await ReadFailureAsync(call, attempt, answer, deadline);
        }

        using var body = new PooledBuffer();
        if (await ReadWholeAsync(call, attempt, answer, body, deadline) is { } failure)
        {
            return failure;
        }

        deadline.Restart(call.Route.FirstByteTimeout);
        return call.Surface.TakePart(attempt, body.Span) ? null : Failures.Garbage(attempt, "it is no part of what was asked for.");
    }

    [AsyncMethodBuilder(typeof(KeptStateBuilder<>))]
    private async ValueTask<AttemptFailure?> ReadWholeAsync(
        Call call, Attempt attempt, UpstreamAnswer answer, PooledBuffer body, Deadline deadline)
    {
        while (true)
        {
            var pending = answer.Body.ReadAsync(body.GetMemory(), deadline.Token);
            if (!pending.IsCompleted && body.Length > 0)
            {
                deadline.Restart(call.Route.IdleTimeout);
            }

            var isAtHand = pending.IsCompleted;
            var read = await HoldAsync(call, attempt, pending);
            if (read == 0)
            {
                break;
            }

            attempt.FirstByteMicros ??= isAtHand ? attempt.HeadersMicros : call.Micros; // at hand: they came together
            body.Advance(read);
            attempt.ReceivedBytes = body.Length;
            if (body.Length >= call.Table.MaxAnswerBytes)
            {
                return Failures.Garbage(attempt, "it is larger than the limit of this installation.");
            }

            if (body.Length > LargeBytes && body.Turn is null)
            {
                if (long.TryParse(answer.Header("Content-Length"), NumberStyles.None, CultureInfo.InvariantCulture, out var whole)
                    && whole >= call.Table.MaxAnswerBytes)
                {
                    return Failures.Garbage(attempt, "it is larger than the limit of this installation.");
                }

                deadline.Stop(); // it is not the provider that keeps us waiting
                if (!await call.WaitAsync(new ValueTask<bool>(Large.WaitAsync(call.Route.IdleTimeout, deadline.Token))))
                {
                    return Failures.ManyLarge(attempt);
                }

                body.Turn = Large;
                deadline.Restart(call.Route.IdleTimeout);
            }
        }

        if (body.Length > InlineSockets.MaxInlineBytes)
        {
            await Task.Yield();
        }

        if (attempt.Tap.ReadWhole(body.Span) == TapEvent.Error)
        {
            attempt.Tap.BrokeFirst = true;
            return Failures.OfEvent(call, attempt, body.Span);
        }

        return null;
    }

    [AsyncMethodBuilder(typeof(KeptStateBuilder<>))]
    private async ValueTask<AttemptFailure?> AnswerWholeAsync(Call call, Attempt attempt, UpstreamAnswer answer, Deadline deadline)
    {
        using var body = new PooledBuffer();
        if (await ReadWholeAsync(call, attempt, answer, body, deadline) is { } broken)
        {
            return broken;
        }

        if (Confidence.Doubt(call, attempt, body.Span) is { } doubt)
        {
            return doubt;
        }

        if (attempt.HasSuccessor && call.Route.FallbackOn.HasFlag(FallbackCauses.LowConfidence))
        {
            body.EndTurn();
            if (await scorers.DoubtAsync(call, attempt, body.Memory) is { } little)
            {
                return little;
            }
        }

        if (attempt.Contender is { IsAdmitted: false } contender)
        {
            body.EndTurn();
            if (!await contender.AwaitTurnAsync())
            {
                return Failures.Outrun(attempt);
            }
        }

        var same = !call.Surface.Translates(attempt.Wire);
        using var translated = same && !call.Surface.PatchesAnswer(attempt, body.Span) ? null : new PooledBuffer(body.Length);
        translated?.TakeTurn(body);
        if (translated is not null && same)
        {
            call.Surface.PatchAnswer(attempt, body.Span, translated);
        }
        else if (translated is not null)
        {
            var answered = ProviderWire.Of(attempt.Wire).ReadAnswer(body.Span, attempt.Model);
            if (attempt.AnswersByTool)
            {
                SchemaTool.Unwrap(answered);
            }

            call.Surface.WriteAnswer(answered, call.Request, translated);
        }

        return call.Guard is { GuardsOutput: true } guard
            ? await GuardWholeAsync(call, attempt, answer, translated ?? body, guard, deadline)
            : FinishWhole(call, attempt, answer, (translated ?? body).Span);
    }

    private async ValueTask<AttemptFailure?> GuardWholeAsync(
        Call call, Attempt attempt, UpstreamAnswer answer, PooledBuffer body, CallGuard guard, Deadline deadline)
    {
        if (body.Length > CallGuard.MaxInlineBytes)
        {
            await Task.Yield();
        }

        using var guarded = new PooledBuffer(0);
        if (guard.CheckAnswer(call, body.Span, guarded) is { } refusal)
        {
            return refusal;
        }

        var checkedBody = guarded.Length > 0 ? guarded : body;
        using var judged = new PooledBuffer(0);
        if (guard.ChecksAnswers || guard.Session.HeldBy is not null)
        {
            body.EndTurn();
        }

        return (guard.ChecksAnswers ? await JudgeWholeAsync(call, attempt, checkedBody, judged, deadline) : null)
            ?? (guard.Session.HeldBy is null ? null : await ReviewAsync(call, attempt, deadline))
            ?? FinishWhole(call, attempt, answer, (judged.Length > 0 ? judged : checkedBody).Span);
    }

    /// <summary>What judges whole answers has its time.</summary>
    private ValueTask<AttemptFailure?> JudgeWholeAsync(
        Call call, Attempt attempt, PooledBuffer body, PooledBuffer judged, Deadline deadline)
    {
        deadline.Stop();
        return HoldAsync(call, attempt, answers.CheckWholeAsync(call, attempt, body, judged));
    }

    /// <summary>The answer is complete and waits for a person. The target need not wait with it, and the answer is nobody else's.</summary>
    private async ValueTask<AttemptFailure?> ReviewAsync(Call call, Attempt attempt, Deadline deadline)
    {
        deadline.Stop();
        call.Visit?.Close();
        call.LeaveTarget(attempt.Target);
        Settlement.CloseAttempt(call, null, null); // the provider has done its part, whatever is decided
        return await reviews.HoldAsync(call);
    }

    private AttemptFailure? FinishWhole(Call call, Attempt attempt, UpstreamAnswer answer, ReadOnlySpan<byte> body)
    {
        ClientAnswer.SetOrigin(call, attempt, answer);
        if (call.Surface.HasTextAnswer)
        {
            call.KeepContent(body);
        }

        call.Record.FirstByteMicros = call.Micros;
        if (!settlement.TrySettle(call, CallOutcome.Ok, StatusCodes.Status200OK))
        {
            return Failures.JournalFull();
        }

        call.Visit?.Keep(call, attempt);
        call.Surface.Answered(call, attempt, body);
        ClientAnswer.WriteWhole(call.Http.Response, StatusCodes.Status200OK, body, call.Surface.TypeOf(answer));
        return null;
    }

    private async ValueTask<AttemptFailure?> AnswerStreamAsync(Call call, Attempt attempt, UpstreamAnswer answer, Deadline deadline)
    {
        var transcript = call.Guard is { ChecksAnswers: true } ? new AnswerTranscript() : null;
        var isHeld = transcript is not null && call.Guard!.HoldsStreams; // nothing goes out before the answer has been judged
        var relay = NewRelay(call, attempt, transcript);
        using var raw = isHeld ? new PooledBuffer(ReadBytes) : null;
        using var hold = call.Guard is { GuardsOutput: true } guard && !isHeld ? new StreamHold(guard.Session) : null;
        using var pump = new EventPump(attempt.Tap, relay, ProviderWire.Of(attempt.Settings.Wire).NewParser(), hold);
        using var events = new PooledBuffer();
        var chunk = ArrayPool<byte>.Shared.Rent(ReadBytes);
        try
        {
            var state = TapEvent.Preamble;
            var timer = hold is null ? null : new HoldTimer(clock, call.Guard!.HoldTime);
            for (var left = call.Table.MaxAnswerBytes; ;)
            {
                if (state == TapEvent.Content)
                {
                    deadline.Restart(call.Route.IdleTimeout);
                }

                var pending = answer.Body.ReadAsync(chunk, deadline.Token);
                var waits = timer is { IsRunning: true } && hold is not { IsHeld: true } && !pending.IsCompleted;
                var read = hold is { IsHeld: true } ? await KeepAsync(call, pending)
                    : waits
                    ? await ReleaseAsync(call, attempt, answer, relay, events, hold, pending.AsTask(), timer!, deadline)
                    : await HoldAsync(call, attempt, pending);
                attempt.FirstByteMicros ??= read > 0 ? call.Micros : null;
                left -= read;
                attempt.ReceivedBytes += read;
                raw?.Write(chunk.AsSpan(0, read));
                var written = hold?.Split(events) ?? events;
                state = pump.Take(chunk.AsSpan(0, read), written);
                written = hold?.Split(events) ?? events;
                timer?.Took(relay.Holds, call.Guard!.Session.Released);
                if (state == TapEvent.Preamble)
                {
                    // Nothing of the answer yet: what there is stays here, and another target may still take over.
                }
                else if (state == TapEvent.Content && isHeld)
                {
                    // The same for an answer that is judged whole.
                }
                else if (state == TapEvent.Content)
                {
                    if (attempt.Contender is { IsAdmitted: false })
                    {
                        deadline.Stop(); // the wait for its turn is not the provider's either
                        if (!await AwaitTurnAsync(call, attempt, relay))
                        {
                            return Failures.Outrun(attempt);
                        }
                    }

                    var sending = SendBeforeAsync(call, attempt, answer, events, hold);
                    if (!sending.IsCompleted)
                    {
                        deadline.Stop(); // the client's time is not the provider's
                    }

                    await sending;
                }
                else if (state == TapEvent.End)
                {
                    if (transcript is not null && await JudgeStreamAsync(call, attempt, transcript, deadline, raw, events) is { } unfit)
                    {
                        return unfit;
                    }

                    if (!call.ContentIsSent && Confidence.Doubt(call, attempt, default) is { } doubt)
                    {
                        return doubt;
                    }

                    if (isHeld && call.Guard!.Session.HeldBy is not null
                        && await ReviewAsync(call, attempt, deadline) is { } refusal)
                    {
                        return refusal;
                    }

                    return hold is { IsHeld: true } ? await ReviewStreamAsync(call, attempt, answer, events, written, deadline)
                        : await AwaitTurnAsync(call, attempt, relay) ? await FinishStreamAsync(call, attempt, answer, events)
                        : Failures.Outrun(attempt);
                }

                if (state is TapEvent.Error or TapEvent.Cut || left < 0)
                {
                    await SendRestAsync(call, events);
                    return state == TapEvent.Error ? Failures.OfEvent(call, attempt, pump.Error)
                        : state == TapEvent.Cut ? Failures.Truncated(attempt)
                        : Failures.Garbage(attempt, "it is larger than the limit of this installation.");
                }
            }
        }
        catch (Exception e) when (e is FormatException or SseEventTooLargeException)
        {
            hold?.Split(events);
            await SendRestAsync(call, events);
            return Failures.Garbage(attempt, e.Message);
        }
        catch (GuardBlockedException)
        {
            hold?.Split(events);
            await SendRestAsync(call, events);
            return call.Guard!.Refusal(call);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(chunk);
        }
    }

    private static async ValueTask<bool> AwaitTurnAsync(Call call, Attempt attempt, StreamRelay relay)
    {
        if (attempt.Contender is not { IsAdmitted: false } contender)
        {
            return true;
        }

        if (!await contender.AwaitTurnAsync())
        {
            return false;
        }

        call.Surface.Chosen(relay);
        return true;
    }

    /// <summary>
    /// Awaits the provider; when guards have held back something for as long as they may, whether the provider pauses or goes on word by
    /// word, the client gets what was held only in case something followed soon.
    /// </summary>
    private async ValueTask<int> ReleaseAsync(
        Call call, Attempt attempt, UpstreamAnswer answer, StreamRelay relay, PooledBuffer events, StreamHold? hold, Task<int> read,
        HoldTimer timer, Deadline deadline)
    {
        using var over = new CancellationTokenSource();
        var pause = timer.Left is var left && left > TimeSpan.Zero ? Task.Delay(left, clock, over.Token) : Task.CompletedTask;
        var isDue = await call.WaitAsync(new ValueTask<Task>(Task.WhenAny(read, pause))) != read;
        over.Cancel(); // a timer of each piece would wait for its time
        if (isDue)
        {
            timer.LetGo();
            try
            {
                var before = events.Length;
                relay.Pause(events);
                hold?.Note(before);
                hold?.Split(events);
                var sending = SendAsync(call, attempt, answer, events);
                var isSlow = !sending.IsCompleted;
                if (isSlow)
                {
                    deadline.Stop(); // the client's time is not the provider's
                }

                await sending;
                if (isSlow)
                {
                    deadline.Restart(call.Route.IdleTimeout);
                }
            }
            catch (Exception e) when (e is IOException or OperationCanceledException or InvalidOperationException)
            {
                call.Http.Abort(); // the read under way ends with the call, and tells
            }
            catch
            {
                // A guard may end the answer here. The read under way writes to memory that is about to be another call's: it ends first.
                deadline.End();
                await ((Task)read).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                throw;
            }
        }

        return hold is { IsHeld: true }
            ? await KeepAsync(call, new ValueTask<int>(read))
            : await HoldAsync(call, attempt, new ValueTask<int>(read));
    }

    /// <summary>
    /// Of a stream that waits for a person, what came before belongs to the client only if it has seen content already: as long as it has
    /// not, a refusal is a status.
    /// </summary>
    private static ValueTask SendBeforeAsync(Call call, Attempt attempt, UpstreamAnswer answer, PooledBuffer events, StreamHold? hold) =>
        hold is { IsHeld: true } && !call.ContentIsSent ? default : SendAsync(call, attempt, answer, events);

    /// <summary>Awaits while a part of the stream waits for a person.</summary>
    private ValueTask<T> KeepAsync<T>(Call call, ValueTask<T> pending) =>
        call.HeadIsSent || call.Surface.KeepsCompany ? Company.KeepAsync(call, pending, clock) : call.WaitAsync(pending);

    private async ValueTask<AttemptFailure?> ReviewStreamAsync(
        Call call, Attempt attempt, UpstreamAnswer answer, PooledBuffer events, PooledBuffer held, Deadline deadline)
    {
        if (await ReviewAsync(call, attempt, deadline) is { } refusal)
        {
            return refusal;
        }

        events.Write(held.Span);
        return await FinishStreamAsync(call, attempt, answer, events);
    }

    /// <summary>What judges whole answers has its time, and may have the stream written anew or asked for again.</summary>
    private async ValueTask<AttemptFailure?> JudgeStreamAsync(
        Call call, Attempt attempt, AnswerTranscript transcript, Deadline deadline, PooledBuffer? raw, PooledBuffer events)
    {
        deadline.Stop();
        if (await HoldAsync(call, attempt, answers.CheckStreamAsync(call, attempt, transcript)) is { } unfit)
        {
            await SendRestAsync(call, events);
            return unfit;
        }

        if (transcript.IsReplay)
        {
            Replay(call, attempt, transcript, raw!, events);
        }

        return null;
    }

    /// <summary>Makes the client's stream of the provider's once more, with texts that have been decided otherwise.</summary>
    private static void Replay(Call call, Attempt attempt, AnswerTranscript transcript, PooledBuffer raw, PooledBuffer events)
    {
        events.Clear();
        using var pump = new EventPump(
            call.Surface.NewTap(attempt.Wire), NewRelay(call, attempt, transcript), ProviderWire.Of(attempt.Settings.Wire).NewParser());
        if (pump.Take(raw.Span, events) != TapEvent.End)
        {
            pump.Take(default, events);
        }
    }

    private static StreamRelay NewRelay(Call call, Attempt attempt, AnswerTranscript? transcript)
    {
        var guard = call.Guard is { GuardsOutput: true } output ? output : null;
        if (transcript is not { IsReplay: true })
        {
            guard?.Session.Restart();
        }

        if (!call.Surface.Translates(attempt.Wire))
        {
            var relay = call.Surface.NewPassThrough(attempt, call.Peek.IncludeUsage);
            return guard is null ? relay : new GuardedRelay(relay, StreamTexts.Of(attempt.Wire), guard.Session, transcript);
        }

        var reader = ProviderWire.Of(attempt.Wire).NewStreamReader(attempt.Model);
        reader = attempt.AnswersByTool ? new SchemaToolReader(reader) : reader;
        return new TranslatingRelay(
            guard is null ? reader : new GuardedReader(reader, guard.Session, transcript), call.Surface.NewStreamWriter(call.Request));
    }

    private static async ValueTask SendAsync(Call call, Attempt attempt, UpstreamAnswer answer, PooledBuffer events)
    {
        if (events.Length == 0)
        {
            return;
        }

        if (!call.HeadIsSent)
        {
            ClientAnswer.SetOrigin(call, attempt, answer);
        }

        if (attempt.Pass == BreakerPass.Probe)
        {
            // it is back: the others need not wait for the end of this stream
            attempt.Target.Breaker!.Settle(BreakerPass.Probe, AttemptOutcome.Good);
            attempt.Pass = BreakerPass.Call;
        }

        call.KeepContent(events.Span);
        await ClientAnswer.SendEventsAsync(call, events);
        call.Aborted.ThrowIfCancellationRequested();
    }

    /// <summary>What came before the fault belongs to the client, if it has seen content already.</summary>
    private static async ValueTask SendRestAsync(Call call, PooledBuffer events)
    {
        if (call.ContentIsSent && events.Length > 0)
        {
            call.KeepContent(events.Span);
            await ClientAnswer.SendEventsAsync(call, events);
        }
    }

    private async ValueTask<AttemptFailure?> FinishStreamAsync(Call call, Attempt attempt, UpstreamAnswer answer, PooledBuffer events)
    {
        if (!call.HeadIsSent)
        {
            ClientAnswer.SetOrigin(call, attempt, answer);
        }

        call.KeepContent(events.Span);
        call.Record.FirstByteMicros ??= call.Micros;
        if (!settlement.TrySettle(call, CallOutcome.Ok, StatusCodes.Status200OK))
        {
            return Failures.JournalFull();
        }

        call.Visit?.Keep(call, attempt);
        call.Surface.Answered(call, attempt, default);
        await settlement.FlushAsync(call);
        await ClientAnswer.SendEventsAsync(call, events);
        return null;
    }

    /// <summary>Waits before another attempt, as <see cref="HoldAsync{T}(Call, ValueTask{T})"/> does.</summary>
    public async ValueTask PauseAsync(Call call, TimeSpan pause) => await HoldAsync(call, DelayAsync(pause, call.Aborted));

    /// <summary>Of two attempts at the same time neither awaits for the call: whoever runs them does.</summary>
    private ValueTask<T> HoldAsync<T>(Call call, Attempt attempt, ValueTask<T> pending) =>
        IsOutOfTurn(attempt) ? pending : HoldAsync(call, pending);

    /// <summary>Awaits the provider. A stream client that waits long for its first content is kept company.</summary>
    public ValueTask<T> HoldAsync<T>(Call call, ValueTask<T> pending) => pending.IsCompleted ? pending
        : KeepsCompany(call) ? Company.KeepAsync(call, pending, clock) : call.WaitAsync(pending);

    private static bool IsOutOfTurn(Attempt attempt) => attempt.Contender is { IsAdmitted: false };

    private static bool KeepsCompany(Call call) => call.Peek.Stream && !call.ContentIsSent && call.Surface.KeepsCompany;

    private async ValueTask<bool> DelayAsync(TimeSpan pause, CancellationToken ct)
    {
        await Task.Delay(pause, clock, ct);
        return true;
    }
}

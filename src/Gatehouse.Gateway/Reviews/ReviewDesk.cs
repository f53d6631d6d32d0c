using System.Threading.Channels;
using Gatehouse.Contracts;
using Gatehouse.Gateway.Calls;

namespace Gatehouse.Gateway.Reviews;

/// <summary>
/// Where calls wait for a person. It keeps nothing but who waits: questions go to the control plane, decisions come from it. Safe from any
/// thread.
/// <list type="number">
/// <item>A call waits only while there is room (<see cref="ReviewLimits"/>) and its question found a place in the queue; otherwise what the
/// policy says about time-outs happens at once.</item>
/// <item>Each question that a call waited for is ended exactly once in <see cref="Ended"/>, and after it was put in
/// <see cref="Asked"/>.</item>
/// <item>Somebody who decides before it is due is heard: the call waits for <see cref="Grace"/> longer, the time that a decision may take
/// from another node.</item>
/// </list>
/// </summary>
public sealed class ReviewDesk(GatewayMetrics metrics, TimeProvider clock)
{
    /// <summary>The header of answers that names the review a person was asked in.</summary>
    public const string Header = "x-gatehouse-review";

    /// <summary>How much longer than promised a call waits for a decision that was made elsewhere.</summary>
    public static readonly TimeSpan Grace = TimeSpan.FromSeconds(1);

    private const int QueueLength = 512;

    private readonly Lock _lock = new();
    private readonly Dictionary<Guid, Ticket> _waiting = [];
    private readonly Channel<ReviewAsked> _asked = Channel.CreateBounded<ReviewAsked>(QueueLength); // a full one refuses
    private readonly Channel<ReviewEnded> _ended = Channel.CreateUnbounded<ReviewEnded>(); // no more than what was asked

    /// <summary>Questions for the control plane.</summary>
    public ChannelReader<ReviewAsked> Asked => _asked.Reader;

    /// <summary>Questions that no call waits for any longer.</summary>
    public ChannelReader<ReviewEnded> Ended => _ended.Reader;

    /// <summary>The reviews that calls of this node wait for.</summary>
    public IReadOnlyList<Guid> Waiting
    {
        get
        {
            lock (_lock)
            {
                return [.. _waiting.Keys];
            }
        }
    }

    /// <summary>A person has decided. Does nothing when no call of this node waits for it.</summary>
    public void Decide(Guid id, bool approved)
    {
        Ticket? ticket;
        lock (_lock)
        {
            _waiting.TryGetValue(id, out ticket);
        }

        ticket?.Decision.TrySetResult(approved);
    }

    /// <summary>Lets a call wait for a person.</summary>
    /// <param name="question">Without <see cref="ReviewAsked.Due"/>, which is set here.</param>
    /// <returns>How it ended, and whether the call may go on.</returns>
    /// <exception cref="OperationCanceledException">The client went away.</exception>
    internal async ValueTask<(ReviewState How, bool Passes)> WaitAsync(Call call, ReviewAsked question, TimeSpan timeout)
    {
        var ticket = new Ticket(question.SystemId);
        if (!TryEnter(question with { Due = question.At + timeout }, ticket, call.Table.Policies.Reviews))
        {
            metrics.Reviewed("overflowed");
            return (ReviewState.TimedOut, question.PassesOnTimeout);
        }

        var (how, passes) = (ReviewState.Withdrawn, false);
        try
        {
            if (!call.HeadIsSent)
            {
                call.Http.Response.Headers[Header] = question.Id.ToString();
            }

            var decision = new ValueTask<bool>(ticket.Decision.Task.WaitAsync(timeout + Grace, clock, call.Aborted));
            passes = call.Peek.Stream && (call.HeadIsSent || call.Surface.KeepsCompany)
                ? await Company.KeepAsync(call, decision, clock)
                : await call.WaitAsync(decision);
            how = passes ? ReviewState.Approved : ReviewState.Denied;
        }
        catch (TimeoutException)
        {
            (how, passes) = (ReviewState.TimedOut, question.PassesOnTimeout);
        }
        finally
        {
            lock (_lock)
            {
                _waiting.Remove(question.Id);
            }

            metrics.ReviewEnded();
            metrics.Reviewed(Word(how));
            _ended.Writer.TryWrite(new ReviewEnded(question.Id, how, passes, clock.GetUtcNow()));
        }

        return (how, passes);
    }

    /// <summary>Asks about a call that has gone on.</summary>
    internal void Ask(ReviewAsked question) => metrics.Reviewed(_asked.Writer.TryWrite(question) ? "asked_after" : "overflowed");

    private bool TryEnter(ReviewAsked question, Ticket ticket, ReviewLimits limits)
    {
        lock (_lock)
        {
            var ofSystem = 0;
            foreach (var other in _waiting.Values)
            {
                ofSystem += other.SystemId == ticket.SystemId ? 1 : 0;
            }

            if (_waiting.Count >= limits.PerNode || ofSystem >= limits.PerSystem || !_asked.Writer.TryWrite(question))
            {
                return false;
            }

            _waiting.Add(question.Id, ticket);
        }

        metrics.ReviewBegan();
        return true;
    }

    private static string Word(ReviewState state) => state switch
    {
        ReviewState.Approved => "approved",
        ReviewState.Denied => "denied",
        ReviewState.TimedOut => "timed_out",
        _ => "withdrawn",
    };

    private sealed class Ticket(Guid systemId)
    {
        public Guid SystemId { get; } = systemId;

        /// <summary>Whoever decides goes on with their own work: the call continues on the pool.</summary>
        public TaskCompletionSource<bool> Decision { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}

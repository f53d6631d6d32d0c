using Gatehouse.Contracts;
using Gatehouse.Gateway.Embeddings;
using Gatehouse.Gateway.Providers;
using Gatehouse.Gateway.Resilience;
using Gatehouse.Gateway.Routing;
using Gatehouse.Gateway.Streaming;
using Microsoft.AspNetCore.Http;

namespace Gatehouse.Gateway.Calls;

/// <summary>One try of one target while it is under way.</summary>
/// <param name="number">0 for the call's first.</param>
/// <param name="model">The provider's name of the model.</param>
/// <param name="wire">Which of the formats that the provider speaks.</param>
internal sealed class Attempt(Target target, string model, int number, long startMicros, WireFormat wire, AnswerTap tap) : ISendListener
{
    public Target Target { get; } = target;

    public WireFormat Wire { get; } = wire;

    public ProviderSettings Settings => Target.Provider.Settings;

    public string Model { get; } = model;

    public int Number { get; } = number;

    public long StartMicros { get; } = startMicros;

    /// <summary>What the answer turned out to hold. Its usage counts even when the attempt failed: the provider may bill it.</summary>
    public AnswerTap Tap { get; } = tap;

    /// <summary>What the target's breaker gets the outcome for.</summary>
    public BreakerPass Pass { get; set; }

    /// <summary>When two attempts run at the same time: what keeps this one from speaking out of turn.</summary>
    public Contender? Contender { get; init; }

    /// <summary>The request was ready and went on its way: the attempt belongs into the record.</summary>
    public bool IsAsked { get; set; }

    /// <summary>Names of parameters that the target's format cannot carry.</summary>
    public IReadOnlyList<string> Dropped { get; set; } = [];

    /// <summary>Whether the schema of the answer was asked for by a tool.</summary>
    public bool AnswersByTool { get; set; }

    /// <summary>Which of the provider's credentials; meaningless when it has one.</summary>
    public int Credential { get; set; }

    /// <summary>Another target is left to be asked, or is being asked.</summary>
    public bool HasSuccessor { get; set; }

    /// <summary>The request has been handed over completely: the provider may have worked on it, whatever became of the answer.</summary>
    public bool WasSent { get; private set; }

    /// <summary>The request goes to the provider in parts; <see langword="null"/>: whole.</summary>
    public VectorParts? Parts { get; set; }

    public int Status { get; set; }

    public long? HeadersMicros { get; set; }

    public long? FirstByteMicros { get; set; }

    /// <summary>Bytes of the answer that came so far.</summary>
    public long ReceivedBytes { get; set; }

    /// <summary>Already in the call's record.</summary>
    public bool IsClosed { get; private set; }

    /// <summary>The price that its usage was multiplied with; set by <see cref="Close"/>.</summary>
    public Price? Price { get; private set; }

    /// <summary>What it has cost; <see langword="null"/> when that is not known. Set by <see cref="Close"/>.</summary>
    public long? CostNanos { get; private set; }

    public void Sent() => WasSent = true;

    public CallAttempt Close(long endMicros, string? errorCode, string? error, PriceTable prices)
    {
        var cost = Cost(errorCode is null, prices);
        CostNanos = cost is { } usd ? Nanos.FromUsd(usd) : null;
        IsClosed = true; // what throws before leaves it open for the settlement that follows
        return new CallAttempt(
            Target.Provider.Name, Model, StartMicros, HeadersMicros, FirstByteMicros, endMicros, Status, errorCode, error, Tap.Usage, cost);
    }

    /// <summary>Unknown when more may have been produced than was counted: a price that is known to be too low is no price.</summary>
    private decimal? Cost(bool succeeded, PriceTable prices)
    {
        if (succeeded && Tap.IsFree)
        {
            return 0m;
        }

        if (Tap.Usage is not { } usage)
        {
            return Tap.BrokeFirst ? 0m : null;
        }

        if ((succeeded || Tap.IsUsageComplete || Parts is not null) && prices.TryFind(Settings.Name, Settings.Kind, Model, out var price))
        {
            Price = price.Served(Tap.ServiceTier);
            return Nanos.ToUsd(Price.CostNanos(usage));
        }

        return null;
    }
}

/// <summary>Why an attempt gave no answer, and what that means.</summary>
/// <param name="Problem">What the client reads if this stays the last word.</param>
internal sealed record AttemptFailure(NextStep Step, Problem Problem)
{
    /// <summary>For the record: no text of the request, no secret.</summary>
    public string RecordedMessage { get; init; } = Problem.Message;

    /// <summary>What it is to a route that falls back although the target is well.</summary>
    public FallbackCauses Cause { get; init; }

    /// <summary>How long the provider asks us to wait.</summary>
    public TimeSpan? RetryAfter { get; init; }

    /// <summary>Waiting will not help: tell the client's SDK not to retry.</summary>
    public bool IsLasting { get; init; }

    /// <summary>The request could not be put in the target's words, so it was not asked.</summary>
    public bool IsUnasked { get; init; }

    /// <summary>Headers of the provider's answer that are the client's business.</summary>
    public IHeaderDictionary? Headers { get; init; }

    /// <summary>Another credential of the same provider is ready to be tried at once.</summary>
    public bool MayRotate { get; init; }

    /// <summary>The request now says what was wrong with the answer: the same target is asked again, at once.</summary>
    public bool IsCorrected { get; init; }

    /// <summary>The call has another route now, which is to be asked.</summary>
    public bool IsRerouted { get; init; }

    /// <summary>The provider's error body, when it is already in the caller's format.</summary>
    public byte[]? Body { get; init; }
}

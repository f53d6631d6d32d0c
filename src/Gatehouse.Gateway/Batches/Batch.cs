namespace Gatehouse.Gateway.Batches;

/// <summary>Whose format a batch came in.</summary>
public enum BatchFormat
{
    OpenAi,
    Anthropic,
}

/// <summary>Where a batch stands, in OpenAI's words.</summary>
public enum BatchStatus
{
    Validating,
    InProgress,
    Finalizing,
    Completed,
    Failed,
    Expired,
    Cancelling,
    Cancelled,
}

/// <summary>What became of one item of a batch.</summary>
public enum BatchOutcome
{
    Succeeded,
    Errored,

    /// <summary>The batch was cancelled before the item ran.</summary>
    Cancelled,

    /// <summary>The batch's time was over before the item ran.</summary>
    Expired,
}

/// <summary>Items by outcome.</summary>
/// <param name="Total">0 until the batch is validated.</param>
public sealed record BatchCounts(int Total, int Succeeded, int Errored, int Cancelled, int Expired)
{
    public int Done => Succeeded + Errored + Cancelled + Expired;
}

/// <summary>Many requests that are answered within a day.</summary>
/// <param name="KeyId">The key that asked for it: its items are calls of this key.</param>
/// <param name="Endpoint">The path that every item is a request to.</param>
/// <param name="InputId">The file of its items, a line each.</param>
/// <param name="Metadata">The client's own words: a JSON object, or <see langword="null"/>.</param>
/// <param name="ExpiresAt">Items that have not run by then do not run.</param>
public sealed record Batch(
    BatchOwner Owner, string Id, BatchFormat Format, Guid KeyId, string Endpoint, string InputId, string? Metadata,
    DateTimeOffset CreatedAt,
    DateTimeOffset ExpiresAt)
{
    public BatchStatus Status { get; init; }

    public BatchCounts Counts { get; init; } = new(0, 0, 0, 0, 0);

    /// <summary>Of all answers so far.</summary>
    public BatchUsage Usage { get; init; } = BatchUsage.None;

    /// <summary>Headers of the client's request that hold for each item.</summary>
    public IReadOnlyDictionary<string, string> Headers { get; init; } = new Dictionary<string, string>();

    /// <summary>How long its output is kept.</summary>
    public TimeSpan KeepOutput { get; init; }

    public DateTimeOffset? InProgressAt { get; init; }

    public DateTimeOffset? FinalizingAt { get; init; }

    public DateTimeOffset? CancellingAt { get; init; }

    /// <summary>When it was completed, failed, expired or cancelled.</summary>
    public DateTimeOffset? EndedAt { get; init; }

    public string? OutputFileId { get; init; }

    public string? ErrorFileId { get; init; }

    /// <summary>What is wrong with its input; empty when nothing is.</summary>
    public IReadOnlyList<BatchError> Errors { get; init; } = [];
}

/// <summary>What is wrong with the input of a batch.</summary>
/// <param name="Line">From 1; <see langword="null"/> when it is not one line.</param>
public sealed record BatchError(string Code, string Message, string? Param, int? Line);

/// <summary>The right of one node to run a batch, until another one has taken it.</summary>
/// <param name="Fence">Rises with every lease: what an earlier holder writes is refused.</param>
public sealed record BatchLease(Batch Batch, long Fence);

/// <summary>What became of one item, as clients will read it.</summary>
/// <param name="Line">The line of the input that the item is.</param>
/// <param name="Content">One line of JSON, without its end.</param>
public sealed record BatchResult(int Line, BatchOutcome Outcome, byte[] Content)
{
    public BatchUsage Usage { get; init; } = BatchUsage.None;
}

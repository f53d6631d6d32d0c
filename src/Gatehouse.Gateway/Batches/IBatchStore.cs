namespace Gatehouse.Gateway.Batches;

/// <summary>
/// Where batches are. A batch is run by the node that holds its lease; whatever that node writes is refused once another node holds it.
/// </summary>
public interface IBatchStore
{
    Task AddAsync(Batch batch, CancellationToken ct);

    Task<Batch?> FindAsync(BatchOwner owner, BatchFormat format, string id, CancellationToken ct);

    /// <summary>Newest first.</summary>
    /// <param name="after">Only batches behind this id.</param>
    /// <param name="before">Only batches before this id; those nearest to it are listed.</param>
    Task<IReadOnlyList<Batch>> ListAsync(
        BatchOwner owner, BatchFormat format, string? after, string? before, int limit, CancellationToken ct);

    /// <summary>Asks for the end of a batch that is under way; nothing happens when it has ended.</summary>
    /// <returns>The batch as it stands, or <see langword="null"/> when there is none.</returns>
    Task<Batch?> CancelAsync(BatchOwner owner, BatchFormat format, string id, CancellationToken ct);

    /// <summary>Removes a batch that has ended, with everything it made.</summary>
    Task DeleteAsync(Batch batch, CancellationToken ct);

    /// <summary>The results of a batch in the order of its items, from memory that is bounded.</summary>
    IAsyncEnumerable<byte[]> ReadResultsAsync(Batch batch, CancellationToken ct);

    /// <summary>Takes the batch that has waited longest for somebody to run it.</summary>
    /// <param name="node">Takes at once what an earlier run of itself left.</param>
    /// <param name="except">Ids that are not wanted.</param>
    /// <param name="until">Others may take it from then on.</param>
    Task<BatchLease?> TryLeaseAsync(string node, IReadOnlyCollection<string> except, DateTimeOffset until, CancellationToken ct);

    /// <returns>The batch's status, or <see langword="null"/> when another node has the lease.</returns>
    Task<BatchStatus?> RenewAsync(BatchLease lease, DateTimeOffset until, CancellationToken ct);

    /// <summary>Lets any node take it at once.</summary>
    Task ReleaseAsync(BatchLease lease, CancellationToken ct);

    /// <summary>The input is good.</summary>
    /// <returns>The batch's status, or <see langword="null"/> when another node has the lease.</returns>
    Task<BatchStatus?> BeginAsync(BatchLease lease, int total, CancellationToken ct);

    /// <summary>The input is not good: the batch ends here.</summary>
    Task FailAsync(BatchLease lease, IReadOnlyList<BatchError> errors, CancellationToken ct);

    /// <summary>The lines whose results are kept.</summary>
    Task<IReadOnlyCollection<int>> DoneAsync(Batch batch, CancellationToken ct);

    /// <summary>Keeps results, all of them or none; when it returns they are durable. Renews the lease.</summary>
    /// <returns>The batch's status, or <see langword="null"/> when another node has the lease: nothing is kept.</returns>
    Task<BatchStatus?> KeepAsync(BatchLease lease, IReadOnlyList<BatchResult> results, DateTimeOffset until, CancellationToken ct);

    /// <summary>Every item has a result.</summary>
    Task FinalizeAsync(BatchLease lease, CancellationToken ct);

    /// <summary>Makes the files of results and ends the batch, in one.</summary>
    /// <param name="outputId">The id of the file of answers, if there will be one.</param>
    /// <param name="errorId">The id of the file of errors, if there will be one.</param>
    Task EndAsync(BatchLease lease, BatchStatus status, string outputId, string errorId, CancellationToken ct);
}

using Gatehouse.Contracts;
using Gatehouse.Gateway.Routing;

namespace Gatehouse.Gateway.Batches;

/// <summary>Whose files and batches: a key sees those of its own system and environment, and no others exist for it.</summary>
public sealed record BatchOwner(Guid TeamId, Guid SystemId, SystemEnvironment Environment)
{
    internal static BatchOwner Of(Principal principal) => new(principal.TeamId, principal.SystemId, principal.Environment);
}

/// <summary>A file that a client sent, or that a batch made.</summary>
/// <param name="Id">As the client knows it; ids are in time order.</param>
/// <param name="Name">As the client called it.</param>
public sealed record StoredFile(
    BatchOwner Owner, string Id, string Purpose, string Name, long Bytes, DateTimeOffset CreatedAt, DateTimeOffset ExpiresAt)
{
    /// <summary>What a batch reads.</summary>
    public const string Batch = "batch";

    /// <summary>What belongs to a batch alone: its owner does not see it.</summary>
    public const string Inner = "message_batch";

    /// <summary>What a batch made.</summary>
    public const string BatchOutput = "batch_output";
}

/// <summary>Where the content of files is. Every node sees every file.</summary>
public interface IFileStore
{
    /// <summary>Longest piece, in bytes, that <see cref="AppendAsync"/> takes.</summary>
    const int MaxChunkBytes = 512 << 10;

    /// <summary>Begins a file, which nobody finds before it is complete.</summary>
    Task BeginAsync(StoredFile file, CancellationToken ct);

    /// <param name="number">0, 1, 2 …</param>
    /// <exception cref="ProblemException">The team's files would have more bytes together than <paramref name="quotaBytes"/>.</exception>
    Task AppendAsync(BatchOwner owner, string id, int number, byte[] chunk, long quotaBytes, CancellationToken ct);

    /// <summary>The file is whole, and found from now on with what <paramref name="file"/> says of it.</summary>
    Task CompleteAsync(StoredFile file, CancellationToken ct);

    /// <summary>Removes a file that will not be completed.</summary>
    Task AbandonAsync(BatchOwner owner, string id, CancellationToken ct);

    Task<StoredFile?> FindAsync(BatchOwner owner, string id, CancellationToken ct);

    /// <param name="purpose"><see langword="null"/> for all.</param>
    /// <param name="after">Only files behind this id, in the order asked for.</param>
    Task<IReadOnlyList<StoredFile>> ListAsync(
        BatchOwner owner, string? purpose, string? after, bool oldestFirst, int limit, CancellationToken ct);

    /// <returns>The content, in pieces of any length.</returns>
    IAsyncEnumerable<byte[]> ReadAsync(BatchOwner owner, string id, CancellationToken ct);

    /// <returns><see langword="false"/> when there is no such file.</returns>
    /// <exception cref="ProblemException">A batch under way reads it.</exception>
    Task<bool> DeleteAsync(BatchOwner owner, string id, CancellationToken ct);
}

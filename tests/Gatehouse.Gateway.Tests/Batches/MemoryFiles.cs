using System.Collections.Concurrent;
using Gatehouse.Gateway.Batches;

namespace Gatehouse.Gateway.Tests.Batches;

/// <summary>Files in the test's memory, in place of the control plane's database.</summary>
internal sealed class MemoryFiles : IFileStore
{
    private readonly ConcurrentDictionary<(BatchOwner Owner, string Id), (StoredFile File, byte[] Content)> _files = new();

    public void Add(StoredFile file, byte[] content) =>
        _files[(file.Owner, file.Id)] = (file with { Bytes = content.Length }, content);

    public Task<StoredFile?> FindAsync(BatchOwner owner, string id, CancellationToken ct) =>
        Task.FromResult(_files.TryGetValue((owner, id), out var found) ? found.File : null);

    public async IAsyncEnumerable<byte[]> ReadAsync(
        BatchOwner owner, string id, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken ct)
    {
        foreach (var chunk in _files[(owner, id)].Content.Chunk(3))
        {
            await Task.Yield();
            yield return chunk;
        }
    }

    public Task BeginAsync(StoredFile file, CancellationToken ct) => throw new NotSupportedException();

    public Task AppendAsync(BatchOwner owner, string id, int number, byte[] chunk, long quotaBytes, CancellationToken ct) =>
        throw new NotSupportedException();

    public Task CompleteAsync(StoredFile file, CancellationToken ct) => throw new NotSupportedException();

    public Task AbandonAsync(BatchOwner owner, string id, CancellationToken ct) => throw new NotSupportedException();

    public Task<IReadOnlyList<StoredFile>> ListAsync(
        BatchOwner owner, string? purpose, string? after, bool oldestFirst, int limit, CancellationToken ct) =>
        throw new NotSupportedException();

    public Task<bool> DeleteAsync(BatchOwner owner, string id, CancellationToken ct) => throw new NotSupportedException();
}

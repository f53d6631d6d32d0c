using System.Collections.Concurrent;
using Gatehouse.Gateway.Responses;

namespace Gatehouse.Gateway.Tests.Responses;

/// <summary>Stored responses in the test's memory, in place of the control plane's database.</summary>
internal sealed class MemoryResponses : IResponseStore
{
    private readonly ConcurrentDictionary<string, StoredResponse> _responses = new();

    public ConcurrentBag<string> Cancelled { get; } = [];

    public int Lost { get; private set; }

    public bool IsFull { get; set; }

    public ICollection<StoredResponse> All => _responses.Values;

    public bool TryKeep(StoredResponse response)
    {
        if (IsFull)
        {
            return false;
        }

        _responses.AddOrUpdate(
            Key(response.Scope, response.Id), response, (_, before) => response.IsRunning && !before.IsRunning ? before : response);
        return true;
    }

    public void Lose() => Lost++;

    public ValueTask<StoredResponse?> FindAsync(ResponseScope scope, string id, CancellationToken ct) =>
        ValueTask.FromResult(_responses.GetValueOrDefault(Key(scope, id)));

    public async ValueTask<IReadOnlyList<StoredResponse>> FindThreadAsync(
        ResponseScope scope, string id, long maxBytes, CancellationToken ct)
    {
        var thread = new List<StoredResponse>();
        for (var next = id; next is not null;)
        {
            if (await FindAsync(scope, next, ct) is not { } found)
            {
                return [];
            }

            thread.Insert(0, found);
            next = found.PreviousId;
        }

        return thread;
    }

    public ValueTask<StoredResponse?> FindByItemAsync(ResponseScope scope, string itemId, CancellationToken ct) =>
        ValueTask.FromResult(_responses.Values.FirstOrDefault(r => r.Scope == scope && r.ItemIds.Contains(itemId)));

    public ValueTask<bool> DeleteAsync(ResponseScope scope, string id, CancellationToken ct) =>
        ValueTask.FromResult(_responses.TryRemove(Key(scope, id), out _));

    public ValueTask CancelAsync(ResponseScope scope, string id, CancellationToken ct)
    {
        Cancelled.Add(id);
        return default;
    }

    public ValueTask<bool> IsCancelAskedAsync(ResponseScope scope, string id, CancellationToken ct) =>
        ValueTask.FromResult(Cancelled.Contains(id));

    private static string Key(ResponseScope scope, string id) => $"{scope.SystemId}/{scope.Environment}/{id}";
}

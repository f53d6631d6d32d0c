using Gatehouse.Client;
using Gatehouse.Contracts;

namespace Gatehouse.Commands;

/// <summary>A development key of a system for the length of one command; it expires within a day even if the command is killed.</summary>
internal sealed class BorrowedKey(ApiClient api, CreatedKey created) : IAsyncDisposable
{
    public string Secret => created.Secret;

    public static async Task<BorrowedKey> MakeAsync(ApiClient api, string system, CancellationToken ct)
    {
        var found = await SystemLookup.FindAsync(api, system, ct);
        var request = new KeyCreateCommand.Request(SystemEnvironment.Development, "gatehouse call", 1);
        var answer = await api.PostAsync($"api/systems/{found.Id}/keys", request, ClientJson.Default.KeyCreateCommandRequest, ct);
        return new BorrowedKey(api, ApiClient.Read(answer, ClientJson.Default.CreatedKey));
    }

    /// <remarks>Not cancelled with the command: Ctrl+C must not leave the key behind.</remarks>
    public async ValueTask DisposeAsync() => await api.DeleteAsync($"api/keys/{created.Key.Id}", CancellationToken.None);
}

using Gatehouse.Contracts;
using Gatehouse.Gateway.Conversation;

namespace Gatehouse.Gateway.Responses;

/// <summary>Whose responses: a key sees those of its own system and environment, and no others exist for it.</summary>
public sealed record ResponseScope(Guid TeamId, Guid SystemId, SystemEnvironment Environment);

/// <summary>A response that can be asked for again and gone on from.</summary>
/// <param name="Id">As the client knows it.</param>
/// <param name="PreviousId">The response that it goes on from.</param>
/// <param name="Status"><c>queued</c>, <c>in_progress</c>, <c>completed</c>, <c>incomplete</c>, <c>failed</c> or <c>cancelled</c>.</param>
/// <param name="Input">What was new in its request: a JSON array of items, each with an id.</param>
/// <param name="Response">The <c>response</c> object.</param>
public sealed record StoredResponse(
    ResponseScope Scope, string Id, string? PreviousId, DateTimeOffset CreatedAt, string Status, ReadOnlyMemory<byte> Input,
    ReadOnlyMemory<byte> Response)
{
    /// <summary>The ids of the items of its output, by which later requests may name them.</summary>
    public IReadOnlyList<string> ItemIds { get; init; } = [];

    /// <summary>The events of a streamed background run, for clients that come back; empty for others.</summary>
    public ReadOnlyMemory<byte> Events { get; init; }

    /// <summary>It is made in the background and not yet done.</summary>
    public bool IsRunning => Status is "queued" or "in_progress";

    /// <summary>What is said of a conversation that is larger than can be worked with at once.</summary>
    public static ProblemException TooLarge(long maxBytes) => new(new Problem(
        "conversation_too_large", 400,
        $"With everything that it goes on from, the request is larger than {maxBytes} bytes, the limit of this installation: begin anew with a summary.")
    {
        Field = "previous_response_id",
    });

    /// <summary>The response as it is when the node that made it is gone.</summary>
    public StoredResponse Abandoned()
    {
        var problem = new Problem("server_error", 503, "The node of Gatehouse that made the response is gone: ask again.");
        return this with { Status = "failed", Response = ResponsePatch.WithStatus(WireJson.ParseAnswer(Response.Span), "failed", problem) };
    }
}

/// <summary>
/// Where stored responses are. Nothing is asked of it but by calls that name an earlier response. What was kept is found at once on this
/// node; the database may get it a moment later.
/// </summary>
public interface IResponseStore
{
    /// <summary>Keeps a response, or the newer state of one. Never waits.</summary>
    /// <returns><see langword="false"/> when there is no room: it is not kept.</returns>
    bool TryKeep(StoredResponse response);

    /// <summary>Counts a response that should have been kept and cannot be.</summary>
    void Lose();

    /// <exception cref="ProblemException">The store cannot be asked now.</exception>
    ValueTask<StoredResponse?> FindAsync(ResponseScope scope, string id, CancellationToken ct);

    /// <param name="maxBytes">Of inputs and responses together: more are not read into memory.</param>
    /// <returns>The response and those that it goes on from, oldest first, without events; empty when it, or one of those, is not
    /// here.</returns>
    /// <exception cref="ProblemException">The store cannot be asked now, or the thread is too large.</exception>
    ValueTask<IReadOnlyList<StoredResponse>> FindThreadAsync(ResponseScope scope, string id, long maxBytes, CancellationToken ct);

    /// <returns>The response whose output has the item of this id.</returns>
    /// <exception cref="ProblemException">The store cannot be asked now.</exception>
    ValueTask<StoredResponse?> FindByItemAsync(ResponseScope scope, string itemId, CancellationToken ct);

    /// <returns><see langword="false"/> when there is none.</returns>
    /// <exception cref="ProblemException">The store cannot be asked now.</exception>
    ValueTask<bool> DeleteAsync(ResponseScope scope, string id, CancellationToken ct);

    /// <summary>Asks the node that runs a response to stop it.</summary>
    /// <exception cref="ProblemException">The store cannot be asked now.</exception>
    ValueTask CancelAsync(ResponseScope scope, string id, CancellationToken ct);

    /// <summary>Whether some node was asked to stop the run.</summary>
    /// <exception cref="ProblemException">The store cannot be asked now.</exception>
    ValueTask<bool> IsCancelAskedAsync(ResponseScope scope, string id, CancellationToken ct);
}

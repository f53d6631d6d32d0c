using Gatehouse.Contracts;
using Gatehouse.Gateway.Routing;

namespace Gatehouse.Gateway.Responses;

/// <summary>The policy of a system and environment about stored responses: they are content, and kept only where content is.</summary>
internal static class StoredContent
{
    public static ResponseScope ScopeOf(Principal principal) => new(principal.TeamId, principal.SystemId, principal.Environment);

    /// <summary>
    /// What is refused where no content is stored, because the answer would depend on it. A bare <c>store</c> is reported instead.
    /// </summary>
    public static Problem? Refusal(in ResponsesPeek peek, Principal principal) =>
        peek.PreviousId is not null ? NotStored("previous_response_id", "send the earlier items in 'input' yourself", principal)
        : peek.Background ? NotStored("background", "leave 'background' out", principal)
        : peek.HasReferences ? NotStored("input", "send the items themselves ('store: false' makes most SDKs do so)", principal)
        : null;

    /// <summary>For an earlier response that is asked for where none can be.</summary>
    public static Problem NotStored(string? field, string otherwise, Principal principal)
    {
        var environment = principal.Environment.ToString().ToLowerInvariant();
        return new Problem(
            "responses_not_stored",
            field is null ? 404 : 400,
            $"The system '{principal.System}' stores no content in {environment}, so no earlier response is here. Turn 'store content' on for it"
            + $" (on the system's page, or PUT /api/systems/{principal.SystemId}/environments/{environment}), or {otherwise}.") { Field =
                field };
    }
}

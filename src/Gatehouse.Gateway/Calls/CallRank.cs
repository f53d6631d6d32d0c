using Gatehouse.Contracts;

namespace Gatehouse.Gateway.Calls;

/// <summary>
/// Who goes first where calls wait: production, staging, development, then whoever says that it can wait, and last the items of batches.
/// </summary>
internal static class CallRank
{
    public const string Header = "x-gatehouse-priority";

    /// <returns>Lower goes first. A caller may step back, never forward.</returns>
    public static int Of(Call call) => call.Origin is not null ? 4
        : string.Equals(call.Http.Request.Headers[Header].ToString(), "low", StringComparison.OrdinalIgnoreCase) ? 3
        : call.Principal.Environment switch
        {
            SystemEnvironment.Production => 0,
            SystemEnvironment.Staging => 1,
            _ => 2,
        };
}

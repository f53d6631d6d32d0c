namespace Gatehouse.Gateway.Routing;

/// <summary>What sends a call on to the route's next target although this one is well.</summary>
[Flags]
public enum FallbackCauses
{
    None = 0,

    /// <summary>The request is too long for the model. Targets that ask the same model are passed over.</summary>
    ContextLength = 1,

    /// <summary>The provider's filter refused the request, or cut the answer before anything of it reached the client.</summary>
    ContentFilter = 2,

    /// <summary>A whole answer that is no refusal breaks the JSON Schema that the request asked for.</summary>
    InvalidSchema = 4,

    /// <summary>A scorer thinks little of a whole answer, see <see cref="ConfidenceRule"/>.</summary>
    LowConfidence = 8,
}

/// <summary>A copy of a route's calls that goes to another target besides, for comparison. Its answers reach nobody.</summary>
/// <param name="Share">Of the calls, above 0 and at most 1.</param>
/// <param name="MaxConcurrent">Copies under way at once on this node; more are left out.</param>
public sealed record Mirror(Target Target, double Share, int MaxConcurrent);

using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.AspNetCore.Routing.Patterns;
using Microsoft.AspNetCore.Routing.Template;

namespace Gatehouse.Api;

/// <summary>
/// Which methods an address of the API has. The framework cannot say: it counts the console's page for unknown addresses among the
/// candidates of each address. Asked only for requests that fail.
/// </summary>
internal sealed class ApiOperations(EndpointDataSource endpoints, ParameterPolicyFactory policies)
{
    /// <returns>In alphabetical order; empty when the API has no such address.</returns>
    public IReadOnlyList<string> MethodsAt(HttpContext http) =>
    [
        .. endpoints.Endpoints.OfType<RouteEndpoint>()
            .Where(e => e.RoutePattern.RawText?.TrimStart('/').StartsWith("api/", StringComparison.Ordinal) == true
                && Matches(e.RoutePattern, http))
            .SelectMany(e => e.Metadata.GetMetadata<IHttpMethodMetadata>()?.HttpMethods ?? [])
            .Distinct(StringComparer.Ordinal)
            .Order(StringComparer.Ordinal),
    ];

    private bool Matches(RoutePattern pattern, HttpContext http)
    {
        var values = new RouteValueDictionary();
        return new TemplateMatcher(new RouteTemplate(pattern), new RouteValueDictionary(pattern.Defaults)).TryMatch(
            http.Request.Path, values)
            && pattern.Parameters.All(parameter => parameter.ParameterPolicies
                .Select(policy => policies.Create(parameter, policy))
                .OfType<IRouteConstraint>()
                .All(constraint => constraint.Match(http, null, parameter.Name, values, RouteDirection.IncomingRequest)));
    }
}

using System.Globalization;
using System.Numerics;
using Gatehouse.Contracts;
using Gatehouse.Gateway.Resilience;
using Gatehouse.Gateway.Routing;

namespace Gatehouse.Gateway.Calls;

/// <summary>Why no target of a route may be asked. Waiting does not help, so SDKs are told not to retry.</summary>
internal static class Refusals
{
    public static AttemptFailure SwitchedOff(Route route)
    {
        if (route.Off is { } why)
        {
            return Lasting("route_off", 503, $"The route '{route.Name}' is switched off: {why}");
        }

        var reasons = new List<string>();
        foreach (var target in route.Targets)
        {
            reasons.Add($"{target.Name}: {target.Off}");
        }

        return Lasting("targets_off", 503, $"Every target of the route '{route.Name}' is switched off. {string.Join(" ", reasons)}");
    }

    public static AttemptFailure ModelOff(Route route, string model)
    {
        var why = route.ModelsOff!.FirstOrDefault(m => m.Key == model || m.Key.EndsWith("/" + model, StringComparison.Ordinal)).Value;
        return Lasting("model_off", 503, $"The model '{model}' is switched off: {why}");
    }

    public static AttemptFailure NotResident(Call call) => Lasting(
        "residency_not_met", 403,
        $"The data of '{call.Principal.System}' must stay in '{call.Principal.Residency}', and no target of the route '{call.Route.Name}' that is switched on is there.");

    public static AttemptFailure NotCleared(Call call, DataClassification data) => Lasting(
        "data_classification_not_met", 403,
        $"The data of '{call.Principal.System}' is {data.ToString().ToLowerInvariant()}, and no target of the route '{call.Route.Name}' that is switched on may receive it.");

    public static AttemptFailure LacksFeature(Route route, ModelFeatures needed, ulong open)
    {
        var lacking = ModelFeatures.None;
        for (var left = open; left != 0; left &= left - 1)
        {
            lacking |= route.Targets[BitOperations.TrailingZeroCount(left)].Conditions?.Lacks & needed ?? 0;
        }

        return Lasting(
            "unsupported_feature", 400,
            $"No target of the route '{route.Name}' can do what this request needs: {lacking.ToString().ToLowerInvariant()}.");
    }

    public static AttemptFailure WrongSize(Route route, int bytes) => Lasting(
        "request_size_not_served", 413,
        string.Create(CultureInfo.InvariantCulture, $"No target of the route '{route.Name}' takes a request of {bytes} bytes."));

    public static AttemptFailure NoMatch(Route route) => Lasting(
        "no_target_matches", 400,
        $"No target of the route '{route.Name}' takes calls with this metadata; see the header '{CallMetadata.Header}'.");

    private static AttemptFailure Lasting(string code, int status, string message) =>
        new(NextStep.PassOn, new Problem(code, status, message)) { IsLasting = true };
}

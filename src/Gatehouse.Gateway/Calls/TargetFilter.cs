using System.Numerics;
using System.Text;
using Gatehouse.Contracts;
using Gatehouse.Gateway.Resilience;
using Gatehouse.Gateway.Routing;

namespace Gatehouse.Gateway.Calls;

/// <summary>
/// Which targets of its route a call may go to. A route without conditions and a system without limits of place and data cost a read of
/// one word.
/// </summary>
internal static class TargetFilter
{
    /// <param name="open">The targets that may be asked, a bit each.</param>
    /// <param name="first">The canary that this call belongs to, or -1.</param>
    /// <returns>Why there is none, or <see langword="null"/>.</returns>
    public static AttemptFailure? Choose(Call call, Chance chance, out ulong open, out int first)
    {
        var (route, principal) = (call.Route, call.Principal);
        (open, first) = (route.Open, -1);
        if (route.Off is not null || open == 0)
        {
            return Refusals.SwitchedOff(route);
        }

        if (!route.IsConditional && route.ModelsOff is null && principal is { Residency: null, DataClassification: null })
        {
            return null;
        }

        if (route.ModelsOff is not null && (open = SwitchedOn(route, call.Record.Route, open)) == 0)
        {
            return Refusals.ModelOff(route, call.Record.Route);
        }

        if (principal.Residency is not null && (open = Resident(route, principal.Residency, open)) == 0)
        {
            return Refusals.NotResident(call);
        }

        if (principal.DataClassification is { } data && (open = Cleared(route, data, open)) == 0)
        {
            return Refusals.NotCleared(call, data);
        }

        return route.IsConditional ? Match(call, chance, ref open, out first) : null;
    }

    private static AttemptFailure? Match(Call call, Chance chance, ref ulong open, out int first)
    {
        var route = call.Route;
        first = -1;
        var (lacks, metadata, canaries) = (ModelFeatures.None, false, 0UL);
        for (var left = open; left != 0; left &= left - 1)
        {
            var index = BitOperations.TrailingZeroCount(left);
            if (route.Targets[index].Conditions is { } conditions)
            {
                lacks |= conditions.Lacks;
                metadata |= conditions.Metadata.Count > 0;
                canaries |= conditions.Canary > 0 ? 1UL << index : 0;
            }
        }

        if (lacks != ModelFeatures.None && RequestFeatures.Of(call) is var needed and not ModelFeatures.None)
        {
            var able = Where(route, open, needed, static (c, n) => (c.Lacks & n) == 0);
            if (able == 0)
            {
                return Refusals.LacksFeature(route, needed, open);
            }

            open = able;
        }

        if ((open = Where(
            route, open, call.Body.Length + call.Surface.FileBytes, static (c, length) => length >= c.MinRequestBytes
                && length <= c.MaxRequestBytes)) == 0)
        {
            return Refusals.WrongSize(route, call.Body.Length + call.Surface.FileBytes);
        }

        if (metadata && (open = Where(route, open, call.Metadata, Holds)) == 0)
        {
            return Refusals.NoMatch(route);
        }

        DrawCanary(call, chance, canaries & open, ref open, ref first);
        return null;
    }

    /// <summary>A canary serves its share of users first, and the others not at all, unless nothing else is left.</summary>
    private static void DrawCanary(Call call, Chance chance, ulong canaries, ref ulong open, ref int first)
    {
        if (canaries == 0)
        {
            return;
        }

        var draw = call.Metadata.User is { } user ? Share(call.Route.Name, user) : call.Draw(chance);
        for (var left = canaries; left != 0; left &= left - 1)
        {
            var index = BitOperations.TrailingZeroCount(left);
            draw -= call.Route.Targets[index].Conditions!.Canary;
            if (draw < 0)
            {
                first = index;
                break;
            }
        }

        var others = first >= 0 ? canaries & ~(1UL << first) : canaries;
        open = (open & ~others) is var rest and not 0 ? rest : open;
    }

    private static bool Holds(TargetConditions conditions, CallMetadata metadata)
    {
        foreach (var condition in conditions.Metadata)
        {
            if (metadata[condition.Name] is not { } value || !condition.Values.Contains(value))
            {
                return false;
            }
        }

        return true;
    }

    private static ulong Where<T>(Route route, ulong open, T with, Func<TargetConditions, T, bool> holds)
    {
        var kept = 0UL;
        for (var left = open; left != 0; left &= left - 1)
        {
            var index = BitOperations.TrailingZeroCount(left);
            kept |= route.Targets[index].Conditions is not { } conditions || holds(conditions, with) ? 1UL << index : 0;
        }

        return kept;
    }

    private static ulong SwitchedOn(Route route, string model, ulong open)
    {
        var kept = 0UL;
        for (var left = open; left != 0; left &= left - 1)
        {
            var index = BitOperations.TrailingZeroCount(left);
            var target = route.Targets[index];
            var off = target.Model == Target.AnyModel
                && (route.ModelsOff!.ContainsKey(model) || route.ModelsOff.ContainsKey($"{target.Provider.Name}/{model}"));
            kept |= off ? 0 : 1UL << index;
        }

        return kept;
    }

    private static ulong Resident(Route route, string place, ulong open)
    {
        var kept = 0UL;
        for (var left = open; left != 0; left &= left - 1)
        {
            var index = BitOperations.TrailingZeroCount(left);
            kept |= route.Targets[index].Provider.IsIn(place) ? 1UL << index : 0;
        }

        return kept;
    }

    private static ulong Cleared(Route route, DataClassification data, ulong open)
    {
        var kept = 0UL;
        for (var left = open; left != 0; left &= left - 1)
        {
            var index = BitOperations.TrailingZeroCount(left);
            kept |= route.Targets[index].Provider.MayReceive(data) ? 1UL << index : 0;
        }

        return kept;
    }

    /// <summary>FNV-1a over the route's name and the user, spread to [0, 1): the same on every node and after every start.</summary>
    private static double Share(string route, string user)
    {
        const ulong prime = 0x100000001B3;
        var hash = 0xCBF29CE484222325;
        foreach (var b in Encoding.UTF8.GetBytes($"{route}\n{user}"))
        {
            hash = (hash ^ b) * prime;
        }

        hash ^= hash >> 33; // FNV's high bits alone are poor on short texts
        hash *= 0xFF51AFD7ED558CCD;
        hash ^= hash >> 33;
        return (hash >> 11) * (1.0 / (1UL << 53));
    }
}

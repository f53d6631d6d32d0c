using Gatehouse.Console.Budgets;
using Gatehouse.Console.Calls;
using Gatehouse.Console.Frame;
using Gatehouse.Console.Shared;
using Gatehouse.Contracts;

namespace Gatehouse.Console.Overview;

/// <summary>Something that a person should look at, worst first.</summary>
internal sealed record Attention(Status State, string Title, string Note, string Href)
{
    private const int Most = 6;

    /// <summary>
    /// Providers and systems with a tenth (failing) or a hundredth (warning) of failed calls, budgets, calls that wait for a person,
    /// incidents, refusals, and calls without a price.
    /// </summary>
    /// <param name="reviews">Those that a person can still decide.</param>
    /// <param name="incidents">Those that nobody has closed.</param>
    public static IReadOnlyList<Attention> Of(
        Scope scope, TrafficSum total, IReadOnlyList<TrafficShare> providers, IReadOnlyList<TrafficShare> systems,
        IReadOnlyList<BudgetStanding> budgets, IReadOnlyList<Review> reviews, IReadOnlyList<Incident> incidents)
    {
        var found = new List<Attention>();
        if (reviews.Count > 0)
        {
            var waiting = reviews.Count(r => r.State == ReviewState.Waiting);
            found.Add(new(
                Status.Warning,
                waiting > 0
                    ? $"{Figures.Plural(waiting, "call waits", "calls wait")} for a person"
                    : $"{Figures.Plural(reviews.Count, "question")} about calls {(reviews.Count == 1 ? "is" : "are")} open",
                $"rule {reviews[^1].Rule} of {reviews[^1].System}{(reviews.Count > 1 ? " and others" : "")}",
                reviews is [var only] ? $"/reviews/{only.Id}" : "/reviews"));
        }

        foreach (var incident in incidents)
        {
            found.Add(new(
                incident.MitigatedAt is null ? Status.Failing : Status.Warning,
                $"The breaker {incident.Name} of {incident.System} {(incident.MitigatedAt is null ? "is open" : "was open")}",
                incident.MitigatedAt is null
                    ? $"its calls in {Figures.Word(incident.Environment)} are {Incidents.IncidentWords.Done(incident.Action)}"
                    : "it closed again; nobody has written down what was wrong",
                $"/incidents#incident-{incident.Id}"));
        }

        foreach (var provider in providers.Where(p => p.Key.Length > 0))
        {
            // What another target made good is trouble all the same, and nobody would see it by the calls alone.
            var passedOn = provider.Sum.FailedOver;
            var (failed, tried) = (provider.Sum.Failed + passedOn, provider.Sum.Calls + passedOn);
            if (Statuses.OfFailures(failed, tried) is var state and (Status.Failing or Status.Warning))
            {
                found.Add(new(
                    state,
                    $"Provider {provider.Name} fails {Figures.Share(failed, tried)} of {(passedOn == 0 ? "calls" : "attempts")}",
                    passedOn == 0
                        ? $"{Figures.Count(failed)} of {Figures.Plural(tried, "call")}"
                        : $"{Figures.Count(failed)} of {Figures.Plural(tried, "attempt")}; {Figures.Count(passedOn)} passed on to another target",
                    provider.Sum.Failed > 0
                        ? CallLinks.To(scope, new CallFilter(Provider: provider.Key, Outcome: CallOutcome.Failed))
                        : scope.Path("/routes")));
            }
        }

        foreach (var system in systems.Where(s => s.Sum.Failed > 0))
        {
            if (Guid.TryParse(system.Key, out var id)
                && Statuses.OfFailures(system.Sum.Failed, system.Sum.Calls) is var state and (Status.Failing or Status.Warning))
            {
                found.Add(new(
                    state,
                    $"{system.Name} got {Figures.Plural(system.Sum.Failed, "error")}",
                    $"{Figures.Share(system.Sum.Failed, system.Sum.Calls)} of its {Figures.Plural(system.Sum.Calls, "call")}",
                    CallLinks.To(scope, new CallFilter(SystemId: id, Outcome: CallOutcome.Failed))));
            }
        }

        foreach (var b in budgets)
        {
            if (BudgetStates.Of(b) is var state and (Status.Failing or Status.Warning))
            {
                found.Add(new(
                    state,
                    state == Status.Failing ? $"The budget {b.Budget.Name} is used up" : $"The budget {b.Budget.Name} is nearly used up",
                    $"{Figures.Money(b.SpentUsd)} of {Figures.Money(b.Budget.LimitUsd)} {Scopes.Word(b.Budget.Period)}"
                        + (state == Status.Failing && b.Budget.Mode == BudgetMode.Hard ? ": its calls are refused" : ""),
                    "/budgets"));
            }
        }

        if (total.Refused > 0)
        {
            found.Add(new(
                Status.Notice,
                $"{Figures.Plural(total.Refused, "call")} refused",
                "by a limit, a stage or the request itself, before any provider was asked",
                CallLinks.To(scope, new CallFilter(Outcome: CallOutcome.Refused))));
        }

        if (total.UnpricedCalls > 0)
        {
            found.Add(new(
                Status.Notice,
                $"{Figures.Plural(total.UnpricedCalls, "call")} without a known price",
                "their cost is not in the sum: the model has no price ('prices' in gatehouse.yaml), or the answer broke off or said nothing of its tokens",
                CallLinks.To(scope, new CallFilter(Unpriced: true))));
        }

        return [.. found.OrderByDescending(a => Rank(a.State)).Take(Most)];
    }

    private static int Rank(Status state) => state switch
    {
        Status.Failing => 2,
        Status.Warning => 1,
        _ => 0,
    };
}

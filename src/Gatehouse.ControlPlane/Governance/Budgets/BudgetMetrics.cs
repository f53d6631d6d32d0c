using System.Diagnostics.Metrics;

namespace Gatehouse.Governance;

/// <summary>This module's own instruments.</summary>
internal sealed class BudgetMetrics : IDisposable
{
    private readonly Meter _meter = new("Gatehouse.Governance");
    private readonly Counter<long> _events;

    public BudgetMetrics() =>
        _events = _meter.CreateCounter<long>(
            "gatehouse.budget.events", "{event}", "Budgets that reached the share at which they alert, or their end, by budget and kind.");

    public void Reported(string budget, string kind) =>
        _events.Add(1, new KeyValuePair<string, object?>("gatehouse.budget", budget),
            new KeyValuePair<string, object?>("gatehouse.kind", kind));

    public void Dispose() => _meter.Dispose();
}

using Gatehouse.Contracts;
using Gatehouse.Gateway.Limits;

namespace Gatehouse.Tests.Governance.Leases;

/// <summary>A budget of the simulation, and what may at most be spent of each of its counts.</summary>
internal sealed class SimulatedBudget(Guid id, CallScope scope, LimitPeriod period, DateTimeOffset createdAt)
{
    public Guid Id { get; } = id;

    public CallScope Scope { get; } = scope;

    public LimitPeriod Period { get; } = period;

    public DateTimeOffset CreatedAt { get; set; } = createdAt;

    public long Cap { get; set; }

    public bool IsHard { get; set; }

    /// <summary>Of its last change.</summary>
    public long Revision { get; set; }

    /// <summary>Since which step all nodes hold by the last change; <see langword="null"/>: not yet.</summary>
    public int? HeldSince { get; set; }

    /// <summary>The cap, and what calls had that began before all nodes held by it.</summary>
    public Dictionary<(string Subject, DateTimeOffset From), long> Bounds { get; } = [];

    public (string Subject, DateTimeOffset From)? KeyOf(SimulatedCall call) =>
        Scope.Matches(call.Node.Principal.TeamId, call.Node.Principal.SystemId, call.Node.Principal.KeyId, call.Route, call.User)
            && (!Scope.IsPerUser || call.StartedAt >= CreatedAt)
            ? (Scope.IsPerUser ? call.User : "", LimitRule.Window(Period, call.StartedAt).From)
            : null;
}

/// <summary>A call on its way through a node, and after that its record.</summary>
internal sealed class SimulatedCall(
    SimulatedNode node, LimitTable table, DateTimeOffset startedAt, int step, string route, string user, long worst, long real)
{
    public SimulatedNode Node { get; } = node;

    public LimitTable Table { get; } = table;

    public DateTimeOffset StartedAt { get; } = startedAt;

    /// <summary>Of its beginning.</summary>
    public int Step { get; } = step;

    public string Route { get; } = route;

    public string User { get; } = user;

    public long Worst { get; } = worst;

    public long Real { get; } = real;

    public Holds? Holds { get; set; }

    /// <summary>What it has taken of, in the order of the rules.</summary>
    public List<(Guid Rule, AllowanceWindow Window)> Held { get; } = [];

    /// <summary>What it waits for.</summary>
    public AllowanceWindow? Waits { get; set; }

    /// <summary>The rules that it has behind it.</summary>
    public int Rules { get; set; }

    public int Tries { get; set; }

    public CallStage Stage { get; set; }

    public Gatehouse.Gateway.Journal.CallRecord? Record { get; set; }
}

/// <summary>How far a call has come.</summary>
internal enum CallStage
{
    Began,
    UnderWay,
    Settled,
    Appended,
}

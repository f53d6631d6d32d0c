using Gatehouse.Console.Shared;
using Gatehouse.Contracts;

namespace Gatehouse.Console.Incidents;

/// <summary>Incidents in words.</summary>
internal static class IncidentWords
{
    public static Status StateOf(Incident incident) => incident.ClosedAt is not null ? Status.Ok
        : incident.MitigatedAt is not null ? Status.Warning : Status.Failing;

    public static string Of(Incident incident) => incident.ClosedAt is not null ? "closed"
        : incident.MitigatedAt is not null ? "breaker closed again" : "breaker open";

    /// <summary>What an action does with calls.</summary>
    public static string Done(string action) => action switch { "slow" => "slowed", "stop" => "refused", _ => "handed over to people" };
}

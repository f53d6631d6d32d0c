using Gatehouse.Contracts;
using Gatehouse.Gateway.Guarding.PlugIns;

namespace Gatehouse.Guards;

/// <summary>
/// How the guards outside of the process fare on this node. The sums are of every team's calls, so they are for those who may read the
/// settings of the whole installation.
/// </summary>
public sealed class PlugInStandings(PlugInBook book)
{
    public static bool MayRead(Person who) => who.MayEverywhere(Permission.ReadSettings);

    /// <summary>Those that were asked in the last hour, slowest first.</summary>
    /// <exception cref="ProblemException">The person may not: 403.</exception>
    public IReadOnlyList<PlugInStanding> List(Person who) => MayRead(who)
        ? book.List()
        : throw new ProblemException(
            Problem.Forbidden("How models and webhooks fare is for admins, architects and auditors of the whole installation."));
}

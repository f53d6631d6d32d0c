using Gatehouse.Contracts;
using Gatehouse.Gateway.Guarding.PlugIns;

namespace Gatehouse.Guards;

/// <summary>
/// How the guards outside of the process fare on this node: everybody who is signed in may know, as they may the policies.
/// </summary>
public sealed class PlugInStandings(PlugInBook book)
{
    /// <summary>Those that were asked in the last hour, slowest first.</summary>
    public IReadOnlyList<PlugInStanding> List() => book.List();
}

namespace Gatehouse.Gateway.Calls;

/// <summary>
/// Whether this node cuts the calls that are under way, because it has to end: their clients have not gone away. Also a feature of a
/// request that Gatehouse makes itself, for that one alone. Safe from any thread.
/// </summary>
public sealed class CallCuts
{
    private volatile bool _haveBegun;

    internal bool HaveBegun => _haveBegun;

    /// <summary>To be called before the first connection is cut.</summary>
    public void Begin() => _haveBegun = true;
}

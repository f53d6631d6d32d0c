namespace Gatehouse.Gateway.Calls;

/// <summary>
/// Whether this node cuts the calls that are under way, because it has to end: their clients have not gone away. Also a feature of a
/// request that Gatehouse makes itself, for that one alone. Safe from any thread.
/// </summary>
public sealed class CallCuts
{
    private readonly CancellationToken _cut;
    private volatile bool _haveBegun;

    public CallCuts()
    {
    }

    /// <param name="cut">Ends when calls are cut.</param>
    internal CallCuts(CancellationToken cut) => _cut = cut;

    internal bool HaveBegun => _haveBegun || _cut.IsCancellationRequested;

    /// <summary>A batch has no client that could go away: what ends its calls but a cut is that another node has it.</summary>
    internal bool IsOfBatch { get; init; }

    /// <summary>To be called before the first connection is cut.</summary>
    public void Begin() => _haveBegun = true;
}

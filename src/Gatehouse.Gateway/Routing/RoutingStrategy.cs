namespace Gatehouse.Gateway.Routing;

/// <summary>How one of several targets of the same order is picked.</summary>
public enum RoutingStrategy
{
    /// <summary>By chance, in proportion to the weights.</summary>
    Weighted,

    /// <summary>In the order of the configuration.</summary>
    Ordered,

    /// <summary>The one that answered soonest of late; now and then another one, to find out.</summary>
    LowestLatency,

    /// <summary>The cheapest for this call, by the price table; those without a price come last.</summary>
    LowestCost,

    /// <summary>The one with the fewest calls under way on this node, in proportion to the weights.</summary>
    LeastBusy,
}

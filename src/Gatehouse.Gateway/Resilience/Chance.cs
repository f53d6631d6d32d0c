namespace Gatehouse.Gateway.Resilience;

/// <summary>Draws of chance that any thread may make from one injected source, so that tests can repeat them.</summary>
public sealed class Chance(Random random)
{
    private readonly Lock _lock = new();

    /// <returns>At least 0 and below 1.</returns>
    public double Next()
    {
        lock (_lock)
        {
            return random.NextDouble();
        }
    }
}

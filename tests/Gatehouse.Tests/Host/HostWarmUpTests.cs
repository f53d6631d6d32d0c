using Gatehouse.Hosting;

namespace Gatehouse.Tests.Host;

public sealed class HostWarmUpTests
{
    /// <summary>It has no database and no configuration, which come later: whatever asked for them would end the start.</summary>
    [Fact]
    public void A_host_is_put_together_without_anything_that_a_start_makes() => HostWarmUp.Run();
}

namespace Gatehouse.Gateway.Tests.Calls;

public class WarmUpTests
{
    [Fact]
    public async Task The_calls_before_the_first_are_answered_in_both_formats_whole_and_streamed()
    {
        Assert.Equal(3 * 2 * 2, await GatewayWarmUp.RunAsync());
    }
}

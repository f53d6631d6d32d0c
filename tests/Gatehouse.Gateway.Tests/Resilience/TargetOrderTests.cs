using Gatehouse.Gateway.Providers;
using Gatehouse.Gateway.Resilience;
using Gatehouse.Gateway.Routing;

namespace Gatehouse.Gateway.Tests.Resilience;

public sealed class TargetOrderTests
{
    private static readonly Provider Provider = new(
        new ProviderSettings { Name = "p", Kind = "openai", Wire = WireFormat.OpenAi, BaseUrl = new Uri("http://p") }, new NoUpstream(),
        TimeProvider.System);

    [Fact]
    public void Every_target_comes_once_and_lower_orders_come_first()
    {
        var targets = new[] { At("c", 1, 2), At("a", 1, 0), At("d", 1, 2), At("b", 1, 1) };
        var chance = new Chance(new Random(7));

        for (var i = 0; i < 50; i++)
        {
            var given = Draw(targets, chance);
            Assert.Equal(["a", "b"], given[..2]);
            Assert.Equal(["c", "d"], given[2..].Order());
        }
    }

    [Fact]
    public void First_picks_follow_the_weights()
    {
        var targets = new[] { At("a", 3, 0), At("b", 1, 0), At("never first", 0, 0) };
        var chance = new Chance(new Random(7));
        var first = new Dictionary<string, int>();

        for (var i = 0; i < 10_000; i++)
        {
            var name = Draw(targets, chance)[0];
            first[name] = first.GetValueOrDefault(name) + 1;
        }

        Assert.Equal(["a", "b"], first.Keys.Order());
        Assert.InRange(first["a"], 7_300, 7_700);
    }

    [Fact]
    public void Targets_of_no_weight_are_still_tried_when_nothing_else_is_left()
    {
        Assert.Equal(["a", "b"], Draw([At("a", 0, 0), At("b", 0, 0)], new Chance(new Random(7))));
        Assert.Equal(["b", "a"], Draw([At("a", 0, 0), At("b", 1, 0)], new Chance(new Random(7))));
    }

    [Theory]
    [InlineData(0, 1.0, 200)]
    [InlineData(1, 1.0, 400)]
    [InlineData(2, 0.5, 400)]
    [InlineData(30, 1.0, 5000)]
    [InlineData(3, 0.0, 0)]
    public void Backoff_doubles_with_full_jitter_up_to_the_limit(int retry, double draw, double millis) =>
        Assert.Equal(millis, RetryRules.Backoff(new Route("r", []), retry, draw).TotalMilliseconds);

    [Theory]
    [InlineData("retry-after", "1.5", 1500)]
    [InlineData("retry-after-ms", "250", 250)]
    [InlineData("retry-after", "Sun, 01 Nov 2026 11:00:00 GMT", 0)]
    [InlineData("retry-after", "soon", null)]
    [InlineData("retry-after", "-3", null)]
    [InlineData("retry-after", "1e300", null)]
    public void Retry_after_is_read_or_ignored(string header, string value, int? millis)
    {
        var answer = new HeaderOnly(header, value);

        var wait = RetryRules.RetryAfter(answer, new DateTimeOffset(2026, 11, 1, 12, 0, 0, TimeSpan.Zero));

        Assert.Equal(millis, wait is { } time ? (int)time.TotalMilliseconds : null);
    }

    private static Target At(string model, int weight, int order) => new(Provider, model, weight, order);

    private static string[] Draw(Target[] targets, Chance chance)
    {
        var route = new Route("r", targets);
        var order = new TargetOrder(route, route.Open, -1, new CallShape("r", false, 100, null, PriceTable.Empty), chance);
        var given = new List<string>();
        while (order.TryNext(out var target))
        {
            given.Add(target.Model);
        }

        return [.. given];
    }

    private sealed class NoUpstream : IUpstream
    {
        public ValueTask<UpstreamAnswer> SendAsync(UpstreamRequest request, CancellationToken ct) => throw new NotSupportedException();
    }

    private sealed class HeaderOnly(string header, string value) : UpstreamAnswer
    {
        public override int Status => 429;

        public override Stream Body => Stream.Null;

        public override string? Header(string name) => name == header ? value : null;

        public override ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }
}

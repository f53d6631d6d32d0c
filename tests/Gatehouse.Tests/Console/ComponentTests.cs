using Gatehouse.Console.Calls;
using Gatehouse.Console.Frame;
using Gatehouse.Console.Overview;
using Gatehouse.Console.Shared;
using Gatehouse.Contracts;
using Microsoft.AspNetCore.Components;
using Microsoft.AspNetCore.Components.Web;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;

namespace Gatehouse.Tests.Console;

public class ComponentTests
{
    private static readonly DateTimeOffset Now = new(2026, 3, 1, 12, 0, 0, TimeSpan.Zero);

    [Fact]
    public async Task An_unknown_cost_says_so_on_hover()
    {
        var html = await RenderAsync<Money>(new() { [nameof(Money.Usd)] = null });

        Assert.Contains("title=\"price unknown\"", html, StringComparison.Ordinal);
        Assert.Contains("missing", html, StringComparison.Ordinal);
        Assert.DoesNotContain("$", html, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_state_is_told_by_shape_and_words_too()
    {
        var shapes = new HashSet<string>();
        foreach (var state in Enum.GetValues<Status>())
        {
            var html = await RenderAsync<StatusMark>(new() { [nameof(StatusMark.State)] = state });
            Assert.Contains($"<span>{state.ToString().ToLowerInvariant()}</span>", html, StringComparison.Ordinal);
            shapes.Add(html[html.IndexOf("<svg", StringComparison.Ordinal)..html.IndexOf("</svg>", StringComparison.Ordinal)]);
        }

        Assert.Equal(5, shapes.Count);
    }

    [Fact]
    public async Task A_gap_in_a_line_stays_a_gap()
    {
        var html = await RenderAsync<Spark>(new() { [nameof(Spark.Values)] = new double?[] { 1, 2, null, 2, 1 } });

        Assert.Equal(2, html.Count(c => c == 'M'));
    }

    [Fact]
    public async Task Text_of_a_call_is_encoded()
    {
        var call = Call() with { Route = "<script>alert(1)</script>", ErrorCode = "\"><b>" };

        var html = await RenderAsync<CallRow>(new() { [nameof(CallRow.Call)] = call });

        Assert.DoesNotContain("<script>", html, StringComparison.Ordinal);
        Assert.DoesNotContain("<b>", html, StringComparison.Ordinal);
    }

    [Fact]
    public void The_lanes_of_a_call_cover_it_without_overlap()
    {
        var call = Call() with { DurationMicros = 1_000_000, Attempts = 2 };
        var detail = new CallDetail(
            call,
            [
                new("a", "m", 100, null, null, 300_000, 0, "connect_timeout", "no answer"),
                new("b", "m", 400_000, 500_000, 600_000, 999_900, 200, null, null),
            ],
            [],
            [],
            [],
            "not_stored",
            null);

        var bars = Timeline.Of(detail, []).Lanes.SelectMany(l => l.Bars).ToList();

        Assert.Equal(["own", "bad", "wait", "stream", "own"], bars.Select(b => b.Kind));
        Assert.Equal(0, bars[0].StartMicros);
        Assert.Equal(1_000_000, bars[^1].EndMicros);
        Assert.All(bars.Zip(bars.Skip(1)), pair => Assert.True(pair.First.EndMicros <= pair.Second.StartMicros));
    }

    /// <summary>Ten minutes in which nobody decided once stood there as Gatehouse's own work.</summary>
    [Fact]
    public void The_time_in_which_a_person_was_waited_for_is_a_lane_of_its_own()
    {
        var call = Call() with { DurationMicros = 9_000_000, Attempts = 1 };
        var detail = new CallDetail(
            call, [new("a", "m", 4_000_000, 4_100_000, 4_200_000, 5_000_000, 200, null, null)], [], [], [], "not_stored", null);

        var lanes = Timeline.Of(detail, [Waited("input", 1, 3.5, holds: true), Waited("output", 5, 8, holds: true),
            Waited("later", 1, 8, holds: false)]).Lanes;

        Assert.Equal(["Admission", "Review input", "Review output", "a", "Settlement"], lanes.Select(l => l.Name));
        Assert.Equal([1_500_000L, 2_500_000, 3_000_000, 1_000_000, 1_000_000], lanes.Select(l => l.Micros));
        var bars = lanes.SelectMany(l => l.Bars).OrderBy(b => b.StartMicros).ToList();
        Assert.Equal((0, 9_000_000), (bars[0].StartMicros, bars[^1].EndMicros));
        Assert.All(bars.Zip(bars.Skip(1)), pair => Assert.Equal(pair.First.EndMicros, pair.Second.StartMicros));

        Review Waited(string rule, double from, double to, bool holds) => new(
            Guid.CreateVersion7(), call.TeamId, Guid.Empty, "s", default, ReviewState.Approved, holds, false, "p", "r", rule, rule, [], call.Id,
            call.RequestId, call.Route, call.StartedAt.AddSeconds(from), null, call.StartedAt.AddSeconds(to), true, "judge@example.org", null,
            null);
    }

    [Fact]
    public void What_fails_most_badly_comes_first()
    {
        var range = new TimeRange("24h", Now.AddDays(-1), Now);
        var fine = Sums.None with { Calls = 1000, Failed = 1 };
        var worrying = Sums.None with { Calls = 1000, Failed = 20 };
        var broken = Sums.None with { Calls = 1000, Failed = 500 };

        var found = Attention.Of(
            new Scope(range), Sums.None with { Calls = 3000, UnpricedCalls = 7 },
            [new("a", "a", worrying), new("b", "b", fine), new("c", "c", broken)], [], [], [], []);

        Assert.Equal([Status.Failing, Status.Warning, Status.Notice], found.Select(f => f.State));
        Assert.Equal("/calls?provider=c&outcome=failed", found[0].Href);
    }

    [Fact]
    public void A_provider_whose_failures_another_made_good_needs_attention()
    {
        var down = Sums.None with { FailedOver = 40 };

        var found = Attention.Of(
            new Scope(new TimeRange("24h", Now.AddDays(-1), Now)), Sums.None with { Calls = 40 }, [new("down", "down", down)], [], [], [], []);

        Assert.Equal(
            (Status.Failing, "Provider down fails 100 % of attempts", "40 of 40 attempts; 40 passed on to another target", "/routes"),
            (found[0].State, found[0].Title, found[0].Note, found[0].Href));
    }

    private static CallSummary Call() => new(
        new Guid("01a196d3-b524-7951-b665-2fd7033fa7a8"),
        "req_1",
        "trace",
        Now,
        Guid.Empty,
        Guid.Empty,
        "system",
        SystemEnvironment.Development,
        null,
        "chat",
        "route",
        "provider",
        "model",
        null,
        false,
        200,
        CallOutcome.Ok,
        null,
        null,
        null,
        null,
        null,
        null,
        1000,
        null,
        10,
        1);

    private static async Task<string> RenderAsync<T>(Dictionary<string, object?> parameters)
        where T : IComponent
    {
        await using var services = new ServiceCollection().AddSingleton(TimeProvider.System).BuildServiceProvider();
        await using var renderer = new HtmlRenderer(services, NullLoggerFactory.Instance);
        return await renderer.Dispatcher.InvokeAsync(async () =>
            (await renderer.RenderComponentAsync<T>(ParameterView.FromDictionary(parameters))).ToHtmlString());
    }
}

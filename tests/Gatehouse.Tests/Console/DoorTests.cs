using System.Globalization;
using System.Net;
using System.Text.RegularExpressions;
using Gatehouse.Api;
using Gatehouse.Console.Calls;
using Gatehouse.Console.Frame;
using Gatehouse.Console.Overview;
using Gatehouse.Contracts;
using Gatehouse.Observability;
using Gatehouse.Tests.Observability;
using Gatehouse.Tests.Storage;
using Microsoft.AspNetCore.Components;
using Microsoft.AspNetCore.Components.Web;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.WebUtilities;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;

namespace Gatehouse.Tests.Console;

/// <summary>Every number is a door: the calls behind it add up to it.</summary>
public partial class DoorTests
{
    public static readonly TheoryData<string> Kinds = TestDatabases.Kinds;

    private static readonly DateTimeOffset Now = Samples.Noon.AddHours(6);

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task Each_figure_of_the_overview_leads_to_the_calls_that_it_sums(string kind)
    {
        await using var ledger = await TestLedger.StartAsync(kind);
        var team = Guid.CreateVersion7();
        await ledger.RecordAsync(Enumerable.Range(0, 400).Select(i =>
            TestLedger.Call(i % 4 == 0 ? Guid.CreateVersion7() : team, i, Samples.Noon.AddSeconds(i * 50))));
        ledger.Clock.Now = Now;
        var scope = new Scope(new TimeRange("6h", Samples.Noon, Now), team, SystemEnvironment.Production);

        var html = await RenderAsync(ledger, scope);

        var counted = 0;
        foreach (Match door in Counts().Matches(html))
        {
            var shown = int.Parse(door.Groups["count"].Value, NumberStyles.AllowThousands, CultureInfo.InvariantCulture);
            Assert.Equal(shown, (await BehindAsync(ledger, door)).Count);
            counted++;
        }

        Assert.InRange(counted, 10, 100);
        var figures = Figure().Matches(html).ToDictionary(m => m.Groups["label"].Value);
        var all = await BehindAsync(ledger, figures["Calls"]);
        Assert.All(all, c => Assert.Equal((team, SystemEnvironment.Production), (c.TeamId, c.Environment)));
        Assert.Equal(all.Where(c => c.Outcome == CallOutcome.Failed), await BehindAsync(ledger, figures["Failed"]));
        Assert.Equal(all.Where(c => c.Outcome == CallOutcome.Ok), await BehindAsync(ledger, figures["Latency, p95"]));
        Assert.Equal(all, await BehindAsync(ledger, figures["Cost"]));
        Assert.Equal(
            all.Where(c => c.Cache.IsServed() || c.Cache == CacheUse.Partial), await BehindAsync(ledger, figures["Saved by the cache"]));
    }

    [Fact]
    public async Task The_first_sentence_names_the_error_of_calls_that_failed_and_not_of_others()
    {
        await using var ledger = await TestLedger.StartAsync("sqlite");
        var team = Guid.CreateVersion7();
        await ledger.RecordAsync(Enumerable.Range(0, 12).Select(i =>
        {
            var call = TestLedger.Call(team, i, Samples.Noon.AddMinutes(i));
            (call.Environment, call.Outcome, call.ErrorCode) = i < 4
                ? (SystemEnvironment.Production, CallOutcome.Failed, "upstream_stream_broken")
                : (SystemEnvironment.Production, CallOutcome.Cancelled, "client_closed_request");
            return call;
        }));
        ledger.Clock.Now = Now;

        var html = await RenderAsync(ledger, new Scope(new TimeRange("6h", Samples.Noon, Now), team, SystemEnvironment.Production));

        Assert.Contains("failed", html, StringComparison.Ordinal);
        Assert.Contains("most often upstream_stream_broken", html, StringComparison.Ordinal);
    }

    [Fact]
    public void The_first_sentence_counts_a_refusal_as_a_refusal()
    {
        var sum = Gatehouse.Console.Shared.Sums.None with { Calls = 1210, Refused = 7, Failed = 2 };

        Assert.Equal("1,201 calls answered, 7 refused, 2 failed", Gatehouse.Console.Shared.Sums.Endings(sum));
    }

    /// <summary>A link, and the count that it carries in its own text or in the cell after it.</summary>
    [GeneratedRegex("""<a (?:class="figure[^"]*" )?href="(?<href>/calls\?[^"]*)">(?:(?:(?!</a>).)*?<span class="number[^>]*>(?<count>[0-9,]+)</span>|[^<]*</a>\s*<span class="number">(?<count>[0-9,]+)</span>)""", RegexOptions.Singleline)]
    private static partial Regex Counts();

    [GeneratedRegex("""<a class="figure[^"]*" href="(?<href>[^"]*)">\s*<span class="figure-label">(?<label>[^<]*)</span>""")]
    private static partial Regex Figure();

    private static async Task<List<CallSummary>> BehindAsync(TestLedger ledger, Match door)
    {
        var query = new Uri(new Uri("http://localhost"), WebUtility.HtmlDecode(door.Groups["href"].Value)).Query;
        var http = new DefaultHttpContext { Request = { Path = "/calls", QueryString = new QueryString(query) } };
        http.Request.Query = new QueryCollection(QueryHelpers.ParseQuery(query));
        var visit = new Visit(new HttpContextAccessor { HttpContext = http }, new PublicEdge(null, []), new SettableClock(Now));
        return [.. (await ledger.Calls.ListAsync(
            TestLedger.Admin, CallLinks.Filter(visit) with { Limit = 500 }, CancellationToken.None)).Calls];
    }

    private static async Task<string> RenderAsync(TestLedger ledger, Scope scope)
    {
        var (who, ct) = (TestLedger.Admin, CancellationToken.None);
        var parameters = new Dictionary<string, object?>
        {
            [nameof(OverviewView.Traffic)] = await ledger.Traffic.SeriesAsync(who, scope.Filter, TimeSpan.FromHours(1), ct),
            [nameof(OverviewView.BySystem)] = await ledger.Traffic.ByAsync(who, scope.Filter, TrafficDimension.System, ct),
            [nameof(OverviewView.ByModel)] = await ledger.Traffic.ByAsync(who, scope.Filter, TrafficDimension.Model, ct),
            [nameof(OverviewView.ByProvider)] = await ledger.Traffic.ByAsync(who, scope.Filter, TrafficDimension.Provider, ct),
            [nameof(OverviewView.ByError)] = await ledger.Traffic.ByAsync(who, scope.Filter, TrafficDimension.Error, ct),
            [nameof(OverviewView.Recent)] = Array.Empty<CallSummary>(),
            [nameof(OverviewView.Inventory)] = Array.Empty<AiSystem>(),
            [nameof(OverviewView.Scope)] = scope,
        };
        await using var services = new ServiceCollection().AddSingleton(TimeProvider.System).BuildServiceProvider();
        await using var renderer = new HtmlRenderer(services, NullLoggerFactory.Instance);
        return await renderer.Dispatcher.InvokeAsync(async () =>
            (await renderer.RenderComponentAsync<OverviewView>(ParameterView.FromDictionary(parameters))).ToHtmlString());
    }
}

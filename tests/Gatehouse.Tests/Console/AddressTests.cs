using Gatehouse.Api;
using Gatehouse.Console.Calls;
using Gatehouse.Console.Frame;
using Gatehouse.Contracts;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.WebUtilities;

namespace Gatehouse.Tests.Console;

public class AddressTests
{
    private static readonly DateTimeOffset Now = new(2026, 3, 1, 12, 0, 0, TimeSpan.Zero);

    public static TheoryData<CallFilter> Filters => new(
        new CallFilter(),
        new CallFilter(Outcome: CallOutcome.Failed),
        new CallFilter(SystemId: new Guid("01a196d3-b524-7951-b665-2fd7033fa7a8"), Environment: SystemEnvironment.Production),
        new CallFilter(Route: "gpt-*", Provider: "open ai", Model: "a/b&c=d"),
        new CallFilter(ErrorCode: "upstream_timeout", Unpriced: true),
        new CallFilter(Provider: "", Model: "", ErrorCode: ""),
        new CallFilter(TeamId: new Guid("01a196d3-b524-7951-b665-2fd7033fa7a8"), Search: "50 % off?"));

    [Theory]
    [MemberData(nameof(Filters))]
    public void A_link_leads_to_exactly_the_filter_it_was_made_from(CallFilter filter)
    {
        var range = new TimeRange("7d", Now.AddDays(-7), Now);

        var read = CallLinks.Filter(Visit(CallLinks.To(new Scope(range), filter)));

        Assert.Equal(filter with { From = Now.AddDays(-7) }, read);
    }

    [Fact]
    public void A_range_of_two_instants_survives_the_address()
    {
        var range = new TimeRange(null, Now.AddHours(-5), Now.AddHours(-4));

        var read = CallLinks.Filter(Visit(CallLinks.To(new Scope(range))));

        Assert.Equal(new CallFilter(From: range.From, To: range.To), read);
    }

    [Theory]
    [InlineData("/calls?range=century")]
    [InlineData("/calls?from=yesterday")]
    [InlineData("/calls?from=2026-03-01T11:00:00Z&to=2026-03-01T10:00:00Z")]
    [InlineData("/calls?system=1&environment=moon&outcome=9x&before=no")]
    [InlineData("/calls?environment=9&outcome=9")]
    [InlineData("/calls?environment=1&outcome=1")]
    [InlineData("/calls?environment=development,staging&outcome=ok,refused")]
    public void What_cannot_be_read_falls_back_to_the_last_day_unfiltered(string address) =>
        Assert.Equal(new CallFilter(From: Now.AddDays(-1)), CallLinks.Filter(Visit(address)));

    [Fact]
    public void Changing_one_parameter_keeps_the_others()
    {
        var visit = Visit("/calls?range=7d&outcome=failed&before=x");

        Assert.Equal("/calls?range=7d&outcome=failed", visit.With(("before", null)));
        Assert.Equal("/calls?range=30d&outcome=failed&before=x", visit.With(("range", "30d")));
    }

    [Theory]
    [InlineData("/calls?x=1", "/calls?x=1")]
    [InlineData("//elsewhere.example", "/")]
    [InlineData("/\\elsewhere.example", "/")]
    [InlineData("https://elsewhere.example", "/")]
    [InlineData(null, "/")]
    public void A_form_leads_back_to_this_console_only(string? asked, string path) => Assert.Equal(path, LocalPath.Of(asked));

    [Theory]
    [InlineData("https://gatehouse.example.com", "https://gatehouse.example.com")]
    [InlineData("https://example.com/gatehouse/", "https://example.com/gatehouse")]
    [InlineData(null, "http://127.0.0.1:8080")]
    public void Links_and_commands_begin_with_the_public_address(string? configured, string shown)
    {
        var visit = Visit("/", configured is null ? null : new Uri(configured));
        visit.Http.Request.Scheme = "http";
        visit.Http.Request.Host = new HostString("127.0.0.1", 8080);

        Assert.Equal(shown, visit.Address);
    }

    private static Visit Visit(string address, Uri? publicUrl = null)
    {
        var parts = address.Split('?', 2);
        var http = new DefaultHttpContext();
        http.Request.Path = parts[0];
        http.Request.QueryString = new QueryString(parts.Length == 2 ? "?" + parts[1] : "");
        http.Request.Query = new QueryCollection(QueryHelpers.ParseQuery(http.Request.QueryString.Value));
        return new Visit(new HttpContextAccessor { HttpContext = http }, new PublicEdge(publicUrl, []), new FixedClock());
    }

    private sealed class FixedClock : TimeProvider
    {
        public override DateTimeOffset GetUtcNow() => Now;
    }
}

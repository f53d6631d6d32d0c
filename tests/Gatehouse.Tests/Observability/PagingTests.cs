using System.Text.Json;
using System.Text.RegularExpressions;
using Gatehouse.Client;
using Gatehouse.Contracts;
using Gatehouse.Gateway.Journal;
using Gatehouse.Gateway.Routing;
using Gatehouse.Observability;
using Gatehouse.Observability.Ledger;
using Gatehouse.Observability.Traces;
using Gatehouse.Tests.Host;

namespace Gatehouse.Tests.Observability;

/// <summary>Calls beyond the first page, as the command line and the console come to them.</summary>
public sealed partial class PagingTests
{
    private const int Calls = 230;

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task The_command_line_gets_as_many_calls_as_were_asked_for_over_pages_that_are_shorter()
    {
        await using var app = await TestApp.StartAsync();
        var ids = await FillAsync(app);
        var (_, token) = await app.AddPersonAsync("ann@example.org", null, Role.Admin);
        using var api = ApiClient.Open(new Connection(app.Url, token));

        var all = await GetAsync(most: 1000);
        Assert.Equal(ids, Ids(all));
        Assert.Equal(JsonValueKind.Null, all.GetProperty("next").ValueKind);

        // The last page has more than is left to be shown: what follows it begins there.
        var some = await GetAsync(most: 130);
        Assert.Equal(ids.Take(130), Ids(some));
        Assert.Equal(ids[129], some.GetProperty("next").GetGuid());
        Assert.Equal(ids[130], Ids(JsonElement.Parse(await api.GetAsync($"api/calls?limit=1&before={ids[129]}", Ct)))[0]);

        async Task<JsonElement> GetAsync(int most) =>
            JsonElement.Parse(await api.GetAllAsync("api/calls?limit=100", "calls", most, Ct));

        static List<Guid> Ids(JsonElement page) => [.. page.GetProperty("calls").EnumerateArray().Select(c => c.GetProperty("id").GetGuid())];
    }

    [Fact]
    public async Task The_console_leads_from_page_to_page_until_each_call_was_shown_once()
    {
        await using var app = await TestApp.StartAsync();
        var ids = await FillAsync(app);
        using var admin = await app.SignInFirstAsync();
        var shown = new List<Guid>();
        var (pages, next) = (0, "/calls?range=24h&outcome=ok");
        while (next is not null)
        {
            var page = await admin.Http.GetStringAsync(new Uri(app.Url, next), Ct);
            shown.AddRange(CallLink().Matches(page).Select(m => Guid.Parse(m.Groups[1].Value)).Distinct());
            next = Older().Match(page) is { Success: true } older
                ? System.Net.WebUtility.HtmlDecode(older.Groups[1].Value)
                : null;
            Assert.Equal(pages++ > 0, page.Contains(">Newest</a>", StringComparison.Ordinal));
        }

        Assert.InRange(pages, 3, 10);
        Assert.Equal(ids, shown);
    }

    /// <returns>Newest first.</returns>
    private static async Task<List<Guid>> FillAsync(TestApp app)
    {
        var systems = new SystemLookup(_ => null, (_, _) => null);
        var store = new LedgerStore(app.Db, LedgerJoint.None, systems, app.Clock);
        var team = Guid.CreateVersion7();
        var entries = Enumerable.Range(0, Calls).Select(i =>
        {
            var call = TestLedger.Call(team, i, app.Clock.GetUtcNow().AddSeconds(i - Calls));
            (call.Outcome, call.Status) = (CallOutcome.Ok, 200);
            return LedgerEntry.Of(call);
        }).ToList();
        var position = await store.FindPositionAsync("filled", Ct);
        await store.WriteAsync(
            "filled", position, new JournalPosition(1, 1), entries, new ProviderPlaces(GatewayTable.Empty), Ct);
        return [.. entries.Select(e => e.Record.Id).Reverse()];
    }

    [GeneratedRegex("""href="/calls/([0-9a-f-]{36})""")]
    private static partial Regex CallLink();

    [GeneratedRegex("""<a [^>]*rel="next"[^>]*href="([^"]+)""")]
    private static partial Regex Older();
}

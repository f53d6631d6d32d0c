using Gatehouse.Contracts;
using Gatehouse.Gateway.Journal;
using Gatehouse.Observability;
using Gatehouse.Observability.Calls;
using Gatehouse.Observability.Ledger;
using Gatehouse.Observability.Traces;
using Gatehouse.Tests.Storage;

namespace Gatehouse.Tests.Observability;

public class CallQueriesTests
{
    public static readonly TheoryData<string> Kinds = TestDatabases.Kinds;

    private static readonly Guid Blue = Guid.CreateVersion7();
    private static readonly Guid Red = Guid.CreateVersion7();

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task A_team_never_sees_the_calls_of_another(string kind)
    {
        await using var ledger = await TestLedger.StartAsync(kind);
        var red = TestLedger.Call(Red, 2, Samples.Noon);
        await ledger.RecordAsync(TestLedger.Call(Blue, 1, Samples.Noon), red);
        var filter = new CallFilter(From: Samples.Noon.AddHours(-1), To: Samples.Noon.AddHours(1));

        foreach (var role in Enum.GetValues<Role>())
        {
            var who = new Person(Guid.CreateVersion7(), "b@example.com", "B", [new Membership(Blue, role)]);

            Assert.Equal(Blue, Assert.Single((await ledger.Calls.ListAsync(who, filter, CancellationToken.None)).Calls).TeamId);
            Assert.Null(await ledger.Calls.FindAsync(who, red.Id.ToString(), CancellationToken.None));
            Assert.Null(await ledger.Calls.FindAsync(who, red.RequestId, CancellationToken.None));
            Assert.Empty((await ledger.Calls.ListAsync(who, filter with { Search = red.TraceId }, CancellationToken.None)).Calls);
            Assert.Equal(1, (await ledger.Traffic.SeriesAsync(who, filter, TimeSpan.FromHours(1), CancellationToken.None)).Total.Calls);
            Assert.Equal(
                1, (await ledger.Traffic.ByAsync(who, filter, TrafficDimension.System, CancellationToken.None)).Sum(s => s.Sum.Calls));
            foreach (var refused in (Func<Task>[])
            [
                () => ledger.Calls.ListAsync(who, filter with { TeamId = Red }, CancellationToken.None),
                () => ledger.Traffic.SeriesAsync(who, filter with { TeamId = Red }, TimeSpan.FromHours(1), CancellationToken.None),
                () => ledger.Traffic.ByAsync(who, filter with { TeamId = Red }, TrafficDimension.Model, CancellationToken.None),
            ])
            {
                Assert.Equal(404, (await Assert.ThrowsAsync<ProblemException>(refused)).Problem.Status);
            }
        }
    }

    /// <summary>Ids of another team hid one's own calls, and that they did told that they were there.</summary>
    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task A_search_finds_ones_own_calls_whatever_ids_those_of_another_team_have(string kind)
    {
        await using var ledger = await TestLedger.StartAsync(kind);
        var (blue, red) = (TestLedger.Call(Blue, 1, Samples.Noon), TestLedger.Call(Red, 2, Samples.Noon));
        (blue.ErrorMessage, red.RequestId) = ("The model gpt-4o-mini is gone.", "gpt-4o-mini-17");
        await ledger.RecordAsync(blue, red);
        var who = new Person(Guid.CreateVersion7(), "b@example.com", "B", [new Membership(Blue, Role.Viewer)]);
        var filter = new CallFilter(From: Samples.Noon.AddHours(-1), To: Samples.Noon.AddHours(1), Search: "gpt-4o-mini");

        Assert.Equal(blue.Id, Assert.Single((await ledger.Calls.ListAsync(who, filter, CancellationToken.None)).Calls).Id);
        Assert.Equal(
            red.Id, Assert.Single((await ledger.Calls.ListAsync(
                TestLedger.Admin, filter with { Search = "gpt-4o-mini-1" }, CancellationToken.None)).Calls).Id);
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task A_person_without_a_team_sees_nothing(string kind)
    {
        await using var ledger = await TestLedger.StartAsync(kind);
        await ledger.RecordAsync(TestLedger.Call(Blue, 1, Samples.Noon));
        var stranger = new Person(Guid.CreateVersion7(), "s@example.com", "S", []);

        Assert.Empty((await ledger.Calls.ListAsync(stranger, new CallFilter(), CancellationToken.None)).Calls);
        Assert.Equal(0, (await ledger.Traffic.SeriesAsync(
            stranger, new CallFilter(To: Samples.Noon.AddHours(1)), TimeSpan.FromHours(1), CancellationToken.None)).Total.Calls);
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task Pages_hold_every_call_once_newest_first(string kind)
    {
        await using var ledger = await TestLedger.StartAsync(kind);
        await ledger.RecordAsync(
            Enumerable.Range(0, 95).Select(i => TestLedger.Call(i % 2 == 0 ? Blue : Red, i, Samples.Noon.AddSeconds(i))));

        var seen = new List<CallSummary>();
        var filter = new CallFilter(Limit: 10);
        while (true)
        {
            var page = await ledger.Calls.ListAsync(TestLedger.Admin, filter, CancellationToken.None);
            seen.AddRange(page.Calls);
            if (page.Next is null)
            {
                break;
            }

            filter = filter with { Before = page.Next };
        }

        Assert.Equal(Enumerable.Range(0, 95).Reverse().Select(i => Samples.Noon.AddSeconds(i)), seen.Select(c => c.StartedAt));
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task Each_part_of_a_filter_finds_the_calls_that_match_and_no_others(string kind)
    {
        await using var ledger = await TestLedger.StartAsync(kind);
        var records = Enumerable.Range(0, 120).Select(i => TestLedger.Call(Blue, i, Samples.Noon.AddSeconds(i))).ToList();
        await ledger.RecordAsync(records);
        var one = records.First(r => r is { Outcome: CallOutcome.Failed });

        await AssertFoundAsync(new CallFilter(SystemId: one.SystemId), r => r.SystemId == one.SystemId);
        await AssertFoundAsync(new CallFilter(Environment: SystemEnvironment.Staging), r => r.Environment == SystemEnvironment.Staging);
        await AssertFoundAsync(new CallFilter(Route: "route-1"), r => r.Route == "route-1");
        await AssertFoundAsync(new CallFilter(Provider: "provider-0"), r => r.Provider == "provider-0");
        await AssertFoundAsync(new CallFilter(Provider: ""), r => r.Provider is null);
        await AssertFoundAsync(new CallFilter(Model: "model-2"), r => r.Model == "model-2");
        await AssertFoundAsync(new CallFilter(Outcome: CallOutcome.Failed), r => r.Outcome == CallOutcome.Failed);
        await AssertFoundAsync(new CallFilter(Outcome: CallOutcome.Ok), r => r.Outcome == CallOutcome.Ok);
        await AssertFoundAsync(
            new CallFilter(From: Samples.Noon.AddSeconds(10), To: Samples.Noon.AddSeconds(20)),
            r => r.StartedAtMicros >= Micros(10) && r.StartedAtMicros < Micros(20));
        await AssertFoundAsync(new CallFilter(Search: one.TraceId.ToUpperInvariant()), r => r.TraceId == one.TraceId);
        await AssertFoundAsync(new CallFilter(Search: one.TraceId[3..20]), r => r.TraceId == one.TraceId);
        await AssertFoundAsync(new CallFilter(Search: one.Id.ToString()), r => r.Id == one.Id);
        await AssertFoundAsync(new CallFilter(Search: "REQ_17_"), r => r.RequestId.StartsWith("req_17_", StringComparison.Ordinal));
        await AssertFoundAsync(new CallFilter(Search: "said: 100% over"), r => r.ErrorMessage is not null);
        await AssertFoundAsync(new CallFilter(Search: "said_"), _ => false);
        await AssertFoundAsync(new CallFilter(Search: "MODEL-1"), r => r.Model == "model-1");

        async Task AssertFoundAsync(CallFilter filter, Func<CallRecord, bool> matches)
        {
            var page = await ledger.Calls.ListAsync(TestLedger.Admin, filter with { Limit = 500 }, CancellationToken.None);
            Assert.Equal(records.Where(matches).Select(r => r.RequestId).Order(), page.Calls.Select(c => c.RequestId).Order());
        }

        static long Micros(int second) => (Samples.Noon.AddSeconds(second) - DateTimeOffset.UnixEpoch).Ticks / 10;
    }

    [Theory]
    [InlineData(0)]
    [InlineData(501)]
    public async Task A_wrong_limit_is_named(int limit)
    {
        await using var ledger = await TestLedger.StartAsync("sqlite");

        var refused = await Assert.ThrowsAsync<ProblemException>(
            () => ledger.Calls.ListAsync(TestLedger.Admin, new CallFilter(Limit: limit), CancellationToken.None));

        Assert.Equal("limit", refused.Problem.Field);
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task Prompt_and_answer_are_for_those_who_may_read_content_and_go_when_they_expire(string kind)
    {
        await using var ledger = await TestLedger.StartAsync(kind);
        var record = TestLedger.Call(Blue, 1, Samples.Noon);
        var texts = new TextStore(ledger.Db, ledger.Systems);
        var text = new CallText(record.Id, "{\"ask\":\"é\"}"u8.ToArray(), "{\"answer\":1}"u8.ToArray());
        var auditor = new Person(Guid.CreateVersion7(), "a@example.com", "A", [new Membership(Blue, Role.Auditor)]);
        var viewer = new Person(Guid.CreateVersion7(), "v@example.com", "V", [new Membership(Blue, Role.Viewer)]);

        Assert.Equal([text], await texts.AddAsync([text], CancellationToken.None)); // before its call: to be tried again
        await ledger.RecordAsync(record);
        Assert.Equal("not_stored", (await FindAsync(auditor)).ContentState);
        Assert.Empty(await texts.AddAsync([text], CancellationToken.None));
        Assert.Empty(await texts.AddAsync([text], CancellationToken.None));

        var seen = await FindAsync(auditor);
        Assert.Equal(("stored", new CallContent("{\"ask\":\"é\"}", "{\"answer\":1}")), (seen.ContentState, seen.Content));
        var hidden = await FindAsync(viewer);
        Assert.Equal(("not_allowed", null), (hidden.ContentState, hidden.Content));

        ledger.Clock.Now = Samples.Noon.AddDays(30);
        var expired = await FindAsync(auditor);
        Assert.Equal(("expired", null), (expired.ContentState, expired.Content));
        Assert.Empty(expired.Spans);
        Assert.Equal(record.CostNanos, expired.Call.CostUsd is { } usd ? Nanos.FromUsd(usd) : null);

        async Task<CallDetail> FindAsync(Person who) => (await ledger.Calls.FindAsync(who, record.RequestId, CancellationToken.None))!;
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task Retention_deletes_traces_and_texts_and_keeps_the_ledger(string kind)
    {
        await using var ledger = await TestLedger.StartAsync(kind);
        var old = Enumerable.Range(0, 1200).Select(i => TestLedger.Call(Blue, i, Samples.Noon.AddSeconds(i))).ToList();
        var young = TestLedger.Call(Blue, 9999, Samples.Noon.AddDays(20));
        await ledger.RecordAsync(old.Append(young));
        await new TextStore(ledger.Db, ledger.Systems).AddAsync(
            [new CallText(old[0].Id, "{}"u8.ToArray(), "{}"u8.ToArray())], CancellationToken.None);
        ledger.Clock.Now = Samples.Noon.AddDays(31);

        await new RetentionStore(ledger.Db).DeleteExpiredAsync(ledger.Clock.Now, CancellationToken.None);

        Assert.Equal(1, await ledger.CountAsync($"SELECT COUNT(*) FROM observability_trace_pack"));
        Assert.Equal(0, await ledger.CountAsync($"SELECT COUNT(*) FROM observability_text"));
        Assert.Equal(1201, await ledger.CountAsync($"SELECT COUNT(*) FROM observability_ledger"));
        Assert.Equal(0, await ledger.CountAsync($"SELECT COUNT(*) FROM observability_traffic WHERE step_seconds = 60"));
        Assert.Equal(1201, await ledger.CountAsync($"SELECT calls FROM observability_traffic WHERE step_seconds = 3600"));
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task A_follower_sees_new_calls_of_every_node_once_and_only_those_of_the_filter(string kind)
    {
        await using var ledger = await TestLedger.StartAsync(kind);
        await ledger.RecordAsync(TestLedger.Call(Blue, 0, Samples.Noon));
        ledger.Clock.Now = Samples.Noon.AddMinutes(1);
        var who = new Person(Guid.CreateVersion7(), "b@example.com", "B", [new Membership(Blue, Role.Viewer)]);
        using var stop = new CancellationTokenSource();
        var calls = ledger.Calls;
        using var place = calls.Admit(() => who);
        await using var follower = calls.FollowAsync(place, new CallFilter(), null, stop.Token).GetAsyncEnumerator(stop.Token);

        var next = follower.MoveNextAsync().AsTask();
        var first = TestLedger.Call(Blue, 1, Samples.Noon.AddMinutes(1));
        await ledger.RecordAsync(TestLedger.Call(Red, 1, Samples.Noon.AddMinutes(1)), first);
        Assert.True(await next);
        Assert.Equal(first.Id, follower.Current.Id);

        // Another node writes to the same database: no signal reaches this process, the next look finds the row.
        next = follower.MoveNextAsync().AsTask();
        var elsewhere = TestLedger.Call(Blue, 2, Samples.Noon.AddMinutes(1));
        await using (var other = ledger.Database.Open())
        {
            var store = new LedgerStore(other, LedgerJoint.None, ledger.Systems, ledger.Clock);
            var from = await store.FindPositionAsync("other", CancellationToken.None);
            await store.WriteAsync(
                "other",
                from,
                new JournalPosition(1, 100),
                [LedgerEntry.Of(elsewhere)],
                new ProviderPlaces(Gateway.Routing.GatewayTable.Empty),
                CancellationToken.None);
        }

        Assert.True(await next);
        Assert.Equal(elsewhere.Id, follower.Current.Id);

        ledger.Clock.Now = Samples.Noon.AddHours(1);
        Assert.False(await follower.MoveNextAsync());
    }

    /// <summary>Between the first paint of a page and its stream, calls once went by unseen.</summary>
    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task A_follower_that_says_what_it_has_gets_everything_after_it_once(string kind)
    {
        await using var ledger = await TestLedger.StartAsync(kind);
        var ct = TestContext.Current.CancellationToken;
        var who = new Person(Guid.CreateVersion7(), "b@example.com", "B", [new Membership(Blue, Role.Viewer)]);
        var shown = Enumerable.Range(0, 3).Select(i => TestLedger.Call(Blue, i, Samples.Noon.AddSeconds(i))).ToList();
        await ledger.RecordAsync(shown);
        var started = TestLedger.Call(Blue, 10, Samples.Noon.AddSeconds(1)); // before the newest that is shown, and recorded after it
        var missed = TestLedger.Call(Blue, 11, Samples.Noon.AddSeconds(3));
        ledger.Clock.Now = Samples.Noon.AddSeconds(20);
        await ledger.RecordAsync(started, missed);
        ledger.Clock.Now = Samples.Noon.AddSeconds(40);
        var calls = ledger.Calls;

        var afterShown = await TakeAsync(shown[2].Id, 3);
        var afterTime = await TakeAsync(Guid.CreateVersion7(Samples.Noon.AddSeconds(25)), 3);

        Assert.Equal([started.Id, missed.Id], afterShown.Take(2).Order());
        Assert.Equal([started.Id, missed.Id], afterTime.Take(2).Order());
        Assert.Equal(5 + 2, await ledger.CountAsync($"SELECT COUNT(*) FROM observability_ledger"));

        async Task<List<Guid>> TakeAsync(Guid after, int count)
        {
            using var place = calls.Admit(() => who);
            await using var follower = calls.FollowAsync(place, new CallFilter(), after, ct).GetAsyncEnumerator(ct);
            var taken = new List<Guid>();
            while (taken.Count < count)
            {
                var next = follower.MoveNextAsync().AsTask();
                if (taken.Count == count - 1)
                {
                    await ledger.RecordAsync(TestLedger.Call(Blue, 20 + taken.Count, Samples.Noon.AddSeconds(40)));
                }

                Assert.True(await next);
                taken.Add(follower.Current.Id);
            }

            Assert.Equal(taken.Distinct(), taken);
            return taken;
        }
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task A_list_without_a_beginning_begins_thirty_days_back_and_says_so(string kind)
    {
        await using var ledger = await TestLedger.StartAsync(kind);
        var (old, young) = (TestLedger.Call(Blue, 1, Samples.Noon), TestLedger.Call(Blue, 2, Samples.Noon.AddDays(2)));
        await ledger.RecordAsync(old, young);
        ledger.Clock.Now = Samples.Noon.AddDays(31);

        var page = await ledger.Calls.ListAsync(TestLedger.Admin, new CallFilter(Search: "req_"), CancellationToken.None);
        var upTo = await ledger.Calls.ListAsync(TestLedger.Admin, new CallFilter(To: Samples.Noon.AddDays(1)), CancellationToken.None);
        var all = await ledger.Calls.ListAsync(TestLedger.Admin, new CallFilter(From: Samples.Noon), CancellationToken.None);

        Assert.Equal(young.Id, Assert.Single(page.Calls).Id);
        Assert.Equal(old.Id, Assert.Single(upTo.Calls).Id);
        Assert.Equal(2, all.Calls.Count);
        Assert.Equal((Samples.Noon.AddDays(1), Samples.Noon.AddDays(-29), Samples.Noon), (page.From, upTo.From, all.From));
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task The_beginning_of_an_id_finds_calls_by_an_index_and_within_the_teams_of_the_reader(string kind)
    {
        await using var ledger = await TestLedger.StartAsync(kind);
        var who = new Person(Guid.CreateVersion7(), "b@example.com", "B", [new Membership(Blue, Role.Viewer)]);
        var mine = TestLedger.Call(Blue, 17, Samples.Noon);
        await ledger.RecordAsync(mine, TestLedger.Call(Blue, 2, Samples.Noon), TestLedger.Call(Red, 17, Samples.Noon));

        Assert.Equal(mine.Id, Assert.Single(await FindAsync("req_17")).Id);
        Assert.Equal(mine.Id, Assert.Single(await FindAsync(mine.RequestId)).Id);
        Assert.Equal(mine.Id, Assert.Single(await FindAsync(mine.TraceId[..9].ToUpperInvariant())).Id);
        Assert.Equal(2, (await FindAsync("req_")).Count);
        Assert.Empty(await FindAsync("eq_17"));
        Assert.Empty(await FindAsync("req%"));
        if (kind == "sqlite")
        {
            var query = LedgerRow.Select().AddPrefix(who, $"request_id", "req_17", 6).Build();
            var plan = await ledger.Db.QueryAsync($"EXPLAIN QUERY PLAN {query}", row => row.Text(3), CancellationToken.None);
            Assert.Contains("observability_call_request", plan[0], StringComparison.Ordinal);
        }

        Task<IReadOnlyList<CallSummary>> FindAsync(string prefix) => ledger.Calls.FindByPrefixAsync(who, prefix, 6, CancellationToken.None);
    }

    [Fact]
    public async Task A_follower_ends_with_the_sign_in_and_sees_what_the_person_may_see_now()
    {
        await using var ledger = await TestLedger.StartAsync("sqlite");
        Person? who = new(Guid.CreateVersion7(), "b@example.com", "B", [new Membership(Blue, Role.Viewer)]);
        var calls = ledger.Calls;
        using var place = calls.Admit(() => who);
        await using var follower = calls.FollowAsync(place, new CallFilter(), null, TestContext.Current.CancellationToken)
            .GetAsyncEnumerator(TestContext.Current.CancellationToken);
        var next = follower.MoveNextAsync().AsTask();

        who = who with { Memberships = [new Membership(Red, Role.Viewer)] };
        var red = TestLedger.Call(Red, 1, Samples.Noon);
        await ledger.RecordAsync(red);
        var seen = await next ? follower.Current.Id : Guid.Empty;
        who = null;

        Assert.Equal(red.Id, seen);
        Assert.False(await follower.MoveNextAsync());
    }

    [Fact]
    public async Task A_person_follows_in_eight_places_and_all_together_in_a_hundred()
    {
        await using var ledger = await TestLedger.StartAsync("sqlite");
        var calls = ledger.Calls;
        var people = Enumerable.Range(0, 13).Select(_ => new Person(Guid.CreateVersion7(), "b@example.com", "B", [])).ToList();

        var places = Enumerable.Range(0, 8).Select(_ => calls.Admit(() => people[0])).ToList();
        var ninth = Assert.Throws<ProblemException>(() => calls.Admit(() => people[0])).Problem;
        places.AddRange(Enumerable.Range(8, 92).Select(i => calls.Admit(() => people[i / 8])));
        var oneMore = Assert.Throws<ProblemException>(() => calls.Admit(() => people[12])).Problem;
        places[0].Dispose();
        places[0] = calls.Admit(() => people[12]);

        Assert.Equal((429, 429), (ninth.Status, oneMore.Status));
        places.ForEach(p => p.Dispose());
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task Ids_that_Gatehouse_made_lead_to_their_call_by_whole_by_beginning_and_by_part(string kind)
    {
        await using var ledger = await TestLedger.StartAsync(kind);
        var call = TestLedger.Call(Blue, 5, Samples.Noon);
        var digits = call.Id.ToString("N");
        (call.RequestId, call.TraceId) = ("req_" + digits, digits);
        await ledger.RecordAsync(call, TestLedger.Call(Blue, 6, Samples.Noon.AddSeconds(-1)));

        Assert.Equal(1, await ledger.CountAsync($"SELECT COUNT(*) FROM observability_call WHERE request_id IS NULL AND trace_id IS NULL"));
        var found = (await ledger.Calls.FindAsync(TestLedger.Admin, call.RequestId, CancellationToken.None))!.Call;
        Assert.Equal((call.Id, call.RequestId, call.TraceId), (found.Id, found.RequestId, found.TraceId));
        foreach (var search in (string[])[
            digits, call.RequestId, call.RequestId.ToUpperInvariant(), call.Id.ToString(), digits[^8..], "req_" + digits[..14]])
        {
            var page = await ledger.Calls.ListAsync(TestLedger.Admin, new CallFilter(Search: search), CancellationToken.None);
            Assert.Equal(call.Id, Assert.Single(page.Calls).Id);
        }

        foreach (var beginning in (string[])["req_" + digits[..12], call.RequestId, digits[..14], digits])
        {
            Assert.Contains(
                call.Id, (await ledger.Calls.FindByPrefixAsync(TestLedger.Admin, beginning, 6, CancellationToken.None)).Select(c => c.Id));
        }
    }

    /// <summary>A search for a word that is nowhere used to read the ledger of thirty days.</summary>
    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task A_search_for_what_is_rare_looks_at_so_many_calls_says_how_far_it_came_and_goes_on_from_there(string kind)
    {
        await using var ledger = await TestLedger.StartAsync(kind);
        const int calls = 90_000;
        var rare = TestLedger.Call(Blue, 1, Samples.Noon);
        (rare.ErrorMessage, rare.RequestId) = ("a needle", "order-4711-needle");
        await ledger.RecordAsync(rare);
        var shape = await ledger.CountAsync($"SELECT shape FROM observability_call");
        var guess = TestLedger.Call(Blue, 2, Samples.Noon);
        (guess.Route, guess.Status, guess.Outcome, guess.Provider, guess.Model) = ("guess", 404, CallOutcome.Refused, null, null);
        await ledger.RecordAsync(guess);
        var later = Enumerable.Range(1, calls).Select(i => Samples.Noon.AddMilliseconds(i))
            .Select(at => new object?[] { Guid.CreateVersion7(at), shape, at, at, 1000, 10 }).ToList();
        await ledger.Db.InsertManyAsync(
            "observability_call", ["id", "shape", "started_at", "recorded_at", "duration_micros", "own_micros"], later,
            CancellationToken.None);
        ledger.Clock.Now = Samples.Noon.AddHours(1);

        var first = await ledger.Calls.ListAsync(TestLedger.Admin, new CallFilter(Search: "a needle"), CancellationToken.None);
        var second = await ledger.Calls.ListAsync(
            TestLedger.Admin, new CallFilter(Search: "a needle", Before: first.Next), CancellationToken.None);
        var named = await ledger.Calls.ListAsync(TestLedger.Admin, new CallFilter(Search: "order-4711"), CancellationToken.None);
        var nowhere = await ledger.Calls.ListAsync(TestLedger.Admin, new CallFilter(Model: "nobody"), CancellationToken.None);

        Assert.Empty(first.Calls);
        Assert.NotNull(first.Next);
        Assert.InRange(first.LookedTo!.Value, Samples.Noon, Samples.Noon.AddHours(1));
        Assert.Equal(rare.Id, Assert.Single(second.Calls).Id);
        Assert.Equal((null, null), (second.Next, second.LookedTo));
        Assert.Equal(rare.Id, Assert.Single(named.Calls).Id);
        Assert.Equal((0, null), (nowhere.Calls.Count, nowhere.Next));

        // A name that nobody knows has an index: what lies between is not looked at.
        var guessed = await ledger.Calls.ListAsync(TestLedger.Admin, new CallFilter(Route: "guess"), CancellationToken.None);
        Assert.Equal((guess.Id, null, null), (Assert.Single(guessed.Calls).Id, guessed.Next, guessed.LookedTo));

        // Who wants the newest ones, and no page, gets them: a page that ends early once looked as if there were none.
        Assert.Equal(rare.Id, Assert.Single(await ledger.Calls.NewestAsync(
            TestLedger.Admin, new CallFilter(Search: "a needle", Limit: 5), CancellationToken.None)).Id);
        Assert.Equal(500, (await ledger.Calls.NewestAsync(
            TestLedger.Admin, new CallFilter(Limit: 500), CancellationToken.None)).Count);
    }

    /// <summary>A page of the console once read the whole ledger for five calls that were not there.</summary>
    [Fact]
    public async Task The_newest_calls_are_looked_for_in_ten_pages()
    {
        await using var ledger = await TestLedger.StartAsync("sqlite");
        await ledger.RecordAsync(TestLedger.Call(Blue, 1, Samples.Noon));
        var shape = await ledger.CountAsync($"SELECT shape FROM observability_call");
        var filter = new CallFilter(Search: "no-such-word", Limit: 5);
        for (var at = Samples.Noon; at < Samples.Noon.AddSeconds(700); at = at.AddSeconds(100))
        {
            await ledger.Db.InsertManyAsync(
                "observability_call", ["id", "shape", "started_at", "recorded_at", "duration_micros", "own_micros"],
                [.. Enumerable.Range(0, 100_000).Select(i => at.AddMilliseconds(i))
                    .Select(t => new object?[] { Guid.CreateVersion7(t), shape, t, t, 1000, 10 })],
                CancellationToken.None);
        }

        ledger.Clock.Now = Samples.Noon.AddHours(1);
        await using var counted = new CountingDatabase(ledger.Db);
        var calls = new CallQueries(counted, ledger.Systems, ledger.Recorded, ledger.Clock);
        await calls.ListAsync(TestLedger.Admin, filter, CancellationToken.None);
        var ofPage = counted.Statements;

        Assert.Empty(await calls.NewestAsync(TestLedger.Admin, filter, CancellationToken.None));

        Assert.Equal((1 + CallQueries.MostPages) * ofPage, counted.Statements);
    }

    /// <summary>Few calls of one system, hours apart, among many of another: pages hold all of them, once and in order.</summary>
    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task A_quiet_system_is_paged_through_whatever_lies_between(string kind)
    {
        await using var ledger = await TestLedger.StartAsync(kind);
        var quiet = Guid.CreateVersion7();
        var all = new List<CallRecord>();
        foreach (var minutes in (int[])[0, 1, 59, 60, 61, 300, 301, 2000, 2001, 2002, 9000])
        {
            var call = TestLedger.Call(Blue, 5, Samples.Noon.AddMinutes(minutes));
            call.SystemId = quiet;
            all.Add(call);
            all.AddRange(Enumerable.Range(0, 20).Select(i => TestLedger.Call(Blue, i, Samples.Noon.AddMinutes(minutes))));
        }

        await ledger.RecordAsync(all);
        ledger.Clock.Now = Samples.Noon.AddDays(7);
        var seen = new List<Guid>();
        Guid? before = null;
        do
        {
            var page = await ledger.Calls.ListAsync(
                TestLedger.Admin, new CallFilter(SystemId: quiet, Before: before, Limit: 3), CancellationToken.None);
            seen.AddRange(page.Calls.Select(c => c.Id));
            before = page.Next;
        }
        while (before is not null);

        Assert.Equal(all.Where(c => c.SystemId == quiet).Select(c => c.Id).OrderDescending(), seen);
    }

    /// <summary>Days are looked at three at once: what lies around the midnight between two such groups belongs to one of them.</summary>
    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task Calls_around_any_midnight_are_listed_and_summed_once(string kind)
    {
        await using var ledger = await TestLedger.StartAsync(kind);
        var quiet = Guid.CreateVersion7();
        var all = Enumerable.Range(1, 8).SelectMany(day => new[] { -90, -30, 30, 90 }.Select(seconds =>
        {
            var call = TestLedger.Call(Blue, 5, Samples.Noon.AddHours(-12).AddDays(day).AddSeconds(seconds));
            call.SystemId = quiet;
            return call;
        })).ToList();
        await ledger.RecordAsync(all);
        ledger.Clock.Now = Samples.Noon.AddDays(9);
        var filter = new CallFilter(From: Samples.Noon.AddDays(-1), To: ledger.Clock.Now, SystemId: quiet, Limit: 500);

        var page = await ledger.Calls.ListAsync(TestLedger.Admin, filter, CancellationToken.None);
        var sum = (await ledger.Traffic.SeriesAsync(
            TestLedger.Admin, filter with { Search = "req_5" }, TimeSpan.FromDays(1), CancellationToken.None)).Total;

        Assert.Equal(all.Select(c => c.Id).OrderDescending(), page.Calls.Select(c => c.Id));
        Assert.Equal(all.Count, sum.Calls);
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task A_follower_sees_a_call_that_took_an_hour(string kind)
    {
        await using var ledger = await TestLedger.StartAsync(kind);
        using var place = ledger.Calls.Admit(() => TestLedger.Admin);
        await using var follower = ledger.Calls.FollowAsync(place, new CallFilter(), null, TestContext.Current.CancellationToken)
            .GetAsyncEnumerator(TestContext.Current.CancellationToken);
        var next = follower.MoveNextAsync().AsTask();
        var call = TestLedger.Call(Blue, 5, Samples.Noon.AddHours(-1));
        call.DurationMicros = 3_600_000_000;

        await ledger.RecordAsync(call);

        Assert.True(await next);
        Assert.Equal(call.Id, follower.Current.Id);
    }
}

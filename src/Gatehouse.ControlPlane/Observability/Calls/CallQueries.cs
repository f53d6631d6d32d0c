using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Text.Json;
using Gatehouse.Contracts;
using Gatehouse.Observability.Calls;
using Gatehouse.Observability.Ledger;
using Gatehouse.Observability.Traces;
using Gatehouse.Storage;

namespace Gatehouse.Observability;

/// <summary>Reads the ledger and the traces, within the teams that the reader may see. Safe from any thread.</summary>
public sealed class CallQueries
{
    /// <summary>A follower shows at most this many new calls per look; under more traffic it skips some.</summary>
    private const int FollowLimit = 200;

    /// <summary>Looks this far back for rows that another node committed late.</summary>
    private static readonly TimeSpan FollowOverlap = TimeSpan.FromSeconds(10);

    /// <summary>How soon a follower sees calls that another node recorded.</summary>
    private static readonly TimeSpan FollowPoll = TimeSpan.FromSeconds(1);

    /// <summary>A follower must come back after this time, so that what proxies and browsers forget about is closed.</summary>
    private static readonly TimeSpan FollowLife = TimeSpan.FromMinutes(15);

    /// <summary>Pages that are read for the newest calls.</summary>
    internal const int MostPages = 10;

    /// <summary>What the index on long calls takes for long.</summary>
    private static readonly TimeSpan LongCall = TimeSpan.FromMinutes(1);
    private const long LongMicros = 60_000_000;

    /// <summary>A list without a beginning begins here, so that no search reads the whole ledger.</summary>
    private static readonly TimeSpan DefaultRange = TimeSpan.FromDays(30);

    private readonly Followers _followers = new();
    private readonly CallPages _pages;
    private readonly Database _db;
    private readonly SystemLookup _systems;
    private readonly RecordedSignal _recorded;
    private readonly TimeProvider _clock;
    private readonly CancellationToken _stopping;

    /// <param name="stopping">Followers end: they come back to another node.</param>
    internal CallQueries(
        Database db, SystemLookup systems, RecordedSignal recorded, TimeProvider clock, CancellationToken stopping = default)
    {
        _stopping = stopping;
        _db = db;
        _systems = systems;
        _recorded = recorded;
        _clock = clock;
        _pages = new CallPages(db, systems, clock);
    }

    /// <summary>
    /// Newest first; from 30 days back unless the filter says otherwise. A page of what is rare may be short, or empty, and have a next
    /// one.
    /// </summary>
    /// <exception cref="ProblemException">The limit is wrong, or the person may not see the team that the filter names.</exception>
    public async Task<CallPage> ListAsync(Person who, CallFilter filter, CancellationToken ct)
    {
        if (filter.Limit is < 1 or > 500)
        {
            throw new ProblemException(Problem.Invalid("limit", "must be between 1 and 500"));
        }

        return await _pages.ReadAsync(who, filter, filter.From ?? (filter.To ?? _clock.GetUtcNow()) - DefaultRange, ct);
    }

    /// <summary>
    /// The newest calls of the filter, as many as its limit says or as there are: where a page ends early, the next one is read, up to
    /// ten of them.
    /// </summary>
    /// <exception cref="ProblemException">The limit is wrong, or the person may not see the team that the filter names.</exception>
    public async Task<IReadOnlyList<CallSummary>> NewestAsync(Person who, CallFilter filter, CancellationToken ct)
    {
        var page = await ListAsync(who, filter, ct);
        var found = page.Calls.ToList();
        for (var pages = 1; page.Next is not null && found.Count < filter.Limit && pages < MostPages; pages++)
        {
            page = await ListAsync(who, filter with { Before = page.Next, Limit = filter.Limit - found.Count }, ct);
            found.AddRange(page.Calls);
        }

        return found;
    }

    /// <summary>
    /// The calls whose request id or trace id begins so, newest first among those of one kind. Cheap however large the ledger is.
    /// </summary>
    public async Task<IReadOnlyList<CallSummary>> FindByPrefixAsync(Person who, string prefix, int limit, CancellationToken ct)
    {
        var found = await ReadAsync(LedgerRow.Select().AddPrefix(who, $"request_id", prefix, limit));
        var lower = prefix.ToLowerInvariant();
        if (LedgerEntry.DigitsOfRequest(lower) is { } requestDigits)
        {
            Add(await ReadAsync(LedgerRow.Select().AddDigits(who, $"request_id", requestDigits, limit)));
        }

        if (found.Count < limit && prefix.Length <= CallConditions.IdDigits && prefix.All(char.IsAsciiHexDigit))
        {
            Add(await ReadAsync(LedgerRow.Select().AddPrefix(who, $"trace_id", lower, limit)));
            Add(await ReadAsync(LedgerRow.Select().AddDigits(who, $"trace_id", lower, limit)));
        }

        return [.. found.Take(limit)];

        void Add(List<CallSummary> more) => found.AddRange(more.Where(call => found.TrueForAll(f => f.Id != call.Id)));

        Task<List<CallSummary>> ReadAsync(SqlText sql) => _db.QueryAsync(sql.Build(), row => LedgerRow.Read(row, _systems).Call, ct);
    }

    /// <returns><see langword="null"/> when there is no such call in the teams that the person may read.</returns>
    public async Task<CallDetail?> FindAsync(Person who, string idOrRequestId, CancellationToken ct)
    {
        var row = await FindRowAsync(who, idOrRequestId, ct);
        if (row is null)
        {
            return null;
        }

        var (call, cost, priceJson, _, _) = row;
        var trace = await TraceStore.FindAsync(_db, row, _clock.GetUtcNow(), ct);
        var price = priceJson is null ? null : JsonSerializer.Deserialize(priceJson, StoredJson.Default.Price);
        var (state, content) = await FindContentAsync(who, call, ct);
        return new CallDetail(
            call,
            trace?.Attempts ?? [],
            trace is null ? [] : [.. CallSpans.Of(call, trace).Select(span => span.ToCallSpan())],
            CallCosts.Lines(call.Usage, price, cost, trace?.Attempts ?? []),
            trace?.DroppedParameters ?? [],
            state,
            content)
        {
            Guard = trace?.Guard,
            GuardQuestions = trace is null ? [] : GuardQuestion.Read(trace.RequestAttributes),
        };
    }

    /// <summary>A place to follow calls from, to be asked for before an answer begins.</summary>
    /// <param name="who">Asked at each look: the person as they are now, or <see langword="null"/> once their sign-in is revoked.</param>
    /// <exception cref="ProblemException">401: nobody is signed in. 429: the person, or all together, follow in too many
    /// places.</exception>
    public Follower Admit(Func<Person?> who)
    {
        var person = who() ?? throw new ProblemException(Problem.Unauthenticated("Sign in again."));
        return new Follower(_followers, person.Id, who);
    }

    /// <summary>
    /// New calls as they are recorded, on whichever node; first those of the last minutes that were recorded after a call which the
    /// reader has, in the order in which they were recorded. Ends with the person's sign-in, and after 15 minutes, when the reader asks
    /// again.
    /// </summary>
    /// <param name="after">
    /// The newest call that the reader has; <see langword="null"/> to begin with what comes from now on. An id of version 7 that is no
    /// call's stands for the time it was made at.
    /// </param>
    /// <exception cref="ProblemException">The person may not, or no longer, see the team that the filter names.</exception>
    public async IAsyncEnumerable<CallSummary> FollowAsync(
        Follower follower, CallFilter filter, Guid? after, [EnumeratorCancellation] CancellationToken ct)
    {
        var started = _clock.GetUtcNow();
        var since = after is { } known ? await RecordedAtAsync(known, started, ct) : started;
        var resumed = since;
        var seen = new Dictionary<Guid, DateTimeOffset>();
        while (_clock.GetUtcNow() - started < FollowLife && !_stopping.IsCancellationRequested && follower.Now is { } who)
        {
            var next = _recorded.Next;
            var now = _clock.GetUtcNow();
            var calls = await NewAsync(who, filter, since, since == resumed ? after : null, ct);
            foreach (var call in calls)
            {
                if (seen.TryAdd(call.Id, now))
                {
                    yield return call;
                }
            }

            if (now - FollowOverlap > since)
            {
                since = now - FollowOverlap;
            }

            foreach (var (id, _) in seen.Where(entry => entry.Value < since - FollowOverlap).ToList())
            {
                seen.Remove(id);
            }

            using var poll = CancellationTokenSource.CreateLinkedTokenSource(ct);
            await Task.WhenAny(next, Task.Delay(FollowPoll, _clock, poll.Token));
            await poll.CancelAsync();
            ct.ThrowIfCancellationRequested();
        }
    }

    /// <summary>
    /// What was recorded since, in that order. Most calls are short, so they are among the newest ids; the long ones have an index.
    /// </summary>
    private async Task<List<CallSummary>> NewAsync(Person who, CallFilter filter, DateTimeOffset since, Guid? after, CancellationToken ct)
    {
        var calls = await ReadAsync(
            IdRange.Between(CallConditions.EarliestId(since - LongCall), Guid.AllBitsSet), $"duration_micros <= {LongMicros}", $"id");
        calls.AddRange(await ReadAsync(IdRange.All, $"duration_micros > 60000000", $"recorded_at")); // as the index has it
        return [.. calls.OrderByDescending(c => c.At).Take(FollowLimit).Reverse().Select(c => c.Call)];

        Task<List<(DateTimeOffset At, CallSummary Call)>> ReadAsync(IdRange within, FormattableString condition, FormattableString order)
        {
            var sql = LedgerRow.Select($"recorded_at").AddConditions(_db, who, filter, within)
                .Add($" AND {condition} AND recorded_at >= {since}");
            if (after is { } last)
            {
                sql.Add($" AND (recorded_at > {since} OR id > {last})"); // what was recorded together with it and before it is known
            }

            sql.Add($" ORDER BY {order} DESC LIMIT {FollowLimit}");
            return _db.QueryAsync(sql.Build(), row => (row.Instant(LedgerRow.Columns), LedgerRow.Read(row, _systems).Call), ct);
        }
    }

    /// <summary>When the call was recorded, or shortly before its id was made where no call has it.</summary>
    private async Task<DateTimeOffset> RecordedAtAsync(Guid id, DateTimeOffset now, CancellationToken ct)
    {
        var found = await _db.QueryAsync($"SELECT recorded_at FROM observability_call WHERE id = {id}", row => row.Instant(0), ct);
        var at = found.Count > 0
            ? found[0]
            : (TimeOf(id) < now ? TimeOf(id) : now) - FollowOverlap;
        return at > now ? now : at < now - FollowLife ? now - FollowLife : at;
    }

    /// <summary>When an id of version 7 was made.</summary>
    internal static DateTimeOffset TimeOf(Guid id)
    {
        const long latest = 253_402_300_799_999; // the last millisecond of the year 9999
        Span<byte> bytes = stackalloc byte[16];
        id.TryWriteBytes(bytes, bigEndian: true, out _);
        return DateTimeOffset.FromUnixTimeMilliseconds(Math.Min(latest, (long)(BinaryPrimitives.ReadUInt64BigEndian(bytes) >> 16)));
    }

    /// <summary>A request id that a client gave twice names the newer call.</summary>
    private async Task<LedgerRow?> FindRowAsync(Person who, string idOrRequestId, CancellationToken ct)
    {
        var id = Guid.TryParseExact(idOrRequestId, "D", out var given) ? given : LedgerEntry.IdOfRequest(idOrRequestId);
        var rows = id is null ? [] : await ReadAsync($"id = {id}");
        if (rows.Count == 0)
        {
            rows = await ReadAsync($"request_id = {idOrRequestId}");
        }

        return rows.Count == 0 ? null : rows[0];

        Task<List<LedgerRow>> ReadAsync(FormattableString condition) => _db.QueryAsync(
            LedgerRow.Select().Add($" WHERE {condition}").AddTeams(who, new CallFilter()).Add($" ORDER BY id DESC LIMIT 1").Build(),
            row => LedgerRow.Read(row, _systems),
            ct);
    }

    private async Task<(string State, CallContent? Content)> FindContentAsync(Person who, CallSummary call, CancellationToken ct)
    {
        var now = _clock.GetUtcNow();
        if (!who.May(call.TeamId, Permission.ReadContent))
        {
            // The text itself is not even read for a person who may not see it.
            var kept = await _db.QueryAsync(
                $"SELECT 1 FROM observability_text WHERE call_id = {call.Id} AND expires_at > {now}", row => row.Long(0), ct);
            return (kept.Count > 0 ? "not_allowed" : Missing(call, now), null);
        }

        var texts = await _db.QueryAsync(
            $"SELECT request, response FROM observability_text WHERE call_id = {call.Id} AND expires_at > {now}",
            row => new CallContent(row.Text(0), row.Text(1)),
            ct);
        return texts.Count > 0 ? ("stored", texts[0]) : (Missing(call, now), null);
    }

    private string Missing(CallSummary call, DateTimeOffset now)
    {
        var policy = call.SystemId is { } system ? _systems.PolicyOf(system, call.Environment) : null;
        return policy is { StoreContent: true } && call.StartedAt.AddDays(policy.RetentionDays) <= now ? "expired" : "not_stored";
    }
}

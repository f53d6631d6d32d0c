using Gatehouse.Contracts;
using Gatehouse.Observability.Ledger;
using Gatehouse.Observability.Rollups;
using Gatehouse.Storage;

namespace Gatehouse.Observability.Calls;

/// <summary>
/// Reads one page of the ledger, newest first. However rare what is asked for is, a page looks at a bounded number of calls: then it ends
/// early and says how far it came.
/// </summary>
internal sealed class CallPages(Database db, SystemLookup systems, TimeProvider clock)
{
    /// <summary>Calls that a page looks at, give or take a slice.</summary>
    public const int MostScanned = 50_000;

    /// <summary>Calls between two looks at what was found; the first slice has what most pages need.</summary>
    private const int Slice = 15_000;
    private const int FirstSlice = 4_000;

    /// <summary>Shapes that a statement is given one by one; of more, it looks them up.</summary>
    private const int MostShapes = 500;

    /// <summary>A shorter text is looked for everywhere, one of this length by the beginnings of ids first.</summary>
    private const int ShortestId = 8;

    private readonly ClosedBuckets _closed = new(db, clock);

    public async Task<CallPage> ReadAsync(Person who, CallFilter filter, DateTimeOffset from, CancellationToken ct)
    {
        filter = filter with { From = from };
        if (await FindByIdAsync(who, filter, ct) is { } named)
        {
            return new CallPage(named, null, from);
        }

        var shapes = await ShapesAsync(who, filter, ct);
        var calls = new List<CallSummary>();
        if (shapes is { Count: 0 })
        {
            return new CallPage(calls, null, from);
        }

        if (filter is { Search: null, Unpriced: false } && await FindOutsideAsync(who, filter, shapes, ct) is { } few)
        {
            return few;
        }

        var scanned = 0;
        var slice = FirstSlice;
        var to = filter.To ?? clock.GetUtcNow().AddDays(1); // of a node whose clock is ahead
        if (filter.Before is { } before && CallQueries.TimeOf(before).AddMinutes(2) is var last && last < to)
        {
            to = last;
        }

        // Names that the sums do not have are in an index of their own, newest first: there are few of them in any hour.
        var isOutside = IsOutside(filter.Route) || IsOutside(filter.Model);
        var among = isOutside ? (FormattableString)$"outside_shape IS NOT NULL" : $"1 = 1";
        var bounds = IdRange.Between(CallConditions.EarliestId(from), CallConditions.LatestId(to)).Before(filter.Before);
        var ranges = isOutside
            ? ((IdRange[])[IdRange.All]).ToAsyncEnumerable()
            : new CallRanges(db, _closed, who, filter, from, to).FindAsync(ct);
        await foreach (var range in ranges)
        {
            for (var rest = range.Intersect(bounds); !rest.IsEmpty;)
            {
                var (count, end) = await CountAsync(rest, among, slice, ct);
                if (end is not { } lowest)
                {
                    break; // no calls there at all
                }

                var here = count < slice ? rest : rest.Intersect(IdRange.Between(lowest, Guid.AllBitsSet));
                calls.AddRange(await ReadAsync(who, filter, shapes, here, among, filter.Limit + 1 - calls.Count, ct));
                if (calls.Count > filter.Limit)
                {
                    calls.RemoveAt(filter.Limit);
                    return new CallPage(calls, calls[^1].Id, from);
                }

                scanned += count;
                if (scanned >= MostScanned)
                {
                    return new CallPage(calls, here.First, from) { LookedTo = CallQueries.TimeOf(here.First) };
                }

                slice = Slice;
                rest = rest.Before(here.First);
            }
        }

        return new CallPage(calls, null, from);
    }

    private static bool IsOutside(string? name) => name is CallFilter.UnknownRoute or CallFilter.OtherNames;

    /// <summary>Of a name that the sums do not have, an index has the calls.</summary>
    private async Task<CallPage?> FindOutsideAsync(Person who, CallFilter filter, List<long>? shapes, CancellationToken ct)
    {
        var isNamed = (filter.Route is { } route && NamedCalls.IsName(route))
            || (filter.Model is { Length: > 0 } model && NamedCalls.IsName(model));
        if (shapes is null || !isNamed)
        {
            return null;
        }

        var inside = await db.ScanAsync(
            $"SELECT 1 FROM observability_call_shape WHERE number IN {shapes} AND NOT (is_other = {true} OR ({UnknownRoute.OfShape})) LIMIT 1",
            row => row.Long(0),
            ct);
        if (inside.Count > 0)
        {
            return null;
        }

        // Those of many shapes are sorted: of more than a page looks at, the way of all others finds them soon.
        var bounds = IdRange.Between(
            CallConditions.EarliestId(filter.From!.Value), filter.To is { } to ? CallConditions.LatestId(to) : Guid.AllBitsSet)
            .Before(filter.Before);
        var counted = await db.ScanAsync(
            $"""
            SELECT COUNT(*) FROM (SELECT 1 FROM observability_call
                WHERE outside_shape IN {shapes} AND id >= {bounds.First} AND id <= {bounds.Last} LIMIT {MostScanned + 1}) c
            """,
            row => row.Long(0),
            ct);
        if (counted[0] > MostScanned)
        {
            return null;
        }

        var found = LedgerRow.Select().AddConditions(db, who, filter, IdRange.All.Before(filter.Before), shapes)
            .Add($" AND outside_shape IN {shapes} ORDER BY id DESC LIMIT {filter.Limit + 1}");
        var calls = await db.ScanAsync(found.Build(), row => LedgerRow.Read(row, systems).Call, ct);
        if (calls.Count <= filter.Limit)
        {
            return new CallPage(calls, null, filter.From!.Value);
        }

        calls.RemoveAt(filter.Limit);
        return new CallPage(calls, calls[^1].Id, filter.From!.Value);
    }

    private async Task<List<CallSummary>> ReadAsync(
        Person who, CallFilter filter, IReadOnlyList<long>? shapes, IdRange range, FormattableString among, int limit,
        CancellationToken ct) =>
        await db.ScanAsync(
            LedgerRow.Select().AddConditions(db, who, filter, range, shapes).Add($" AND {among} ORDER BY id DESC LIMIT {limit}").Build(),
            row => LedgerRow.Read(row, systems).Call,
            ct);

    /// <returns>How many calls there are, up to so many, and the last of these.</returns>
    private async Task<(int Count, Guid? Lowest)> CountAsync(IdRange range, FormattableString among, int most, CancellationToken ct)
    {
        FormattableString calls = $"FROM observability_call WHERE id >= {range.First} AND id <= {range.Last} AND {among} ORDER BY id DESC";
        var counted = await db.ScanAsync(
            $"SELECT COUNT(*), (SELECT id {calls} LIMIT 1 OFFSET {most - 1}) FROM (SELECT id {calls} LIMIT {most}) c",
            row => ((int)row.Long(0), row.IdOrNull(1)),
            ct);
        var (count, lowest) = counted[0];
        return (count, count == 0 ? null : lowest ?? range.First);
    }

    /// <returns>The calls whose id the search begins; <see langword="null"/> where it is no such beginning, or that of many.</returns>
    private async Task<List<CallSummary>?> FindByIdAsync(Person who, CallFilter filter, CancellationToken ct)
    {
        if (filter.Search?.Trim() is not { Length: >= ShortestId } text)
        {
            return null;
        }

        var lower = text.ToLowerInvariant();
        var whole = Guid.TryParseExact(lower, "D", out var given) ? given : LedgerEntry.IdOfRequest(lower);
        var all = filter with { Search = null };
        var sql = new SqlText();
        Add($"request_id >= {text} AND request_id < {text + "\uFFFF"} AND SUBSTR(request_id, 1, LENGTH({text})) = {text}");
        Add($"trace_id >= {lower} AND trace_id < {lower + "\uFFFF"} AND SUBSTR(trace_id, 1, LENGTH({lower})) = {lower}");
        if (whole is { } id)
        {
            Add($"id = {id}");
        }
        else if ((LedgerEntry.DigitsOfRequest(lower) ?? lower) is { Length: >= ShortestId and <= CallConditions.IdDigits } digits
            && digits.All(char.IsAsciiHexDigit))
        {
            var begun = CallConditions.BegunBy(digits);
            Add($"id >= {begun.First} AND id <= {begun.Last} AND (request_id IS NULL OR trace_id IS NULL)");
        }

        // Twice as many: a call may be found by two of its ids.
        var ids = (await db.QueryAsync(sql.Add($" LIMIT {2 * (filter.Limit + 1)}").Build(), row => row.Id(0), ct)).Distinct().ToList();
        if (ids.Count == 0 && (whole is not null || (lower.Length == CallConditions.IdDigits && lower.All(char.IsAsciiHexDigit))))
        {
            return [];
        }

        if (ids.Count == 0 || ids.Count > filter.Limit)
        {
            return null;
        }

        var range = IdRange.All.Before(filter.Before);
        var found = LedgerRow.Select().AddConditions(db, who, all, range).Add($" AND id IN {ids} ORDER BY id DESC");
        return await db.QueryAsync(found.Build(), row => LedgerRow.Read(row, systems).Call, ct);

        // Of calls that the person may see, and of the filter: others' ids neither hide theirs nor show that they are there.
        void Add(FormattableString condition)
        {
            sql.Add(sql.IsEmpty ? $"SELECT id FROM observability_call WHERE " : (FormattableString)$" UNION ALL SELECT id FROM observability_call WHERE ")
                .Add(condition)
                .Add($" AND shape IN (SELECT number FROM observability_call_shape WHERE 1 = 1{CallConditions.OfShapes(who, all).Build()})");
        }
    }

    /// <returns>The shapes that calls of the filter have; <see langword="null"/> for any, or for too many to name.</returns>
    private async Task<List<long>?> ShapesAsync(Person who, CallFilter filter, CancellationToken ct)
    {
        var conditions = CallConditions.OfShapes(who, filter);
        if (conditions.IsEmpty)
        {
            return null;
        }

        var shapes = await db.ScanAsync(
            $"SELECT number FROM observability_call_shape WHERE 1 = 1{conditions.Build()} LIMIT {MostShapes + 1}", row => row.Long(0), ct);
        return shapes.Count > MostShapes ? null : shapes;
    }
}

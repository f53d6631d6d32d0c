using System.Buffers.Binary;
using Gatehouse.Contracts;
using Gatehouse.Observability.Ledger;
using Gatehouse.Storage;

namespace Gatehouse.Observability.Calls;

/// <summary>Turns a filter and the rights of a person into the WHERE of a query over <c>observability_ledger</c>.</summary>
internal static class CallConditions
{
    private const char HighestChar = '\uFFFF';

    /// <summary>Of an id, and of a trace id.</summary>
    public const int IdDigits = 32;

    private static readonly string[] NothingFound = ["", Words.Of(GuardVerdict.Passed), Words.Of(GuardVerdict.Unchecked)];

    /// <summary>How far a call's id and its start may disagree on the time: ids bound the search, the start decides.</summary>
    public static readonly TimeSpan IdSlack = TimeSpan.FromMinutes(1);

    /// <exception cref="ProblemException">The filter names a team that the person may not see, or has a wrong limit.</exception>
    /// <param name="within">Bounds beside those of the filter's times.</param>
    /// <param name="db">Where a search needs its words for the digits of an id.</param>
    /// <param name="shapes">Those of the filter, where they are known.</param>
    public static SqlText AddConditions(
        this SqlText sql, Database db, Person who, CallFilter filter, IdRange within, IReadOnlyList<long>? shapes = null)
    {
        // What calls share is looked for among the shapes, which are few, once: then each call is one look at a set.
        var named = OfShapes(who, filter);
        sql.Add($" WHERE 1 = 1");
        if (shapes is not null)
        {
            sql.Add($" AND shape IN {shapes}");
        }
        else if (!named.IsEmpty)
        {
            sql.Add($" AND shape IN (SELECT number FROM observability_call_shape WHERE 1 = 1{named.Build()})");
        }

        if (filter.From is { } from)
        {
            sql.Add($" AND started_at >= {from}");
            within = within.Intersect(IdRange.Between(EarliestId(from), Guid.AllBitsSet));
        }

        if (filter.To is { } to)
        {
            sql.Add($" AND started_at < {to}");
            within = within.Intersect(IdRange.Between(Guid.Empty, LatestId(to)));
        }

        if (within.From > 0)
        {
            sql.Add($" AND id >= {within.First}");
        }

        if (within.To < UInt128.MaxValue)
        {
            sql.Add($" AND id <= {within.Last}");
        }

        if (filter.Unpriced)
        {
            // Says what UnpricedCall.Is says, so that the list is what the sum counts.
            sql.Add($" AND cost_nanos IS NULL AND (outcome = 'ok' OR uncached_input_tokens IS NOT NULL OR answered_model IS NOT NULL)");
        }

        if (filter.Search is { Length: > 0 } search)
        {
            AddSearch(sql, db, search);
        }

        return sql;
    }

    /// <summary>What the filter says of what calls have in common; empty where it says nothing.</summary>
    /// <exception cref="ProblemException">The filter names a team that the person may not see.</exception>
    public static SqlText OfShapes(Person who, CallFilter filter)
    {
        var shapes = new SqlText().AddTeams(who, filter);
        AddNamed(shapes, filter);
        return shapes;
    }

    /// <summary>Restricts rows to teams that the person may read; works for every table with a <c>team_id</c>.</summary>
    public static SqlText AddTeams(this SqlText sql, Person who, CallFilter filter)
    {
        var teams = who.TeamsWith(Permission.Read);
        if (filter.TeamId is { } team)
        {
            if (teams is not null && !teams.Contains(team))
            {
                throw new ProblemException(Problem.NotFound("team", team.ToString()));
            }

            return sql.Add($" AND team_id = {team}");
        }

        return teams is null ? sql : sql.Add($" AND team_id IN {teams}");
    }

    /// <summary>The rows whose column begins so, by an index on it.</summary>
    public static SqlText AddPrefix(this SqlText sql, Person who, FormattableString column, string prefix, int limit)
    {
        sql.Add($" WHERE {column} >= {prefix} AND {column} < {prefix + HighestChar} AND SUBSTR({column}, 1, CAST({prefix.Length} AS INTEGER)) = {prefix}");
        return sql.AddReadable(who).Add($" ORDER BY {column} DESC LIMIT {limit}");
    }

    /// <summary>The rows whose id begins with these hexadecimal digits, and that have their column from it.</summary>
    public static SqlText AddDigits(this SqlText sql, Person who, FormattableString column, string digits, int limit)
    {
        var begun = BegunBy(digits);
        sql.Add($" WHERE id >= {begun.First} AND id <= {begun.Last} AND {column} IS NULL");
        return sql.AddReadable(who).Add($" ORDER BY id DESC LIMIT {limit}");
    }

    /// <summary>The ids that begin with these hexadecimal digits.</summary>
    public static IdRange BegunBy(string digits) => IdRange.Between(
        Guid.ParseExact(digits.PadRight(IdDigits, '0'), "N"), Guid.ParseExact(digits.PadRight(IdDigits, 'f'), "N"));

    /// <summary>No call that started at this time or later has a smaller id.</summary>
    public static Guid EarliestId(DateTimeOffset start) =>
        IdBound(start < DateTimeOffset.UnixEpoch + IdSlack ? start : start - IdSlack, 0x00);

    /// <summary>No call that started before this time has a larger id.</summary>
    public static Guid LatestId(DateTimeOffset start) => IdBound(start + IdSlack, 0xFF);

    /// <summary>The smallest (fill 0x00) or largest (fill 0xFF) id of version 7 made at this time.</summary>
    private static Guid IdBound(DateTimeOffset at, byte fill)
    {
        Span<byte> bytes = stackalloc byte[16];
        bytes.Fill(fill);
        BinaryPrimitives.WriteInt64BigEndian(bytes, Math.Max(0, at.ToUnixTimeMilliseconds()) << 16 | fill | (long)fill << 8);
        return new Guid(bytes, bigEndian: true);
    }

    private static SqlText AddReadable(this SqlText sql, Person who) =>
        who.TeamsWith(Permission.Read) is { } teams ? sql.Add($" AND team_id IN {teams}") : sql;

    /// <summary>Conditions on <c>observability_call_shape</c>, where an empty text stands for none.</summary>
    private static void AddNamed(SqlText shapes, CallFilter filter)
    {
        if (filter.SystemId is { } system)
        {
            shapes.Add($" AND system_id = {system}");
        }

        if (filter.Environment is { } environment)
        {
            shapes.Add($" AND environment = {Words.Of(environment)}");
        }

        if (filter.Route is { } route)
        {
            _ = route == CallFilter.UnknownRoute ? shapes.Add($" AND {UnknownRoute.OfShape}")
                : route == CallFilter.OtherNames ? shapes.Add($" AND is_other = {true}")
                : shapes.Add($" AND route = {route}");
        }

        // Asked for by an empty name: calls that have none, because no provider was reached or nothing went wrong.
        if (filter.Provider is { } provider)
        {
            shapes.Add($" AND provider = {provider}");
        }

        if (filter.Model is { } model)
        {
            _ = model == CallFilter.UnknownRoute ? shapes.Add($" AND model <> '' AND {UnknownRoute.OfShape}")
                : model == CallFilter.OtherNames ? shapes.Add($" AND is_other = {true} AND model = route")
                : shapes.Add($" AND model = {model}");
        }

        if (filter.Outcome is { } outcome)
        {
            shapes.Add($" AND outcome = {Words.Of(outcome)}");
        }

        if (filter.ErrorCode is { } error)
        {
            shapes.Add($" AND error_code = {error}");
        }

        if (filter.Cached)
        {
            shapes.Add($" AND cache NOT IN ('', 'miss')");
        }

        if (filter.Guard is { } verdict)
        {
            shapes.Add($" AND guard_verdict = {Words.Of(verdict)}");
        }

        if (filter.FoundByGuards)
        {
            shapes.Add($" AND guard_verdict NOT IN {NothingFound}");
        }

        if (filter.ButStopped)
        {
            shapes.Add($" AND error_code <> {CallErrors.ServerStopped}");
        }
    }

    private static void AddSearch(SqlText sql, Database db, string search)
    {
        var text = search.Trim().ToLowerInvariant();
        if ((Guid.TryParseExact(text, "D", out var id) ? id : LedgerEntry.IdOfRequest(text)) is { } known)
        {
            sql.Add($" AND id IN (SELECT id FROM observability_call WHERE id = {known} UNION ALL SELECT id FROM observability_call WHERE request_id = {text})");
            return;
        }

        if (text.Length == IdDigits && text.All(char.IsAsciiHexDigit))
        {
            sql.Add($" AND id IN (SELECT id FROM observability_call WHERE id = {Guid.ParseExact(text, "N")} AND trace_id IS NULL UNION ALL SELECT id FROM observability_call WHERE trace_id = {text})");
            return;
        }

        var pattern = Like(text);
        sql.Add($"""
             AND (shape IN (SELECT number FROM observability_call_shape WHERE LOWER(route) LIKE {pattern} ESCAPE '\'
             OR LOWER(model) LIKE {pattern} ESCAPE '\' OR LOWER(answered_model) LIKE {pattern} ESCAPE '\' OR error_code LIKE {pattern} ESCAPE '\')
             OR LOWER(request_id) LIKE {pattern} ESCAPE '\' OR trace_id LIKE {pattern} ESCAPE '\' OR LOWER(error_message) LIKE {pattern} ESCAPE '\'
            """);
        var isBeginning = text.StartsWith(LedgerEntry.RequestIdPrefix, StringComparison.Ordinal);
        var digits = isBeginning ? text[LedgerEntry.RequestIdPrefix.Length..] : text;
        if (digits.All(char.IsAsciiHexDigit))
        {
            sql.Add($" OR ((request_id IS NULL OR trace_id IS NULL) AND {db.DigitsOf($"id")} LIKE {(isBeginning ? "" : "%") + digits + "%"})");
        }

        sql.Add($")");
    }

    private static string Like(string text) =>
        "%" + text.Replace(@"\", @"\\", StringComparison.Ordinal).Replace("%", @"\%", StringComparison.Ordinal)
            .Replace("_", @"\_", StringComparison.Ordinal) + "%";
}

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

    /// <summary>How far a call's id and its start may disagree on the time: ids bound the search, the start decides.</summary>
    private static readonly TimeSpan IdSlack = TimeSpan.FromMinutes(1);

    /// <exception cref="ProblemException">The filter names a team that the person may not see, or has a wrong limit.</exception>
    /// <param name="db">Where a search needs its words for the digits of an id.</param>
    public static SqlText AddConditions(this SqlText sql, Database db, Person who, CallFilter filter)
    {
        sql.Add($" WHERE 1 = 1").AddTeams(who, filter);
        if (filter.From is { } from)
        {
            sql.Add($" AND started_at >= {from} AND id >= {IdBound(from - IdSlack, 0x00)}");
        }

        if (filter.To is { } to)
        {
            sql.Add($" AND started_at < {to} AND id <= {IdBound(to + IdSlack, 0xFF)}");
        }

        if (filter.SystemId is { } system)
        {
            sql.Add($" AND system_id = {system}");
        }

        if (filter.Environment is { } environment)
        {
            sql.Add($" AND environment = {Words.Of(environment)}");
        }

        if (filter.Route is { } route)
        {
            _ = route == CallFilter.UnknownRoute ? sql.Add($" AND {UnknownRoute.Condition}") : sql.Add($" AND route = {route}");
        }

        AddNamed(sql, filter);
        if (filter.Outcome is { } outcome)
        {
            sql.Add($" AND outcome = {Words.Of(outcome)}");
        }

        if (filter.Search is { Length: > 0 } search)
        {
            AddSearch(sql, db, search);
        }

        return sql;
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
        var (from, to) = (Guid.ParseExact(digits.PadRight(IdDigits, '0'), "N"), Guid.ParseExact(digits.PadRight(IdDigits, 'f'), "N"));
        sql.Add($" WHERE id >= {from} AND id <= {to} AND {column} IS NULL");
        return sql.AddReadable(who).Add($" ORDER BY id DESC LIMIT {limit}");
    }

    /// <summary>No call that started at this time or later has a smaller id.</summary>
    public static Guid EarliestId(DateTimeOffset start) => IdBound(start < DateTimeOffset.UnixEpoch + IdSlack ? start : start - IdSlack, 0x00);

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

    private static void AddNamed(SqlText sql, CallFilter filter)
    {
        // An empty name stands for calls that have none: no provider was reached, nothing went wrong.
        if (filter.Provider is { } provider)
        {
            _ = provider.Length == 0 ? sql.Add($" AND provider IS NULL") : sql.Add($" AND provider = {provider}");
        }

        if (filter.Model is { } model)
        {
            _ = model.Length == 0 ? sql.Add($" AND model IS NULL")
                : model == CallFilter.UnknownRoute ? sql.Add($" AND model IS NOT NULL AND {UnknownRoute.Condition}")
                : sql.Add($" AND model = {model}");
        }

        if (filter.ErrorCode is { } error)
        {
            _ = error.Length == 0 ? sql.Add($" AND error_code IS NULL") : sql.Add($" AND error_code = {error}");
        }

        if (filter.Cached)
        {
            sql.Add($" AND cache IS NOT NULL AND cache <> 'miss'");
        }

        if (filter.Unpriced)
        {
            // Says what UnpricedCall.Is says, so that the list is what the sum counts.
            sql.Add($" AND cost_nanos IS NULL AND (outcome = 'ok' OR uncached_input_tokens IS NOT NULL OR answered_model IS NOT NULL)");
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
        var digits = db.DigitsOf($"id");
        var made = text.StartsWith(LedgerEntry.RequestIdPrefix, StringComparison.Ordinal) ? Like(text[LedgerEntry.RequestIdPrefix.Length..])[1..] : pattern;
        sql.Add($"""
             AND (LOWER(request_id) LIKE {pattern} ESCAPE '\' OR trace_id LIKE {pattern} ESCAPE '\'
             OR LOWER(route) LIKE {pattern} ESCAPE '\' OR LOWER(model) LIKE {pattern} ESCAPE '\'
             OR LOWER(answered_model) LIKE {pattern} ESCAPE '\' OR error_code LIKE {pattern} ESCAPE '\'
             OR LOWER(error_message) LIKE {pattern} ESCAPE '\'
             OR ((request_id IS NULL OR trace_id IS NULL) AND {digits} LIKE {made} ESCAPE '\'))
            """);
    }

    private static string Like(string text) =>
        "%" + text.Replace(@"\", @"\\", StringComparison.Ordinal).Replace("%", @"\%", StringComparison.Ordinal)
            .Replace("_", @"\_", StringComparison.Ordinal) + "%";
}

using System.Globalization;
using Gatehouse.Contracts;
using Gatehouse.Storage;

namespace Gatehouse.Governance;

/// <summary>A limit to be made.</summary>
public sealed record NewRateLimit(string Name, NamedScope Scope, long? RequestsPerMinute, long? TokensPerMinute, long? Concurrency);

/// <summary>What to change about a limit; <see langword="null"/> leaves as it is, 0 takes that part away.</summary>
/// <param name="Reason">Why; goes to the audit log.</param>
public sealed record RateLimitChange(long? RequestsPerMinute, long? TokensPerMinute, long? Concurrency, string? Reason = null);

/// <summary>Limits of requests, tokens and concurrency: list, create, change, remove. Owns table <c>governance_limit</c>.</summary>
public sealed class RateLimits
{
    private const long MostUnits = 1_000_000_000_000;

    private readonly Database _db;
    private readonly GovernanceWrites _writes;
    private readonly RuleScopes _scopes;

    internal RateLimits(Database db, GovernanceWrites writes, RuleScopes scopes)
    {
        _db = db;
        _writes = writes;
        _scopes = scopes;
    }

    /// <summary>The limits that the person may see, those of all teams first, then by team and name.</summary>
    public async Task<IReadOnlyList<RateLimitEntry>> ListAsync(Person who, CancellationToken ct)
    {
        var limits = await _db.QueryAsync(
            $"""
            SELECT {BudgetRows.LimitColumns}, t.name, s.name, k.name
            FROM governance_limit b
            LEFT JOIN governance_team t ON t.id = b.team_id
            LEFT JOIN governance_system s ON s.id = b.system_id
            LEFT JOIN governance_key k ON k.id = b.key_id
            """,
            row => new RateLimitEntry(BudgetRows.ReadLimit(row), row.TextOrNull(12), row.TextOrNull(13), row.TextOrNull(14)),
            ct);
        return
        [
            .. limits.Where(l => RuleScopes.MaySee(who, l.Limit.Scope.TeamId))
                .OrderBy(l => l.Team ?? "", StringComparer.Ordinal).ThenBy(l => l.Limit.Name, StringComparer.Ordinal),
        ];
    }

    /// <exception cref="ProblemException">404: there is none that the person may see.</exception>
    public async Task<RateLimitEntry> GetAsync(Person who, Guid id, CancellationToken ct) =>
        (await ListAsync(who, ct)).FirstOrDefault(l => l.Limit.Id == id)
            ?? throw new ProblemException(Problem.NotFound("limit", id.ToString()));

    /// <summary>In force on every node when it returns, save on one that has lost the database.</summary>
    /// <exception cref="ProblemException">The person may not, a field is wrong, or the name is taken.</exception>
    public async Task<RateLimitEntry> CreateAsync(Person who, NewRateLimit limit, CancellationToken ct)
    {
        Words.Name("name", limit.Name);
        var scope = await _scopes.ResolveAsync(who, limit.Scope, ct);
        var created = await _writes.RunOnAllAsync(
            async write =>
            {
                var made = new RateLimit(
                    Guid.CreateVersion7(write.At), limit.Name, scope, limit.RequestsPerMinute, limit.TokensPerMinute, limit.Concurrency,
                    who.Email, write.At);
                Check(made);
                await RuleNames.RequireFreeAsync(write.Sql, "limit", made.Name, scope.TeamId, ct);
                await write.Sql.ExecuteAsync(
                    $"""
                    INSERT INTO governance_limit (id, name, team_id, system_id, key_id, route, end_user, requests_per_minute,
                        tokens_per_minute, concurrency, created_by, created_at)
                    VALUES ({made.Id}, {made.Name}, {scope.TeamId}, {scope.SystemId}, {scope.KeyId}, {scope.Route}, {scope.EndUser},
                        {made.RequestsPerMinute}, {made.TokensPerMinute}, {made.Concurrency}, {made.CreatedBy}, {made.CreatedAt})
                    """,
                    ct);
                await write.AuditAsync(who, "limit.create", scope.TeamId, made.Name, made.Id, Describe(made), ct);
                return made;
            },
            ct);
        return await GetAsync(who, created.Id, ct);
    }

    /// <exception cref="ProblemException">There is no such limit, the person may not, or a field is wrong.</exception>
    public async Task<RateLimitEntry> ChangeAsync(Person who, Guid id, RateLimitChange change, CancellationToken ct)
    {
        var before = (await GetAsync(who, id, ct)).Limit;
        RuleScopes.Require(who, before.Scope.TeamId);
        var after = before with
        {
            RequestsPerMinute = Changed(before.RequestsPerMinute, change.RequestsPerMinute),
            TokensPerMinute = Changed(before.TokensPerMinute, change.TokensPerMinute),
            Concurrency = Changed(before.Concurrency, change.Concurrency),
        };
        Check(after);
        await _writes.RunOnAllAsync(
            async write =>
            {
                await write.Sql.ExecuteAsync(
                    $"""
                    UPDATE governance_limit
                    SET requests_per_minute = {after.RequestsPerMinute}, tokens_per_minute = {after.TokensPerMinute}, concurrency = {after.Concurrency}
                    WHERE id = {id}
                    """,
                    ct);
                await write.AuditAsync(
                    who, "limit.change", after.Scope.TeamId, after.Name, id,
                    Words.WithReason($"{Describe(before)} -> {Describe(after)}", change.Reason), ct);
                return true;
            },
            ct);
        return await GetAsync(who, id, ct);
    }

    /// <exception cref="ProblemException">There is no such limit, the person may not, or the reason is too long.</exception>
    public async Task RemoveAsync(Person who, Guid id, string? reason, CancellationToken ct)
    {
        var limit = (await GetAsync(who, id, ct)).Limit;
        RuleScopes.Require(who, limit.Scope.TeamId);
        await _writes.RunAsync(
            async write =>
            {
                await write.Sql.ExecuteAsync($"DELETE FROM governance_allowance WHERE rule_id = {id}", ct);
                await write.Sql.ExecuteAsync($"DELETE FROM governance_lease WHERE rule_id = {id}", ct);
                await write.Sql.ExecuteAsync($"DELETE FROM governance_limit WHERE id = {id}", ct);
                await write.AuditAsync(
                    who, "limit.remove", limit.Scope.TeamId, limit.Name, id, Words.WithReason(Describe(limit), reason), ct);
                return true;
            },
            ct);
    }

    private static long? Changed(long? before, long? change) => change switch
    {
        null => before,
        0 => null,
        _ => change,
    };

    private static void Check(RateLimit limit)
    {
        if (limit is { RequestsPerMinute: null, TokensPerMinute: null, Concurrency: null })
        {
            throw new ProblemException(Problem.Invalid("requests_per_minute", "or 'tokens_per_minute' or 'concurrency' must be given"));
        }

        Check("requests_per_minute", limit.RequestsPerMinute);
        Check("tokens_per_minute", limit.TokensPerMinute);
        Check("concurrency", limit.Concurrency);
    }

    private static void Check(string field, long? units)
    {
        if (units is < 1 or > MostUnits)
        {
            throw new ProblemException(Problem.Invalid(field, $"must be between 1 and {MostUnits}"));
        }
    }

    private static string Describe(RateLimit l)
    {
        var parts = new List<string>();
        Add(l.RequestsPerMinute, "requests a minute");
        Add(l.TokensPerMinute, "tokens a minute");
        Add(l.Concurrency, "calls at a time");
        return string.Join(", ", parts);

        void Add(long? units, string what)
        {
            if (units is { } number)
            {
                parts.Add(string.Create(CultureInfo.InvariantCulture, $"{number} {what}"));
            }
        }
    }
}

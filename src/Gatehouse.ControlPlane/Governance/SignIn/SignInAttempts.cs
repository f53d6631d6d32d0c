using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using Gatehouse.Api;
using Gatehouse.Storage;

namespace Gatehouse.Governance;

/// <summary>
/// Slows down guessing, per account and per address, on all nodes together. Owns table <c>governance_attempt</c>. An attempt is counted
/// before its password is looked at, so that attempts in parallel gain nothing; success takes the count back. An address that stands for
/// many people is not counted: anyone could lock all of them out.
/// </summary>
internal sealed class SignInAttempts(Database db, PublicEdge edge, TimeProvider clock)
{
    private const int FreePerAccount = 5;
    private const int FreePerAddress = 20;

    private static readonly TimeSpan FirstLock = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan LongestLock = TimeSpan.FromHours(1);

    /// <summary>Failures older than this are forgotten.</summary>
    private static readonly TimeSpan Memory = TimeSpan.FromDays(1);

    /// <summary>Counts an attempt as failed.</summary>
    /// <returns>When the next may be made if this one must not be looked at, else <see langword="null"/>.</returns>
    public async Task<DateTimeOffset?> BeginAsync(string email, IPAddress? address, CancellationToken ct)
    {
        var now = clock.Now();
        var subjects = Subjects(email, address);
        foreach (var (subject, _) in subjects)
        {
            // Without a transaction: a flood of guesses at what is locked must not keep writers waiting.
            if ((await db.QueryAsync(Select(subject), Read, ct)).SingleOrDefault().LockedUntil is { } known && known > now)
            {
                return known;
            }
        }

        return await db.TransactionAsync(
            async sql =>
            {
                await sql.LockAsync("governance_attempt", ct);
                await sql.ExecuteAsync($"DELETE FROM governance_attempt WHERE failed_at < {now - Memory}", ct);
                var failures = new List<long>();
                DateTimeOffset? locked = null;
                foreach (var (subject, _) in subjects)
                {
                    var attempt = (await sql.QueryAsync(Select(subject), Read, ct)).SingleOrDefault();
                    failures.Add(attempt.Failures);
                    locked = Later(locked, attempt.LockedUntil);
                }

                if (locked > now)
                {
                    return locked;
                }

                foreach (var ((subject, free), before) in subjects.Zip(failures))
                {
                    await CountAsync(sql, subject, before + 1, free, now, ct);
                }

                return null;
            },
            ct);
    }

    /// <summary>Forgets the account's failures, and this one attempt of the address.</summary>
    public Task SucceedAsync(string email, IPAddress? address, CancellationToken ct) => db.TransactionAsync(
        async sql =>
        {
            await sql.LockAsync("governance_attempt", ct);
            await sql.ExecuteAsync($"DELETE FROM governance_attempt WHERE subject = {Account(email)}", ct);
            if (Address(address) is { } source)
            {
                await sql.ExecuteAsync($"""
                    UPDATE governance_attempt SET failures = failures - 1, locked_until_at = NULL WHERE subject = {source}
                    """, ct);
            }
        },
        ct);

    private static FormattableString Select(string subject) =>
        $"SELECT failures, locked_until_at FROM governance_attempt WHERE subject = {subject}";

    private static (long Failures, DateTimeOffset? LockedUntil) Read(Row row) => (row.Long(0), row.InstantOrNull(1));

    private static Task<int> CountAsync(Transaction sql, string subject, long failures, int free, DateTimeOffset now, CancellationToken ct)
    {
        DateTimeOffset? until = failures < free ? null : now + LockFor(failures - free);
        return sql.ExecuteAsync($"""
            INSERT INTO governance_attempt (subject, failures, failed_at, locked_until_at) VALUES ({subject}, {failures}, {now}, {until})
            ON CONFLICT (subject) DO UPDATE
            SET failures = excluded.failures, failed_at = excluded.failed_at, locked_until_at = excluded.locked_until_at
            """, ct);
    }

    private static TimeSpan LockFor(long extra)
    {
        var doubled = FirstLock * Math.Pow(2, Math.Min(extra, 16));
        return doubled < LongestLock ? doubled : LongestLock;
    }

    private static DateTimeOffset? Later(DateTimeOffset? a, DateTimeOffset? b) => a is null || b > a ? b : a;

    private List<(string Subject, int Free)> Subjects(string email, IPAddress? address)
    {
        var subjects = new List<(string, int)> { (Account(email), FreePerAccount) };
        if (Address(address) is { } source)
        {
            subjects.Add((source, FreePerAddress));
        }

        return subjects;
    }

    /// <summary>Hashed: people type passwords into the wrong field.</summary>
    private static string Account(string email) =>
        "account:" + Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(email.Trim().ToLowerInvariant())));

    /// <summary>An IPv6 network is one source: a subscriber has all of its /64.</summary>
    private string? Address(IPAddress? address)
    {
        if (address is null || !edge.IsClient(address))
        {
            return null;
        }

        if (address is { AddressFamily: AddressFamily.InterNetworkV6, IsIPv4MappedToIPv6: false })
        {
            return "address:" + Convert.ToHexStringLower(address.GetAddressBytes().AsSpan(0, 8));
        }

        return $"address:{address.MapToIPv4()}";
    }
}

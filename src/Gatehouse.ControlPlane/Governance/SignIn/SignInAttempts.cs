using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using Gatehouse.Storage;

namespace Gatehouse.Governance;

/// <summary>
/// Slows down guessing, per account and per address, on all nodes together. Owns table <c>governance_attempt</c>. An attempt is counted
/// before its password is looked at, so that attempts in parallel gain nothing; success takes the count back.
/// </summary>
internal sealed class SignInAttempts(Database db, TimeProvider clock)
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
        return await db.TransactionAsync(
            async sql =>
            {
                await sql.LockAsync("governance_attempt", ct);
                await sql.ExecuteAsync($"DELETE FROM governance_attempt WHERE failed_at < {now - Memory}", ct);
                var account = await ReadAsync(sql, Account(email), ct);
                var source = await ReadAsync(sql, Address(address), ct);
                var locked = Later(account.LockedUntil, source.LockedUntil);
                if (locked > now)
                {
                    return locked;
                }

                await CountAsync(sql, Account(email), account.Failures + 1, FreePerAccount, now, ct);
                await CountAsync(sql, Address(address), source.Failures + 1, FreePerAddress, now, ct);
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
            await sql.ExecuteAsync($"""
                UPDATE governance_attempt SET failures = failures - 1, locked_until_at = NULL WHERE subject = {Address(address)}
                """, ct);
        },
        ct);

    private static async Task<(long Failures, DateTimeOffset? LockedUntil)> ReadAsync(Transaction sql, string subject, CancellationToken ct) =>
        (await sql.QueryAsync(
            $"SELECT failures, locked_until_at FROM governance_attempt WHERE subject = {subject}",
            row => (row.Long(0), row.InstantOrNull(1)),
            ct)).SingleOrDefault();

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

    /// <summary>Hashed: people type passwords into the wrong field.</summary>
    private static string Account(string email) =>
        "account:" + Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(email.Trim().ToLowerInvariant())));

    /// <summary>An IPv6 network is one source: a subscriber has all of its /64.</summary>
    private static string Address(IPAddress? address)
    {
        if (address is { AddressFamily: AddressFamily.InterNetworkV6, IsIPv4MappedToIPv6: false })
        {
            return "address:" + Convert.ToHexStringLower(address.GetAddressBytes().AsSpan(0, 8));
        }

        return $"address:{address?.MapToIPv4()}";
    }
}

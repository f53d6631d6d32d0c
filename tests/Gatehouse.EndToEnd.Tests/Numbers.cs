using System.Globalization;
using Npgsql;

namespace Gatehouse.EndToEnd.Tests;

/// <summary>Single numbers out of a server's database.</summary>
internal static class Numbers
{
    /// <param name="parameter">The value of <c>@p</c> in the statement, if it has one.</param>
    /// <returns>0 for NULL.</returns>
    public static async Task<long> LongAsync(this NpgsqlDataSource source, string sql, object? parameter = null)
    {
        await using var command = source.CreateCommand(sql);
        if (parameter is not null)
        {
            command.Parameters.AddWithValue("p", parameter);
        }

        var value = await command.ExecuteScalarAsync(TestContext.Current.CancellationToken);
        return value is null or DBNull ? 0 : Convert.ToInt64(value, CultureInfo.InvariantCulture);
    }

    /// <summary>What the ledger holds, in nanos of a dollar.</summary>
    public static Task<long> LedgerNanosAsync(this NpgsqlDataSource source) => source.LongAsync(
        "SELECT CAST(SUM(COALESCE(charged_nanos, cost_nanos, 0)) AS BIGINT) FROM observability_ledger");
}

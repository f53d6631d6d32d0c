using Npgsql;

namespace Gatehouse.EndToEnd.Tests;

/// <summary>Ledger, sums and the one budget against what callers were answered.</summary>
internal static class Books
{
    /// <summary>Each call was answered, and comes into the books once, at the cost that its tokens say.</summary>
    public static async Task HoldOnceAsync(NpgsqlDataSource source, IReadOnlyCollection<PacedAnswer> answers)
    {
        Assert.All(answers, a => Assert.Equal(200, a.Status));
        var nanos = answers.Sum(a => a.Nanos);
        await Wait.UntilAsync(async () => await source.LongAsync("SELECT COUNT(*) FROM observability_ledger") >= answers.Count);

        Assert.Equal(answers.Count, await source.LongAsync("SELECT COUNT(*) FROM observability_ledger"));
        Assert.Equal(answers.Count, await source.LongAsync("SELECT COUNT(DISTINCT id) FROM observability_ledger"));
        Assert.Equal(nanos, await source.LedgerNanosAsync());
        Assert.Equal(
            answers.Count,
            await source.LongAsync("SELECT CAST(SUM(calls) AS BIGINT) FROM observability_traffic WHERE step_seconds = 3600"));
        Assert.Equal(nanos, await source.LongAsync("SELECT spent FROM governance_allowance WHERE measure = 'money'"));
    }
}

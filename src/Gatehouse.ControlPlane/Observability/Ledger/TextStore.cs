using System.Text;
using Gatehouse.Gateway.Journal;
using Gatehouse.Storage;

namespace Gatehouse.Observability.Ledger;

/// <summary>Table <c>observability_text</c>: prompts and answers, which live as long as the trace of their call.</summary>
internal sealed class TextStore(Database db, SystemLookup systems)
{
    private static readonly string[] Columns = ["call_id", "request", "response", "expires_at"];

    /// <returns>The texts whose calls are not in the ledger yet: try those again.</returns>
    public async Task<List<CallText>> AddAsync(IReadOnlyList<CallText> texts, CancellationToken ct)
    {
        var ids = texts.Select(t => t.CallId).ToList();
        var expiries = (await db.QueryAsync(
            $"SELECT id, started_at, system_id, environment FROM observability_ledger WHERE id IN {ids}",
            row => (Id: row.Id(0), At: row.Instant(1).AddDays(systems.RetentionDays(row.Id(2), Words.Environment(row.Text(3)) ?? default))),
            ct)).ToDictionary(e => e.Id, e => e.At);
        var rows = new List<object?[]>();
        var early = new List<CallText>();
        foreach (var text in texts)
        {
            if (expiries.TryGetValue(text.CallId, out var expiresAt))
            {
                rows.Add([text.CallId, Encoding.UTF8.GetString(text.Request.Span), Encoding.UTF8.GetString(text.Response.Span), expiresAt]);
            }
            else
            {
                early.Add(text);
            }
        }

        if (rows.Count > 0)
        {
            await db.InsertManyAsync("observability_text", Columns, rows, ct);
        }

        return early;
    }
}

using Gatehouse.Gateway.Journal;
using Gatehouse.Storage;

namespace Gatehouse.Observability.Ledger;

/// <summary>
/// Table <c>observability_call_shape</c>, with what one node made of it in memory. For one drain at a time. Forgetting a shape, or two
/// nodes making the same, costs a row and nothing else.
/// </summary>
internal sealed class ShapeStore(Database db)
{
    /// <summary>More are forgotten at once: names that clients make up must not fill the memory.</summary>
    private const int MaxKept = 10_000;

    /// <summary>Also the name of the lock of whoever gives out numbers.</summary>
    public const string Table = "observability_call_shape";

    private readonly CallShape _asked = new();
    private readonly Dictionary<CallShape, CallShape> _known = [];
    private readonly List<CallShape> _new = [];
    private string? _node;

    /// <summary>Reads what the node made before, once.</summary>
    public async Task LoadAsync(string node, CancellationToken ct)
    {
        if (_node == node)
        {
            return;
        }

        _known.Clear();
        foreach (var shape in await db.QueryAsync(
            $"""
            SELECT number, node, team_id, system_id, key_id, environment, surface, route, provider, model, answered_model, streamed, status,
                outcome, error_code, finish_reason, service_tier, attempts, price_revision, price, configuration_revision, cache,
                guard_verdict, is_other
            FROM observability_call_shape WHERE node = {node} ORDER BY number DESC LIMIT {MaxKept / 2}
            """,
            CallShape.Read,
            ct))
        {
            _known.TryAdd(shape, shape);
        }

        _node = node;
    }

    /// <returns>The one object that stands for all records of this shape, until <see cref="Commit"/> or <see cref="Forget"/>.</returns>
    public CallShape Of(CallRecord record, bool isOther)
    {
        _asked.Take(record, isOther);
        if (!_known.TryGetValue(_asked, out var shape))
        {
            shape = _asked.Copy();
            _known.Add(shape, shape);
            _new.Add(shape);
        }

        return shape;
    }

    /// <summary>Writes the new shapes and gives them their numbers.</summary>
    public async Task AddAsync(Transaction sql, string node, CancellationToken ct)
    {
        if (_new.Count > 0)
        {
            var last = await LastNumberLockedAsync(sql, ct);
            foreach (var shape in _new)
            {
                shape.Number = ++last;
            }

            await sql.AppendManyAsync(Table, CallShape.Columns, _new, (row, shape) => shape.Write(row, node), ct);
        }
    }

    /// <summary>The transaction of <see cref="AddAsync"/> is through.</summary>
    public void Commit()
    {
        _new.Clear();
        if (_known.Count > MaxKept)
        {
            _known.Clear();
        }
    }

    /// <summary>The transaction failed, and nobody knows how far it went: the next drain reads what is there.</summary>
    public void Forget()
    {
        _new.Clear();
        _known.Clear();
        _node = null;
    }

    /// <summary>Keeps other nodes from giving out numbers until the transaction ends.</summary>
    /// <returns>The highest number given out.</returns>
    public static async Task<long> LastNumberLockedAsync(Transaction sql, CancellationToken ct)
    {
        await sql.LockAsync(Table, ct);
        return (await sql.QueryAsync($"SELECT COALESCE(MAX(number), 0) FROM observability_call_shape", row => row.Long(0), ct))[0];
    }
}

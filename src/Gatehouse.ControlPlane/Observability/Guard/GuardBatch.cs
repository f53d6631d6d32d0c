using Gatehouse.Gateway.Journal;
using Gatehouse.Storage;

namespace Gatehouse.Observability.Guard;

/// <summary>What the guards found in one batch of calls, per hour, and how it is added to <c>observability_guard</c>.</summary>
internal sealed class GuardBatch
{
    private const long HourMicros = 3600L * 1_000_000;

    private readonly Dictionary<Key, (long Calls, long Findings)> _sums = [];

    public void Add(CallRecord record)
    {
        foreach (var finding in record.Guard?.Findings ?? [])
        {
            var key = new Key(
                record.TeamId, record.StartedAtMicros - (record.StartedAtMicros % HourMicros), record.SystemId,
                Words.Of(record.Environment),
                record.Guard!.Policy, finding.Side, finding.Detector, finding.Type, finding.Rule, finding.Action, finding.Shadow,
                finding.Excepted);
            var (calls, findings) = _sums.GetValueOrDefault(key);
            _sums[key] = (calls + 1, findings + finding.Count);
        }
    }

    public async Task WriteAsync(Transaction transaction, CancellationToken ct)
    {
        // In one order on every node, so that two that write the same rows wait for each other and do not lock each other out.
        await transaction.ExecuteManyAsync(
            [.. _sums.OrderBy(e => e.Key.ToString(), StringComparer.Ordinal).Select(e => Add(e.Key, e.Value.Calls, e.Value.Findings))], ct);
    }

    private static FormattableString Add(in Key k, long calls, long findings) => $"""
        INSERT INTO observability_guard (team_id, bucket_at, system_id, environment, policy, side, detector, type, rule, action, shadow,
            excepted, calls, findings)
        VALUES ({k.TeamId}, {k.BucketMicros}, {k.SystemId}, {k.Environment}, {k.Policy}, {k.Side}, {k.Detector}, {k.Type}, {k.Rule},
            {k.Action}, {k.Shadow}, {k.Excepted}, {calls}, {findings})
        ON CONFLICT (team_id, bucket_at, system_id, environment, policy, side, detector, type, rule, action, shadow, excepted)
        DO UPDATE SET calls = observability_guard.calls + excluded.calls, findings = observability_guard.findings + excluded.findings
        """;

    private readonly record struct Key(
        Guid TeamId, long BucketMicros, Guid SystemId, string Environment, string Policy, string Side, string Detector, string Type,
        string Rule,
        string Action, bool Shadow, bool Excepted);
}

using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Gatehouse.Contracts;
using Gatehouse.Storage;

namespace Gatehouse.Governance;

/// <summary>
/// What people said about the guards' findings: the development data of an installation's own traffic. Owns table
/// <c>governance_label</c>; texts are sealed under the installation's secret and deleted after a year. Of a text that is not to be kept the
/// column is empty.
/// </summary>
public sealed class Labels
{
    private const int MaxTextChars = 100_000;
    private const int MaxSpans = 200;
    private const int MaxWordChars = 63;
    private const int MaxLimit = 500;
    private const int ExportPage = 200;

    private static readonly TimeSpan Keep = TimeSpan.FromDays(365);
    private static readonly string[] Sides = ["input", "output", "tool_call", "tool_result", "retrieved"];

    private readonly Database _db;
    private readonly GovernanceWrites _writes;
    private readonly TimeProvider _clock;
    private readonly byte[] _seal;
    private readonly byte[] _fingerprint;

    internal Labels(Database db, InstallationSecret secret, GovernanceWrites writes, TimeProvider clock)
    {
        _db = db;
        _writes = writes;
        _clock = clock;
        _seal = secret.Derive("labels");
        _fingerprint = secret.Derive("label fingerprints");
    }

    /// <summary>Labels a text. The same places of the same text have one label: the later verdict holds.</summary>
    /// <exception cref="ProblemException">The person may not, the system is none of the team's, or a field is wrong.</exception>
    public async Task<Label> AddAsync(Person who, NewLabel label, CancellationToken ct)
    {
        if (!who.May(label.TeamId, Permission.Read))
        {
            throw new ProblemException(Problem.NotFound("team", label.TeamId.ToString()));
        }

        who.Require(label.TeamId, Permission.WriteLabels);
        Check(label);
        var system = label.SystemId is { } id ? await SystemAsync(label.TeamId, id, ct) : null;
        var spans = JsonSerializer.Serialize(label.Spans, GovernanceJson.Default.IReadOnlyListLabelSpan);
        var others = JsonSerializer.Serialize(label.Others, GovernanceJson.Default.IReadOnlyListLabelSpan);
        return await _writes.RunAsync(
            async write =>
            {
                var made = Guid.CreateVersion7(write.At);
                var stored = (await write.Sql.QueryAsync(
                    $"""
                    INSERT INTO governance_label (team_id, id, system_id, call_id, detector, type, side, spans, others, verdict, source,
                        person, made_at, expires_at, text, fingerprint)
                    VALUES ({label.TeamId}, {made}, {label.SystemId}, {label.CallId}, {label.Detector}, {label.Type}, {label.Side},
                        {spans}, {others}, {Words.Of(label.Verdict)}, {Words.Of(label.Source)}, {who.Email}, {write.At}, {write.At + Keep},
                        {Kept(label, made)}, {FingerprintOf(label, spans)})
                    ON CONFLICT (team_id, fingerprint) DO UPDATE SET verdict = excluded.verdict, source = excluded.source,
                        person = excluded.person, made_at = excluded.made_at, expires_at = excluded.expires_at, others = excluded.others
                    RETURNING id
                    """,
                    row => row.Id(0),
                    ct))[0];
                if (stored != made)
                {
                    // Whether the text is kept is said anew too; it is sealed for the row that it lies in.
                    await write.Sql.ExecuteAsync(
                        $"UPDATE governance_label SET text = {Kept(label, stored)} WHERE team_id = {label.TeamId} AND id = {stored}", ct);
                }

                await write.AuditAsync(
                    who, "label.add", label.TeamId, system ?? "playground", stored,
                    $"{label.Detector} {label.Type}: {Words.Of(label.Verdict)}", ct);
                return new Label(
                    stored, label.TeamId, label.SystemId, system, label.CallId, label.Detector, label.Type, label.Side, label.Spans,
                    label.Verdict, label.Source, who.Email, write.At, write.At + Keep, Shown(who, label));
            },
            ct);
    }

    /// <summary>Newest first, of the teams that the person may see; the texts of those where they may read stored texts.</summary>
    /// <exception cref="ProblemException">The limit is out of range.</exception>
    public Task<IReadOnlyList<Label>> ListAsync(Person who, LabelFilter filter, CancellationToken ct) =>
        filter.Limit is >= 1 and <= MaxLimit
            ? ReadAsync(who, filter, Permission.Read, ct)
            : throw new ProblemException(Problem.Invalid("limit", $"must be between 1 and {MaxLimit}"));

    /// <summary>
    /// The labels of one set as <c>gatehouse guard eval</c> and the trainers read them, a line of JSON each, oldest first. However many
    /// there are, no more than a page of texts is in memory.
    /// </summary>
    /// <param name="set">One of <see cref="LabelSets.Names"/>.</param>
    /// <exception cref="ProblemException">There is no such set, or the person may read no stored texts: said before the first line.</exception>
    public IAsyncEnumerable<string> Export(Person who, string set, Guid? systemId, CancellationToken ct)
    {
        if (!LabelSets.Names.Contains(set))
        {
            throw new ProblemException(Problem.Invalid("set", $"must be one of {string.Join(", ", LabelSets.Names)}"));
        }

        if (who.TeamsWith(Permission.ReadContent) is { Count: 0 })
        {
            throw Access.Refused(Permission.ReadContent);
        }

        var labels = OldestFirstAsync(who, systemId, l => l.Text is not null && LabelSets.Of(l) == set, ct);
        return LabelSets.IsOfTexts(set) ? TextsAsync(who, labels, ct) : labels.Select(l => LabelSets.Line(set, l));
    }

    /// <summary>Deletes a label and its text.</summary>
    /// <exception cref="ProblemException">There is none that the person may see, or they may not.</exception>
    public async Task RemoveAsync(Person who, Guid id, CancellationToken ct)
    {
        var found = await _db.QueryAsync(
            $"SELECT team_id, detector, type FROM governance_label WHERE id = {id}",
            row => (Team: row.Id(0), Detector: row.Text(1), Type: row.Text(2)), ct);
        if (found is not [var label] || !who.May(label.Team, Permission.Read))
        {
            throw new ProblemException(Problem.NotFound("label", id.ToString()));
        }

        who.Require(label.Team, Permission.WriteLabels);
        await _writes.RunAsync(
            async write =>
            {
                await write.Sql.ExecuteAsync($"DELETE FROM governance_label WHERE team_id = {label.Team} AND id = {id}", ct);
                await write.AuditAsync(who, "label.remove", label.Team, $"{label.Detector} {label.Type}", id, "", ct);
                return true;
            },
            ct);
    }

    /// <summary>Deletes what has been kept long enough.</summary>
    internal Task DeleteExpiredAsync(DateTimeOffset now, CancellationToken ct) =>
        _db.ExecuteAsync($"DELETE FROM governance_label WHERE expires_at <= {now}", ct);

    private async IAsyncEnumerable<Label> OldestFirstAsync(
        Person who, Guid? systemId, Func<Label, bool> wanted, [EnumeratorCancellation] CancellationToken ct)
    {
        var filter = new LabelFilter(systemId, Limit: ExportPage);
        Guid? after = null;
        while (true)
        {
            var page = await ReadAsync(
                who, filter, Permission.ReadContent, ct, after is { } id ? (FormattableString)$"l.id > {id}" : $"1 = 1", $"l.id");
            foreach (var label in page.Where(wanted))
            {
                yield return label;
            }

            if (page.Count < ExportPage)
            {
                yield break;
            }

            after = page[^1].Id;
        }
    }

    /// <summary>A line for each text, with all that is said about it: who belongs together is known before a text is read again.</summary>
    private async IAsyncEnumerable<string> TextsAsync(
        Person who, IAsyncEnumerable<Label> labels, [EnumeratorCancellation] CancellationToken ct)
    {
        var texts = new OrderedDictionary<(Guid Team, UInt128 Text), List<Guid>>();
        await foreach (var label in labels.WithCancellation(ct))
        {
            var key = (label.TeamId, BinaryPrimitives.ReadUInt128LittleEndian(SHA256.HashData(Encoding.UTF8.GetBytes(label.Text!))));
            if (!texts.TryGetValue(key, out var known))
            {
                texts.Add(key, known = []);
            }

            known.Add(label.Id);
        }

        foreach (var ids in texts.Values)
        {
            var same = await ReadAsync(
                who, new LabelFilter(Limit: ids.Count), Permission.ReadContent, ct, $"l.id IN {ids}", $"l.id");
            if (same.Count > 0 && same.All(l => l.Text is not null))
            {
                yield return LabelSets.Sentence(same);
            }
        }
    }

    /// <param name="more">A condition over <c>l</c>.</param>
    private async Task<IReadOnlyList<Label>> ReadAsync(
        Person who, LabelFilter filter, Permission permission, CancellationToken ct, FormattableString? more = null,
        FormattableString? order = null)
    {
        FormattableString visible = who.TeamsWith(permission) is { } teams ? (FormattableString)$"l.team_id IN {teams}" : $"1 = 1";
        FormattableString system = filter.SystemId is { } id ? (FormattableString)$"l.system_id = {id}" : $"1 = 1";
        FormattableString detector = filter.Detector is { } name ? (FormattableString)$"l.detector = {name}" : $"1 = 1";
        FormattableString verdict = filter.Verdict is { } judged ? (FormattableString)$"l.verdict = {Words.Of(judged)}" : $"1 = 1";
        FormattableString older = filter.Before is { } last ? (FormattableString)$"l.id < {last}" : $"1 = 1";
        return await _db.QueryAsync(
            $"""
            SELECT l.id, l.team_id, l.system_id, s.name, l.call_id, l.detector, l.type, l.side, l.spans, l.verdict, l.source, l.person,
                l.made_at, l.expires_at, l.text, l.others
            FROM governance_label l LEFT JOIN governance_system s ON s.team_id = l.team_id AND s.id = l.system_id
            WHERE {visible} AND {system} AND {detector} AND {verdict} AND {older} AND {more ?? $"1 = 1"}
                AND l.expires_at > {_clock.GetUtcNow()}
            ORDER BY {order ?? $"l.id DESC"} LIMIT {filter.Limit}
            """,
            row => Read(who, row),
            ct);
    }

    private Label Read(Person who, Row row) => new(
        row.Id(0), row.Id(1), row.IdOrNull(2), row.IsNull(3) ? null : row.Text(3), row.IdOrNull(4), row.Text(5), row.Text(6), row.Text(7),
        SpansOf(row.Text(8)), Words.Parse<LabelVerdict>(row.Text(9)), Words.Parse<LabelSource>(row.Text(10)), row.Text(11),
        row.Instant(12), row.Instant(13),
        who.May(row.Id(1), Permission.ReadContent) ? Open(row.Bytes(14), row.Id(0)) : null)
    {
        Others = SpansOf(row.Text(15)),
    };

    private static IReadOnlyList<LabelSpan> SpansOf(string json) =>
        JsonSerializer.Deserialize(json, GovernanceJson.Default.IReadOnlyListLabelSpan) ?? [];

    /// <returns><see langword="null"/> when it was sealed under another secret: one row must not hide the others.</returns>
    private string? Open(byte[] text, Guid id)
    {
        if (text.Length == 0)
        {
            return null; // never kept
        }

        try
        {
            return SealedText.Open(_seal, text, id.ToString());
        }
        catch (CryptographicException)
        {
            return null;
        }
    }

    private byte[] Kept(NewLabel label, Guid id) => label.KeepsText ? SealedText.Seal(_seal, label.Text, id.ToString()) : [];

    private static string? Shown(Person who, NewLabel label) =>
        label.KeepsText && who.May(label.TeamId, Permission.ReadContent) ? label.Text : null;

    private async Task<string> SystemAsync(Guid team, Guid id, CancellationToken ct) =>
        await _db.QueryAsync(
            $"SELECT name FROM governance_system WHERE team_id = {team} AND id = {id}", row => row.Text(0), ct) is [var name]
            ? name
            : throw new ProblemException(Problem.NotFound("system", id.ToString()));

    private byte[] FingerprintOf(NewLabel label, string spans) => HMACSHA256.HashData(
        _fingerprint, Encoding.UTF8.GetBytes($"{label.TeamId}\n{label.Detector}\n{label.Type}\n{label.Side}\n{spans}\n{label.Text}"));

    private static void Check(NewLabel label)
    {
        Word("detector", label.Detector);
        Word("type", label.Type);
        if (!Sides.Contains(label.Side))
        {
            throw new ProblemException(Problem.Invalid("side", $"must be one of {string.Join(", ", Sides)}"));
        }

        if (label.Text is not { Length: > 0 and <= MaxTextChars })
        {
            throw new ProblemException(Problem.Invalid("text", $"must be 1 to {MaxTextChars} characters"));
        }

        CheckSpans("spans", label.Spans, label.Text.Length);
        CheckSpans("others", label.Others, label.Text.Length);
    }

    private static void CheckSpans(string field, IReadOnlyList<LabelSpan> spans, int length)
    {
        if (spans.Count > MaxSpans)
        {
            throw new ProblemException(Problem.Invalid(field, $"must hold at most {MaxSpans} places"));
        }

        foreach (var span in spans)
        {
            Word($"{field}[].type", span.Type);
            if (span.Start < 0 || span.End <= span.Start || span.End > length)
            {
                throw new ProblemException(Problem.Invalid(field, "must lie within the text: UTF-16 units, each from start to past its end"));
            }
        }
    }

    private static void Word(string field, string? word)
    {
        if (word is not { Length: > 0 and <= MaxWordChars } || !word.All(c => char.IsAsciiLetterOrDigit(c) || c is '_' or '-' or '.'))
        {
            throw new ProblemException(Problem.Invalid(field, "must be the name of a detector or a type, such as pii or EMAIL_ADDRESS"));
        }
    }
}

using Gatehouse.Contracts;
using Gatehouse.Gateway.Reviews;

namespace Gatehouse.Governance;

/// <summary>Which reviews a list shows.</summary>
/// <param name="Undecided">Only those that a person can still decide.</param>
/// <param name="Before">Only reviews asked earlier than this one.</param>
public sealed record ReviewFilter(
    Guid? TeamId = null, Guid? SystemId = null, SystemEnvironment? Environment = null, ReviewState? State = null, bool Undecided = false,
    Guid? CallId = null, Guid? Before = null, int Limit = 50);

/// <summary>Questions to people about calls, and their decisions.</summary>
public sealed class Reviews
{
    /// <summary>How long texts of what nobody decides are kept where the system stores no content, in days.</summary>
    internal const int UndecidedDays = 30;

    private const int MaxLimit = 500;
    private const int MaxNoteChars = 2000;

    private readonly ReviewRows _rows;
    private readonly ReviewDesk _desk;
    private readonly Labels _labels;
    private readonly GovernanceWrites _writes;
    private readonly Snapshot<GovernanceTables> _tables;

    internal Reviews(
        ReviewRows rows, ReviewDesk desk, Labels labels, GovernanceWrites writes, Snapshot<GovernanceTables> tables)
    {
        _rows = rows;
        _desk = desk;
        _labels = labels;
        _writes = writes;
        _tables = tables;
    }

    /// <summary>Newest first, of the teams that the person may read.</summary>
    /// <exception cref="ProblemException">The limit is out of range.</exception>
    public async Task<IReadOnlyList<Review>> ListAsync(Person who, ReviewFilter filter, CancellationToken ct)
    {
        if (filter.Limit is < 1 or > MaxLimit)
        {
            throw new ProblemException(Problem.Invalid("limit", $"must be between 1 and {MaxLimit}"));
        }

        if (filter.TeamId is { } asked && !who.May(asked, Permission.Read))
        {
            throw new ProblemException(Problem.NotFound("team", asked.ToString()));
        }

        var teams = who.TeamsWith(Permission.Read);
        var where = And(teams is null ? (FormattableString)$"1 = 1" : $"r.team_id IN {teams}",
            filter.TeamId is { } team ? (FormattableString)$"r.team_id = {team}" : null,
            filter.SystemId is { } system ? (FormattableString)$"r.system_id = {system}" : null,
            filter.Environment is { } environment ? (FormattableString)$"r.environment = {Words.Of(environment)}" : null,
            filter.State is { } state ? (FormattableString)$"r.state = {Words.Of(state)}" : null,
            filter.Undecided ? (FormattableString)$"r.state IN ('waiting', 'open')" : null,
            filter.CallId is { } call ? (FormattableString)$"r.call_id = {call}" : null,
            filter.Before is { } before ? (FormattableString)$"r.id < {before}" : null);
        return await _rows.ReadAsync(where, filter.Limit, ct);
    }

    /// <summary>A review, with its texts for who may read stored content.</summary>
    /// <exception cref="ProblemException">There is none that the person may see.</exception>
    public async Task<ReviewDetail> GetAsync(Person who, Guid id, CancellationToken ct)
    {
        var review = await FindAsync(who, id, ct);
        if (!who.May(review.TeamId, Permission.ReadContent))
        {
            return new ReviewDetail(review, null, "Your role does not show stored content.");
        }

        return await _rows.TextsAsync(id, ct) is { } texts
            ? new ReviewDetail(review, texts, null)
            : new ReviewDetail(review, null, "The texts are deleted.");
    }

    /// <summary>Whether the person may decide about calls of a team.</summary>
    public static bool MayDecide(Person who, Guid teamId) => who.May(teamId, Permission.DecideReviews);

    /// <summary>Decides. A call that waits goes on or is refused: on this node at once, on another within a second.</summary>
    /// <param name="note">Why; goes to the audit log.</param>
    /// <param name="label">What the person says about the finding itself.</param>
    /// <exception cref="ProblemException">The person may not, somebody was faster, or time was.</exception>
    public async Task<Review> DecideAsync(Person who, Guid id, bool approve, string? note, ReviewLabel? label, CancellationToken ct)
    {
        var review = await FindAsync(who, id, ct);
        who.Require(review.TeamId, Permission.DecideReviews);
        var why = string.IsNullOrWhiteSpace(note) ? null : Words.Text("note", note, MaxNoteChars);
        var texts = label is null ? null : await _rows.TextsAsync(id, ct); // they may go with the decision
        await _writes.RunAsync(
            async write =>
            {
                if (!await ReviewRows.TryDecideAsync(write.Sql, id, approve, who.Email, why, label, write.At, ct))
                {
                    throw new ProblemException(new Problem(
                        "review_over", 409, "This review is over: somebody has decided, or the call waits no longer."));
                }

                await write.AuditAsync(
                    who, approve ? "review.approve" : "review.deny", review.TeamId, $"{review.Rule} of {review.System}", id,
                    Detail(why, label), ct);
                return true;
            },
            ct);
        _desk.Decide(id, approve);
        if (label is { } judged)
        {
            await LabelAsync(who, review, texts ?? [], judged, ct);
        }

        var decided = (await _rows.ReadAsync($"r.id = {id}", 1, ct))[0];
        await _rows.KeepTextsAsync(id, TextsUntil(decided.SystemId, decided.Environment, decided.EndedAt!.Value), ct);
        return decided;
    }

    /// <summary>How long the texts of a review that has ended are kept; <see langword="null"/>: the system stores no content.</summary>
    internal DateTimeOffset? TextsUntil(Guid systemId, SystemEnvironment environment, DateTimeOffset ended) =>
        _tables.Current.PolicyOf(systemId, environment) is { StoreContent: true } policy ? ended.AddDays(policy.RetentionDays) : null;

    private bool StoresContent(Guid systemId, SystemEnvironment environment) =>
        _tables.Current.PolicyOf(systemId, environment) is { StoreContent: true };

    /// <summary>
    /// What was said about the finding becomes development data, text by text and kind by kind; without the texts where the system stores
    /// no content.
    /// </summary>
    private async Task LabelAsync(
        Person who, Review review, IReadOnlyList<ReviewText> texts, ReviewLabel label, CancellationToken ct)
    {
        foreach (var text in texts)
        {
            var spans = text.Marks.Select(m => new LabelSpan(m.Start, m.Start + m.Length, m.Type)).ToList();
            foreach (var (detector, type) in text.Marks
                .Select(m => (review.Findings.FirstOrDefault(f => f.Rule == m.Rule && f.Type == m.Type)?.Detector, m.Type)).Distinct())
            {
                if (detector is not null)
                {
                    await _labels.AddAsync(who, new NewLabel(
                        review.TeamId, detector, type, text.Side, text.Text, [.. spans.Where(s => s.Type == type)],
                        label == ReviewLabel.Right ? LabelVerdict.Right : LabelVerdict.FalsePositive, LabelSource.Review)
                    {
                        SystemId = review.SystemId,
                        CallId = review.CallId,
                        Others = [.. spans.Where(s => s.Type != type)],
                        KeepsText = StoresContent(review.SystemId, review.Environment),
                    }, ct);
                }
            }
        }
    }

    private async Task<Review> FindAsync(Person who, Guid id, CancellationToken ct)
    {
        var found = await _rows.ReadAsync($"r.id = {id}", 1, ct);
        return found is [var review] && who.May(review.TeamId, Permission.Read)
            ? review
            : throw new ProblemException(Problem.NotFound("review", id.ToString()));
    }

    private static string Detail(string? note, ReviewLabel? label) =>
        string.Join("; ", new[] { label is { } said ? $"label: {Words.Of(said)}" : "", note is null ? "" : $"note: {note}" }
            .Where(s => s.Length > 0));

    private static FormattableString And(params FormattableString?[] conditions) =>
        conditions.OfType<FormattableString>().Aggregate((a, b) => (FormattableString)$"{a} AND {b}");
}

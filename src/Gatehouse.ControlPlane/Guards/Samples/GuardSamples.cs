using Gatehouse.Contracts;
using Gatehouse.Gateway.Guarding;
using Gatehouse.Governance;
using Gatehouse.Guardrails.Policies;
using Gatehouse.Observability;

namespace Gatehouse.Guards;

/// <summary>
/// Calls in which guards found something, with the findings marked in the text where it is stored and the reader may see it. What a guard
/// replaced is not stored, so it is not shown either.
/// </summary>
public sealed class GuardSamples(CallQueries calls, Labels labels, Func<PolicyTable> table, TimeProvider clock)
{
    /// <summary>Most calls that are looked at for those of one detector or type.</summary>
    private const int MostRead = 60;

    private const int Around = 160;
    private const int MostTexts = 4;

    private static readonly string[] AskedOthers = [GuardLog.NameOf(GuardDetector.Model), GuardLog.NameOf(GuardDetector.Webhook)];

    /// <summary>Newest first.</summary>
    /// <param name="filter">From, to, team, system, environment and guard verdict apply.</param>
    /// <param name="detector">Only calls with a finding of this detector.</param>
    /// <param name="type">Only calls with a finding of this type.</param>
    public async Task<IReadOnlyList<GuardSample>> ListAsync(
        Person who, CallFilter filter, string? detector, string? type, int limit, CancellationToken ct)
    {
        var asked = filter with { FoundByGuards = filter.Guard is null, Limit = MostRead, Before = null };
        var found = await calls.NewestAsync(who, asked, ct);
        var samples = new List<GuardSample>();
        foreach (var call in found)
        {
            if (samples.Count == limit)
            {
                break;
            }

            if (await calls.FindAsync(who, call.Id.ToString(), ct) is { Guard: { } report } detail
                && report.Findings.Any(f => (detector is null || f.Detector == detector) && (type is null || f.Type == type)))
            {
                samples.Add(Of(detail, report));
            }
        }

        return samples;
    }

    /// <summary>The samples of one call.</summary>
    /// <returns><see langword="null"/> when there is no such call, or guards found nothing in it.</returns>
    public async Task<GuardSample?> FindAsync(Person who, Guid call, CancellationToken ct) =>
        await calls.FindAsync(who, call.ToString(), ct) is { Guard: { } report } detail ? Of(detail, report) : null;

    /// <summary>Says whether a finding of a sample is right: the text and the places become development data.</summary>
    /// <param name="text">Which text of the call.</param>
    /// <param name="start">Where the finding begins in that text, in UTF-16 units.</param>
    /// <exception cref="ProblemException">The text is not stored, the person may not see it or may not label, or there is no such
    /// finding.</exception>
    public async Task<Label> LabelAsync(
        Person who, Guid call, int text, int start, string type, LabelVerdict verdict, CancellationToken ct)
    {
        if (await calls.FindAsync(who, call.ToString(), ct) is not { Guard: { } report, Content: { } content } detail
            || Judge(detail.Call, report, content)?.Texts is not { } texts || text < 0 || text >= texts.Count)
        {
            throw new ProblemException(Problem.NotFound("stored text", $"{call}/{text}"));
        }

        var judged = texts[text];
        var places = PlacesOf(judged, report);
        var chosen = places.Find(p => p.Start == start && p.Type == type)
            ?? throw new ProblemException(Problem.NotFound("finding", $"{type} at {start}"));
        return await labels.AddAsync(
            who,
            new NewLabel(
                detail.Call.TeamId, chosen.Detector, type, GuardLog.NameOf(judged.Stored.About.Side),
                judged.Stored.Text, [new LabelSpan(chosen.Start, chosen.End, type)], verdict, LabelSource.Sample)
            {
                SystemId = detail.Call.SystemId,
                CallId = call,
                Others =
                [
                    .. places.Where(p => p.Detector == chosen.Detector && (p.End <= chosen.Start || p.Start >= chosen.End))
                        .Select(p => new LabelSpan(p.Start, p.End, p.Type)).Distinct(),
                ],
            },
            ct);
    }

    private GuardSample Of(CallDetail detail, GuardReport report)
    {
        if (detail.Content is not { } content)
        {
            return new GuardSample(detail.Call, report.Policy, report.Findings, [], detail.ContentState, false);
        }

        var isNew = table().Find(report.Policy)?.Revision != report.Revision;
        return Judge(detail.Call, report, content) is { } judged
            ? new GuardSample(detail.Call, report.Policy, report.Findings, TextsOf(judged, report), "stored", isNew)
            : new GuardSample(detail.Call, report.Policy, report.Findings, [], "unreadable", isNew);
    }

    private JudgedCall? Judge(CallSummary call, GuardReport report, CallContent content) =>
        table().Find(report.Policy) is { } policy // as calls are judged, and compiled already
            && StoredTexts.Read(call.Surface, content.Request, content.Response) is { } texts
            ? PolicyReplay.Judge(policy, texts, call.SystemId is { } id ? table().ExceptionsOf(id) : [], clock)
            : null;

    /// <summary>What was recorded then and is found now: a text whose parts were replaced reads otherwise.</summary>
    private static IReadOnlyList<SampleText> TextsOf(JudgedCall judged, GuardReport report)
    {
        var recorded = report.Findings.Select(f => (f.Side, f.Detector, f.Type)).ToHashSet();
        return
        [
            .. judged.Texts
                .Select((text, index) => (Index: index, text.Stored, Places: PlacesOf(text, report)
                    .FindAll(p => recorded.Contains((GuardLog.NameOf(text.Stored.About.Side), p.Detector, p.Type)))))
                .Where(t => t.Places.Count > 0)
                .Take(MostTexts)
                .Select(t => Cut(t.Stored, t.Places, t.Index)),
        ];
    }

    /// <summary>
    /// What the policy finds in the text, and what it asked others about: their answers are in the record alone. The record's places are
    /// those of the text as it came, so where a guard replaced something in it they are not shown.
    /// </summary>
    private static List<Place> PlacesOf(JudgedText judged, GuardReport report)
    {
        var (about, length) = (judged.Stored.About, judged.Stored.Text.Length);
        var side = GuardLog.NameOf(about.Side);
        List<Place> places =
        [
            .. judged.Decisions.Select(d => new Place(
                d.Finding.Start, d.Finding.End, GuardLog.NameOf(d.Rule.Detector), TypeOf(d), d.Rule.Name, GuardLog.NameOf(d.Rule.Action),
                d.Rule.Shadow, d.Excepted, Math.Round(d.Finding.Score, 3))),
        ];
        var here = report.Findings.Where(f => f.Side == side && f.Part == about.Part).ToList();
        if (!here.Exists(PolicyReplay.WasReplaced))
        {
            places.AddRange(here
                .Where(f => AskedOthers.Contains(f.Detector) && f.Length > 0 && f.Start >= 0 && f.Start + f.Length <= length)
                .Select(f => new Place(
                    f.Start, f.Start + f.Length, f.Detector, f.Type, f.Rule, f.Action, f.Shadow, f.Excepted, f.Score)));
        }

        return places;
    }

    /// <summary>The piece around the surest finding: a prompt of pages is not to be read for one word.</summary>
    private static SampleText Cut(StoredText stored, List<Place> places, int index)
    {
        var surest = places.MaxBy(p => p.Score)!;
        var text = stored.Text;
        var (from, until) = (Math.Max(0, surest.Start - Around), Math.Min(text.Length, Math.Min(surest.End, surest.Start + 400) + Around));
        from -= from > 0 && char.IsLowSurrogate(text[from]) ? 1 : 0;
        until += until < text.Length && char.IsLowSurrogate(text[until]) ? 1 : 0;
        return new SampleText(
            index, GuardLog.NameOf(stored.About.Side), from, text[from..until], from > 0 || until < text.Length,
            [
                .. places.Where(p => p.Start < until && p.End > from).Select(p => new SampleMark(
                    Math.Max(p.Start, from) - from, Math.Min(p.End, until) - from, p.Start, p.Detector, p.Type, p.Rule, p.Action, p.Shadow,
                    p.Excepted, p.Score)),
            ]);
    }

    /// <summary>As records name it.</summary>
    private static string TypeOf(Decision decision) => decision.Rule.Detector == GuardDetector.Harm
        ? decision.Finding.Rule[(decision.Finding.Rule.LastIndexOf('.') + 1)..] : decision.Finding.Type;

    /// <summary>A finding in a whole text.</summary>
    private sealed record Place(
        int Start, int End, string Detector, string Type, string Rule, string Action, bool Shadow, bool Excepted, double Score);
}

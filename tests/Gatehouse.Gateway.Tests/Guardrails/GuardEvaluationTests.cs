using System.Buffers;
using System.Text.Json;
using Gatehouse.Guardrails;
using Gatehouse.Guardrails.Evaluation;
using Gatehouse.Guardrails.Pii;
using Gatehouse.Guardrails.Reports;
using Gatehouse.Guardrails.Training;

namespace Gatehouse.Gateway.Tests.Guardrails;

public sealed class GuardEvaluationTests
{
    [Fact]
    public void A_row_counts_code_points_and_the_detectors_UTF16_units()
    {
        var row = LabelledText.Read(
            """{"text": "\ud83d\ude00 jim@example.com", "type": "EMAIL_ADDRESS", "label": 1, "start": 2, "end": 17}""");

        Assert.Equal([new LabelledSpan(3, 18, "EMAIL_ADDRESS")], row.Spans);
        Assert.True(row.Label);
    }

    [Fact]
    public void A_finding_that_overlaps_too_little_is_a_miss_and_a_false_alarm()
    {
        List<(string, Outcome)> seen = [];

        SpanMatching.Compare(
            [new(0, 10, "A"), new(20, 30, "A")], [new(0, 10, "A"), new(20, 25, "A")], .9, sameType: true, (type, outcome) =>
                seen.Add((type, outcome)));

        Assert.Equal([("A", Outcome.Hit), ("A", Outcome.Miss), ("A", Outcome.FalseAlarm)], seen);
    }

    [Fact]
    public void Neighbours_with_only_punctuation_between_them_are_one_span_when_joined()
    {
        var joined = SpanMatching.Merge(
            "12 Main St, Rome and Oslo", [new(0, 2, "ADDRESS"), new(3, 10, "ADDRESS"), new(12, 16, "LOCATION"), new(21, 25, "LOCATION")],
            sameType: false);

        Assert.Equal([new LabelledSpan(0, 16, "ADDRESS"), new LabelledSpan(21, 25, "LOCATION")], joined);
    }

    [Fact]
    public void Precision_recall_and_F_measures_follow_their_definitions()
    {
        var tally = new Tally { TruePositives = 6, FalsePositives = 2, FalseNegatives = 4, TrueNegatives = 8 };

        Assert.Equal((.75, .6, .2), (tally.Precision, tally.Recall, tally.FalsePositiveRate));
        Assert.Equal(2 * .75 * .6 / 1.35, tally.F1, 6);
        Assert.Equal(5 * .75 * .6 / ((4 * .75) + .6), tally.F2, 6);
    }

    [Fact]
    public void A_SARIF_report_has_places_rules_and_standards_but_never_the_value()
    {
        var text = "first line\nmail jim@example.com";
        using var findings = FindingList.Rent();
        PiiDetector.Default.Find(text, new DetectionContext(DetectionSide.Input), findings);
        var report = new ArrayBufferWriter<byte>();

        SarifReport.Write([new("a.txt", text, findings.Items.ToArray())], "1.0", report);

        using var json = JsonDocument.Parse(report.WrittenMemory);
        var run = json.RootElement.GetProperty("runs")[0];
        var region = run.GetProperty("results")[0].GetProperty("locations")[0].GetProperty("physicalLocation").GetProperty("region");
        Assert.Equal(
            (2, 6, 21), (region.GetProperty("startLine").GetInt32(), region.GetProperty("startColumn").GetInt32(),
                region.GetProperty("endColumn").GetInt32()));
        Assert.Contains(
            "LLM02:2025", run.GetProperty("tool").GetProperty("driver").GetProperty("rules")[0].GetProperty("properties").GetRawText(),
            StringComparison.Ordinal);
        Assert.DoesNotContain("jim@", json.RootElement.GetRawText(), StringComparison.Ordinal);
    }

    [Fact]
    public void Training_from_the_same_sources_gives_the_same_weights()
    {
        var sources = new NameSources(
            ["[street]", "Elm Street", "[suffix]", "Road", "[job]", "Clerk"],
            ["{{person}} lives at {{address}}.", "What is this?"],
            [],
            [new LabelledText("Jim met Ann", [new(0, 3, "PERSON"), new(8, 11, "PERSON")])],
            []);
        using var first = new MemoryStream();
        using var second = new MemoryStream();

        NameTraining.Train(sources, first);
        NameTraining.Train(sources, second);

        Assert.Equal(first.ToArray(), second.ToArray());
    }
}

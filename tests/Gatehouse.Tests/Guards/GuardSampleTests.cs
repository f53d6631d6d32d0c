using Gatehouse.Contracts;
using Gatehouse.Gateway.Guarding;
using Gatehouse.Guardrails.Policies;
using Gatehouse.Guards;
using Gatehouse.Tests.Observability;

namespace Gatehouse.Tests.Guards;

public sealed class GuardSampleTests
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    /// <summary>Nobody asks a model or a webhook again for a sample: what they said then is in the record, with its place.</summary>
    [Theory]
    [InlineData(false, "webhook:5-10 model:11-16")]
    [InlineData(true, "")]
    public async Task What_a_webhook_or_a_model_found_is_marked_where_it_was_unless_the_text_was_changed(bool replaced, string marks)
    {
        await using var ledger = await TestLedger.StartAsync("sqlite");
        var call = TestLedger.Call(Guid.CreateVersion7(), 1, Samples.Noon);
        call.Guard = new GuardReport(
            "p", "r", GuardVerdict.Flagged,
            [
                new("input", "webhook", "NAME", "hook", replaced ? "redact" : "flag", false, false, 1, 0.9, 0, 5, 5),
                new("input", "model", "NAME", "judge", "flag", false, false, 1, 0.8, 0, 11, 5),
                new("input", "model", "WHOLE", "judge", "flag", false, false, 1, 0.7, 0, 0, 0),
                new("output", "webhook", "NAME", "hook", "flag", false, false, 1, 0.9, 0, 0, 500),
            ],
            5, 5);
        await ledger.RecordAsync(call);
        await ledger.Db.InsertManyAsync(
            "observability_text", ["call_id", "request", "response", "expires_at"],
            [
                [
                    call.Id, """{"model":"m","messages":[{"role":"user","content":"From Maria Lopez, thanks"}]}""",
                    """{"choices":[{"index":0,"message":{"role":"assistant","content":"Hello"}}]}""", Samples.Noon.AddDays(9),
                ],
            ],
            Ct);
        var policy = new GuardPolicy(new GuardPolicyDefinition("p", []), "r");
        var table = new PolicyTable([policy], "p", new Dictionary<DataClassification, string>(), [], new byte[32]);

        var sample = await new GuardSamples(ledger.Calls, null!, () => table, ledger.Clock).FindAsync(TestLedger.Admin, call.Id, Ct);

        Assert.Equal("stored", sample!.State);
        Assert.Equal(
            marks, string.Join(' ', sample.Texts.SelectMany(t => t.Marks).Select(m => $"{m.Detector}:{m.At}-{m.At + m.End - m.Start}")));
    }
}

using Gatehouse.Contracts;
using Gatehouse.Gateway.Journal;
using Gatehouse.Observability.Traces;

namespace Gatehouse.Tests.Observability;

public class TracePackTests
{
    [Fact]
    public void Every_trace_comes_out_as_it_went_in()
    {
        var builder = new TracePack.Builder();
        var records = Enumerable.Range(0, 60).Select(i => TestLedger.Call(Guid.CreateVersion7(), i, Samples.Noon)).ToList();
        records.Add(Full());
        records.ForEach(r => builder.Add(r, PlaceOf));

        var pack = builder.Build().ToArray();

        Assert.All(records, record =>
        {
            var trace = TracePack.Find(pack, record.Id)!;
            Assert.Equal((record.SpanId, record.ParentSpanId), (trace.SpanId, trace.ParentSpanId));
            Assert.Equal(record.Attempts, trace.Attempts);
            Assert.Equal(record.DroppedParameters, trace.DroppedParameters);
            Assert.Equal(record.RequestAttributes ?? [], trace.RequestAttributes);
            Assert.Equal(record.Guard?.Findings, trace.Guard?.Findings);
            Assert.Equal(
                record.Guard is { } guard ? guard with { Findings = [] } : null,
                trace.Guard is { } found ? found with { Findings = [] } : null);
            Assert.Equal(
                record.Attempts.Select(a => a.Provider).Where(p => PlaceOf(p) is not null).Distinct().Order(),
                trace.Providers.Keys.Order());
        });
        Assert.Equal(new ProviderPlace("azure", "azure.example", 443), TracePack.Find(pack, records[^1].Id)!.Providers["azure"]);
        Assert.Null(TracePack.Find(pack, Guid.CreateVersion7()));
    }

    [Fact]
    public void A_builder_that_is_used_again_forgets_the_pack_before()
    {
        var (used, fresh) = (new TracePack.Builder(), new TracePack.Builder());
        used.Add(Full(), PlaceOf);
        used.Build();
        var record = TestLedger.Call(Guid.CreateVersion7(), 5, Samples.Noon);

        used.Clear();
        used.Add(record, PlaceOf);
        fresh.Add(record, PlaceOf);

        Assert.Equal(fresh.Build(), used.Build());
    }

    [Fact]
    public void The_usual_trace_takes_few_bytes()
    {
        var builder = new TracePack.Builder();
        for (var i = 0; i < TracePack.MaxCalls; i++)
        {
            var record = TestLedger.Call(Guid.CreateVersion7(), 5, Samples.Noon);
            builder.Add(record, PlaceOf);
        }

        Assert.InRange(builder.Build().Length / TracePack.MaxCalls, 30, 60);
    }

    [Theory]
    [InlineData(new byte[] { })]
    [InlineData(new byte[] { 9 })]
    [InlineData(new byte[] { 1, 5, 3 })]
    [InlineData(new byte[] { 1, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F })]
    public void Bytes_that_are_no_pack_are_refused(byte[] bytes) =>
        Assert.Throws<FormatException>(() => TracePack.Find(bytes, Guid.CreateVersion7()));

    /// <summary>Stored packs load for ever: this one was made by the first version.</summary>
    [Fact]
    public void A_pack_of_the_first_version_is_read()
    {
        var pack = Convert.FromHexString(
            "010704736565641a67656e5f61692e726571756573742e74656d706572617475726503302e3705617a757265056770742d350a6f766572"
            + "6c6f616465640d617a7572652e6578616d706c6501030306bb0301019c0000000070008000000000000001270100f067aa0ba902b70153"
            + "995c3f42cd8ad8010001010201030432650078f7030600910407032b"
            + "");
        var id = new Guid("019c0000-0000-7000-8000-000000000001");

        var trace = TracePack.Find(pack, id)!;

        Assert.Equal(("00f067aa0ba902b7", "53995c3f42cd8ad8"), (trace.SpanId, trace.ParentSpanId));
        Assert.Equal(
            [new CallAttempt(
                "azure", "gpt-5", 50, 100, null, 120, 503, "overloaded", null, new TokenUsage(7, 0, 0, 0, 3, 0), 0.000000042m)],
                trace.Attempts);
        Assert.Equal(["seed"], trace.DroppedParameters);
        Assert.Null(trace.Guard);
        Assert.Equal("0.7", trace.RequestAttributes["gen_ai.request.temperature"]);
        Assert.Equal(new ProviderPlace("azure", "azure.example", 443), trace.Providers["azure"]);
    }

    private static ProviderPlace? PlaceOf(string provider) =>
        provider == "gone" ? null : new ProviderPlace(provider, provider + ".example", 443);

    private static CallRecord Full() => new()
    {
        Id = Guid.CreateVersion7(),
        SpanId = "not hexadecimal",
        ParentSpanId = "00F067AA0BA902B7",
        DroppedParameters = ["logit_bias", "seed"],
        RequestAttributes = new Dictionary<string, string> { ["gen_ai.request.temperature"] = "0.7", ["gen_ai.request.seed"] = "0.7" },
        Attempts =
        [
            new CallAttempt("azure", "gpt-5", 50, 100_000, null, 120_000, 503, "overloaded", "the provider is overloaded"),
            new CallAttempt(
                "gone", "gpt-5", 0, null, null, long.MaxValue - 1, 0, null, "connection refused", new TokenUsage(1, 2, 3, 4, 5, 6, 7, 8, 9),
                0m),
            new CallAttempt(
                "claude", "claude", 150_000, 390_000, 400_000, 899_990, 200, null, null, new TokenUsage(1000, 0, 0, 0, 40, 0),
                1234.000000001m),
        ],
        Guard = new GuardReport(
            "standard", "1f2e3d4c5b", GuardVerdict.Redacted,
            [
                new GuardFinding("input", "pii", "CREDIT_CARD", "cards", "redact", false, false, 2, 0.995, 1, 17, 19),
                new GuardFinding("output", "secrets", "SECRET", "keys", "block", true, true, 1, 0.6, 0, 3, 40),
            ],
            31, 12, "A guard failed."),
    };
}

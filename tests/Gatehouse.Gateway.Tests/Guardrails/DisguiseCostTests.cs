using Gatehouse.Gateway.Tests.Calls;
using Gatehouse.Guardrails;
using Gatehouse.Guardrails.Injection;

namespace Gatehouse.Gateway.Tests.Guardrails;

/// <summary>What looking behind disguises allocates. Alone, so that the runtime has time to compile for good what is measured.</summary>
[Collection(nameof(Alone))]
public sealed class DisguiseCostTests
{
    [Theory]
    [InlineData(DetectionSide.Input)]
    [InlineData(DetectionSide.Retrieved)]
    public void Text_in_disguise_that_hides_nothing_bad_allocates_nothing(DetectionSide side)
    {
        var detector = new InjectionDetector(new InjectionOptions { ReportHiddenText = true });
        string[] texts =
        [
            "Please explain what this header does: QXV0aG9yaXphdGlvbiBvZiB0aGUgY2xpZW50IGlzIGxlZnQgdG8gdGhlIHNlcnZlcg==",
            "The path is C:\\\\Users\\\\ann\\\\Documents and the query has %20 and %41 and %42 in it, as \\u0041 has.",
            "My plate is w 4 l k 3 r and the bytes are 48 65 6c 6c 6f 20 77 6f 72 6c 64 21 0a, what do they say?",
            "Der Zug nach München fährt um 12 Uhr ab, und wir treffen uns dort später mit Jürgen und Zoë.",
        ];

        // Code that the runtime has not yet compiled for good boxes here and there: what counts is what is left when it has.
        var allocated = Allocations.Of(
            () =>
            {
                foreach (var text in texts)
                {
                    using var findings = FindingList.Rent();
                    detector.Find(text, new DetectionContext(side), findings);
                }
            },
            20_000);

        Assert.Equal(0, allocated);
    }
}

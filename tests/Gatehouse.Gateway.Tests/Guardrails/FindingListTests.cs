using Gatehouse.Guardrails;

namespace Gatehouse.Gateway.Tests.Guardrails;

public sealed class FindingListTests
{
    [Fact]
    public void Of_findings_that_overlap_the_surest_stays()
    {
        using var list = FindingList.Rent();
        list.Add(Of(10, 5, .9f));
        list.Add(Of(0, 12, .5f));
        list.Add(Of(20, 3, .4f));
        list.Add(Of(20, 8, .4f));

        list.ResolveOverlaps();

        Assert.Equal([(10, 5), (20, 8)], list.Items.ToArray().Select(f => (f.Start, f.Length)));
    }

    [Fact]
    public void A_list_that_is_rented_again_is_empty_and_allocates_nothing()
    {
        var left = -1;
        Use();

        var allocated = Allocations.Of(() => left = Use());

        Assert.Equal((0, 0), (left, allocated));
    }

    [Fact]
    public void Personal_data_and_credentials_map_to_disclosure()
    {
        Assert.Equal(["LLM02:2025"], Standards.Of(Of(0, 1, 1)).Owasp);
        Assert.Contains("AML.T0055", Standards.Of(Of(0, 1, 1) with { Detector = DetectorKind.Secrets }).Atlas);
        Assert.Equal(["AML.T0051.000"], Standards.Of(new(DetectorKind.Injection, "r", FindingTypes.Injection, 0, 1, 1)).Atlas);
    }

    private static int Use()
    {
        using var list = FindingList.Rent();
        var left = list.Count;
        for (var i = 0; i < 40; i++)
        {
            list.Add(Of(i, 1, 1));
        }

        return left;
    }

    private static Finding Of(int start, int length, float score) => new(DetectorKind.Pii, "test", "TEST", start, length, score);
}

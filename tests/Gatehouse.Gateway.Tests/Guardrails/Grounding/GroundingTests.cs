using Gatehouse.Guardrails.Grounding;

namespace Gatehouse.Gateway.Tests.Guardrails.Grounding;

public class GroundingTests
{
    private static readonly string[] Passages =
    [
        "The museum opened in 1987 and has 1,200 exhibits on three floors.",
        "Tickets cost 14.50 euros for adults. Children under six enter free of charge.",
    ];

    [Fact]
    public void An_answer_from_the_passages_is_carried()
    {
        var grounding = GroundingCheck.Check("The museum opened in 1987. Tickets for adults cost 14,50 euros.", Passages);

        Assert.True(grounding.Confidence > 0.9, grounding.Confidence.ToString());
        Assert.All(grounding.Sentences, s => Assert.Null(s.UnsupportedNumber));
    }

    [Fact]
    public void A_number_out_of_nowhere_is_named()
    {
        var grounding = GroundingCheck.Check("The museum has 1200 exhibits. Tickets cost 19 euros for adults.", Passages);

        Assert.Null(grounding.Sentences[0].UnsupportedNumber);
        Assert.Equal("19", grounding.Sentences[1].UnsupportedNumber);
    }

    [Fact]
    public void A_sentence_about_something_else_has_no_support()
    {
        var grounding = GroundingCheck.Check("The restaurant upstairs serves excellent fish every Thursday.", Passages);

        Assert.True(grounding.Confidence < 0.3, grounding.Confidence.ToString());
    }

    [Fact]
    public void An_empty_answer_claims_nothing() => Assert.Equal(1, GroundingCheck.Check("", Passages).Confidence);
}

using Gatehouse.Guardrails.Pii;
using Gatehouse.Guardrails.Policies;
using Gatehouse.Guards;

namespace Gatehouse.Tests.Guards;

public class PolicyListsTests
{
    /// <summary>A replay cannot say what a policy with other words would have made of what was replaced.</summary>
    [Theory]
    [InlineData("badge", true)]
    [InlineData("STAFF", false)]
    public void Policies_differ_in_the_words_beside_an_identifier(string word, bool differ) =>
        Assert.Equal(differ, PolicyLists.Differ(Policy("staff"), Policy(word), [GuardLog.NameOf(GuardDetector.Pii)]));

    private static GuardPolicyDefinition Policy(string word) => new("p", [])
    {
        Recognisers = [new CustomRecogniser("EMPLOYEE_ID", "E[0-9]{6}") { Context = [word] }],
    };
}

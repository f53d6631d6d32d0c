using System.Text;
using Gatehouse.Guardrails;
using Gatehouse.Guardrails.Anonymising;
using Gatehouse.Guardrails.Pii;
using Gatehouse.Guardrails.Pii.Identifiers;

namespace Gatehouse.Gateway.Tests.Guardrails;

public sealed class AnonymiserTests
{
    private static readonly byte[] Key = [.. Enumerable.Range(0, 32).Select(i => (byte)i)];

    [Fact]
    public void A_value_has_one_pseudonym_in_all_turns_and_comes_back_exactly()
    {
        var vault = new PseudonymVault();
        var first = Anonymise(vault, "I am jim@example.com, card 4111 1111 1111 1111.");
        var second = Anonymise(new PseudonymVault(vault.Entries), "Is JIM@example.com yours? Mine is ann@example.com.");

        Assert.Equal("I am <EMAIL_ADDRESS_1>, card <CREDIT_CARD_1>.", first);
        Assert.Equal("Is <EMAIL_ADDRESS_1> yours? Mine is <EMAIL_ADDRESS_2>.", second);
        Assert.Equal("I am jim@example.com, card 4111 1111 1111 1111.", PseudonymRestorer.Restore(vault, first));
    }

    [Theory]
    [InlineData("Hi <PERSON_1>!", "Hi Jim \"JJ\" O'Neil!")]
    [InlineData("Hi <person_1>!", "Hi Jim \"JJ\" O'Neil!")]
    [InlineData("Hi PERSON_1's friend", "Hi Jim \"JJ\" O'Neil's friend")]
    [InlineData("Hi &lt;PERSON_1&gt;", "Hi Jim \"JJ\" O'Neil")]
    [InlineData("Hi <PERSON_12>, <PERSON_2> and <PERSON_", "Hi <PERSON_12>, <PERSON_2> and <PERSON_")]
    [InlineData("XPERSON_1 person_1 <b>PERSON</b> a < b", "XPERSON_1 person_1 <b>PERSON</b> a < b")]
    public void Restores_what_models_make_of_a_token(string answer, string expected)
    {
        var vault = new PseudonymVault();
        vault.TokenFor("PERSON", "Jim \"JJ\" O'Neil");

        Assert.Equal(expected, PseudonymRestorer.Restore(vault, answer));
    }

    [Theory]
    [InlineData("{\"to\":\"<PERSON_1>\"}")]
    [InlineData("{\"to\":\"\\u003cPERSON_1\\u003e\"}")]
    public void In_the_arguments_of_a_tool_the_value_is_escaped(string arguments)
    {
        var vault = new PseudonymVault();
        vault.TokenFor("PERSON", "Jim \"JJ\"\nO'Neil");

        Assert.Equal("{\"to\":\"Jim \\\"JJ\\\"\\nO'Neil\"}", PseudonymRestorer.Restore(vault, arguments, insideJson: true));
    }

    [Fact]
    public void A_value_comes_back_only_where_every_rule_that_replaced_it_lets_it()
    {
        var vault = new PseudonymVault();
        vault.TokenFor("CREDIT_CARD", "4111 1111 1111 1111");
        vault.TokenFor("EMAIL_ADDRESS", "jim@example.com");
        vault.TokenFor("CREDIT_CARD", "4111 1111 1111 1111", PseudonymReturn.Answers);
        vault = new PseudonymVault(vault.Entries);
        const string Said = "<CREDIT_CARD_1> <EMAIL_ADDRESS_1>";

        Assert.Equal("4111 1111 1111 1111 jim@example.com", PseudonymRestorer.Restore(vault, Said));
        Assert.Equal("<CREDIT_CARD_1> jim@example.com", PseudonymRestorer.Restore(vault, Said, where: PseudonymReturn.ToolCalls));
    }

    [Fact]
    public void Every_way_of_cutting_an_answer_restores_the_same()
    {
        var vault = new PseudonymVault();
        string[] tokens =
            [.. Enumerable.Range(0, 12).Select(i => vault.TokenFor(i % 2 == 0 ? "PERSON" : "US_SSN", $"value {i}")), "<", "PERSON",
                "PERSON_", "US_", " ", "a", "&lt", "&lt;PERSON_1&gt;", "PERSON_3", "_", "<PERSON_9", ">", "\\u003cUS_SSN_1\\u003e", "1"];
        var random = new Random(3);
        for (var round = 0; round < 400; round++)
        {
            var answer = string.Concat(Enumerable.Range(0, 12).Select(_ => tokens[random.Next(tokens.Length)]));
            var whole = PseudonymRestorer.Restore(vault, answer);
            var restorer = new PseudonymRestorer(vault);
            var pieces = new StringBuilder();
            for (var at = 0; at < answer.Length;)
            {
                var length = Math.Min(random.Next(1, 6), answer.Length - at);
                restorer.Write(answer.AsSpan(at, length), pieces);
                at += length;
            }

            restorer.Complete(pieces);

            Assert.Equal(whole, pieces.ToString());
        }
    }

    [Fact]
    public void Plain_text_is_not_held_back()
    {
        var vault = new PseudonymVault();
        vault.TokenFor("PERSON", "Jim");
        var restorer = new PseudonymRestorer(vault);
        var seen = new StringBuilder();

        restorer.Write("The answer is 42", seen);

        Assert.Equal("The answer is 42", seen.ToString());
    }

    [Fact]
    public void Made_up_values_keep_the_form_and_the_check_digits()
    {
        var anonymiser = new Anonymiser(Key, new PseudonymVault());
        var text = "card 4111 1111 1111 1111, iban DE89 3704 0044 0532 0130 00, host 10.1.2.3, jim@firm.com";

        var made = Replace(anonymiser, text, Anonymisation.Synthetic);

        Assert.Equal(made, Replace(anonymiser, text, Anonymisation.Synthetic));
        Assert.DoesNotContain("4111 1111", made, StringComparison.Ordinal);
        Assert.Matches(@"^card 4\d{3} \d{4} \d{4} \d{4}, iban DE\d\d( \d{4}){4} \d\d, host 203\.0\.113\.\d+, \w+\.\d+@example\.com$", made);
        Assert.True(Checksums.Luhn(made.AsSpan(5, 19).ToString().Replace(" ", "", StringComparison.Ordinal)));
        Assert.True(IbanCountries.Check(made.AsSpan(31, 27).ToString().Replace(" ", "", StringComparison.Ordinal)));
    }

    [Fact]
    public void Hashes_join_under_one_key_and_masks_say_only_the_type()
    {
        var text = "jim@example.com";
        var (one, other) = (new Anonymiser(Key, new PseudonymVault()), new Anonymiser(new byte[32], new PseudonymVault()));

        Assert.Equal("[EMAIL_ADDRESS]", Replace(one, text, Anonymisation.Mask));
        Assert.Equal(Replace(one, text, Anonymisation.Hash), Replace(one, text, Anonymisation.Hash));
        Assert.NotEqual(Replace(one, text, Anonymisation.Hash), Replace(other, text, Anonymisation.Hash));
    }

    [Fact]
    public void A_conversation_has_a_bound_of_values()
    {
        var vault = new PseudonymVault(capacity: 1);

        Assert.Equal(
            ("<PERSON_1>", "[PERSON]", "<PERSON_1>"),
            (vault.TokenFor("PERSON", "Jim"), vault.TokenFor("PERSON", "Ann"), vault.TokenFor("PERSON", "jim")));
    }

    private static string Anonymise(PseudonymVault vault, string text) =>
        Replace(new Anonymiser(Key, vault), text, Anonymisation.Pseudonym);

    private static string Replace(Anonymiser anonymiser, string text, Anonymisation how)
    {
        using var findings = FindingList.Rent();
        new PiiDetector(new PiiOptions { Names = false }).Find(text, new DetectionContext(DetectionSide.Input), findings);
        findings.Sort();
        return anonymiser.Replace(text, findings.Items, how);
    }
}

using System.Text;
using Gatehouse.Configuration;

namespace Gatehouse.Tests.Configuration;

public sealed class ConfigurationFuzzTests
{
    private const int Mutations = 4_000;
    private const string Canary = "canary-7f3a9c51e8b24d60-canary-7f3a9c51e8b24d60";
    private const string Alphabet = " \t\n:-[]{},#&*!|>'\"%@`~?\\$0a\0\u00e9\u2028\uFFFD\uD800=${}";

    [Fact]
    public async Task No_mutation_of_the_sample_gives_anything_but_a_revision_or_errors_that_hold_no_secret()
    {
        using var configurations = new Configurations().WithSampleVariables();
        foreach (var name in configurations.Variables.Keys.ToList())
        {
            configurations.Variables[name] = Canary;
        }

        var random = new Random(20261121);
        var refused = 0;
        for (var i = 0; i < Mutations; i++)
        {
            var text = Mutate(Configurations.SampleText.Replace("none}", Canary + "}", StringComparison.Ordinal), random);
            var errors = configurations.Check(text);
            if (errors.Count == 0)
            {
                continue;
            }

            refused++;
            Assert.DoesNotContain(Canary, string.Join('\n', errors), StringComparison.Ordinal);
            Assert.All(errors, e => Assert.InRange(e.Line, 1, text.Length + 1));
        }

        Assert.InRange(refused, Mutations / 4, Mutations - 1);

        var outcome = await configurations.LoadAsync(Configurations.SampleText);
        Assert.DoesNotContain(Canary, outcome.Loaded!.Text, StringComparison.Ordinal);
    }

    [Fact]
    public void Random_text_is_never_more_than_errors()
    {
        using var configurations = new Configurations();
        var random = new Random(7);
        for (var i = 0; i < Mutations; i++)
        {
            var text = new StringBuilder();
            for (var length = random.Next(60); length > 0; length--)
            {
                text.Append(Alphabet[random.Next(Alphabet.Length)]);
            }

            configurations.Check(text.ToString());
        }
    }

    private static string Mutate(string text, Random random)
    {
        var result = new StringBuilder(text);
        for (var edits = random.Next(1, 5); edits > 0; edits--)
        {
            var at = random.Next(result.Length);
            var length = Math.Min(random.Next(1, 12), result.Length - at);
            switch (random.Next(5))
            {
                case 0:
                    result.Remove(at, length);
                    break;
                case 1:
                    result.Insert(at, Alphabet[random.Next(Alphabet.Length)]);
                    break;
                case 2:
                    result[at] = Alphabet[random.Next(Alphabet.Length)];
                    break;
                case 3:
                    result.Insert(random.Next(result.Length), result.ToString(at, length));
                    break;
                default:
                    result.Length = Math.Max(1, at);
                    break;
            }
        }

        return result.ToString();
    }
}

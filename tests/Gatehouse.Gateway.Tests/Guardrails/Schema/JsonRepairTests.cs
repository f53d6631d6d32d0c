using System.Text.Json;
using Gatehouse.Guardrails.Schema;

namespace Gatehouse.Gateway.Tests.Guardrails.Schema;

public class JsonRepairTests
{
    [Theory]
    [InlineData("""{"a":1}""", """{"a":1}""")]
    [InlineData("""Sure! Here it is: {"a":1} Anything else?""", """{"a":1}""")]
    [InlineData("```json\n{\"a\": [1, 2,],}\n```", """{"a":[1,2]}""")]
    [InlineData("{'a': 'it\\'s', b: True, c: None, \"d\": undefined}", """{"a":"it's","b":true,"c":null,"d":null}""")]
    [InlineData("{\"a\": \"line one\nline two\"}", """{"a":"line one\nline two"}""")]
    [InlineData("""{"a": 1 "b": 2}""", """{"a":"1 \"b\": 2"}""")]
    [InlineData("{\"a\": 1\n\"b\": 2}", """{"a":1,"b":2}""")]
    [InlineData("""{"a": {"b": [1, 2""", """{"a":{"b":[1,2]}}""")]
    [InlineData("""{"a": "cut o""", """{"a":"cut o"}""")]
    [InlineData("""{"a":""", """{"a":null}""")]
    [InlineData("{\"a\": 1, // one\n/* two */ \"b\": 2 # three\n}", """{"a":1,"b":2}""")]
    [InlineData("{“a”: “b”}", """{"a":"b"}""")]
    [InlineData("[1, 2, ...]", "[1,2]")]
    [InlineData("[+, ++, 1]", """["+","++",1]""")]
    [InlineData("""{"n": +1.5, "m": .5}""", """{"n":1.5,"m":".5"}""")]
    [InlineData("""{"path": "C:\dir\new"}""", """{"path":"C:dir\new"}""")]
    public void Makes_json_of_what_models_write(string text, string expected)
    {
        var repaired = JsonRepair.TryRepair(text);

        Assert.NotNull(repaired);
        using var actual = JsonDocument.Parse(repaired);
        using var wanted = JsonDocument.Parse(expected);
        Assert.True(JsonElement.DeepEquals(wanted.RootElement, actual.RootElement), repaired);
    }

    [Theory]
    [InlineData("")]
    [InlineData("I cannot answer that.")]
    public void No_value_is_no_json(string text) => Assert.Null(JsonRepair.TryRepair(text));

    [Fact]
    public void Whatever_the_text_the_result_is_json_or_nothing()
    {
        var random = new Random(99);
        const string alphabet = "{}[]\",':\\ \n01tfn/*#“.";
        for (var round = 0; round < 5000; round++)
        {
            var text = new string([.. Enumerable.Range(0, random.Next(30)).Select(_ => alphabet[random.Next(alphabet.Length)])]);

            if (JsonRepair.TryRepair(text) is { } repaired)
            {
                using var document = JsonDocument.Parse(repaired);
            }
        }
    }

    [Fact]
    public void Deep_nesting_is_refused() => Assert.Null(JsonRepair.TryRepair(new string('[', 100_000)));
}

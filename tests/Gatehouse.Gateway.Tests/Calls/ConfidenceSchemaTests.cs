using System.Text.Json;
using Gatehouse.Gateway.Calls;

namespace Gatehouse.Gateway.Tests.Calls;

public sealed class ConfidenceSchemaTests
{
    [Theory]
    [InlineData("""{"type":"object"}""", "{}", true)]
    [InlineData("""{"type":"object"}""", "[]", false)]
    [InlineData("""{"type":["string","null"]}""", "null", true)]
    [InlineData("""{"type":"integer"}""", "3.0", true)]
    [InlineData("""{"type":"integer"}""", "3.5", false)]
    [InlineData("""{"enum":["a",1]}""", "1", true)]
    [InlineData("""{"enum":["a",1]}""", "\"b\"", false)]
    [InlineData("""{"const":{"a":1}}""", "{\"a\":1}", true)]
    [InlineData("""{"properties":{"a":{"type":"string"}},"required":["a"],"additionalProperties":false}""", "{\"a\":\"x\"}", true)]
    [InlineData("""{"properties":{"a":{"type":"string"}},"required":["a"],"additionalProperties":false}""", "{\"a\":\"x\",\"b\":1}", false)]
    [InlineData("""{"properties":{"a":{"type":"string"}},"required":["a"]}""", "{}", false)]
    [InlineData("""{"items":{"type":"number","minimum":1,"maximum":2},"minItems":1,"maxItems":2}""", "[1,2]", true)]
    [InlineData("""{"items":{"type":"number","minimum":1,"maximum":2},"minItems":1,"maxItems":2}""", "[3]", false)]
    [InlineData("""{"items":{"type":"number"},"minItems":1}""", "[]", false)]
    [InlineData("""{"type":"string","minLength":2,"maxLength":3}""", "\"👍👍\"", true)]
    [InlineData("""{"type":"string","minLength":2}""", "\"👍\"", false)]
    [InlineData("""{"anyOf":[{"type":"string"},{"type":"null"}]}""", "1", false)]
    [InlineData("""{"oneOf":[{"type":"integer"},{"type":"number"}]}""", "1", false)]
    [InlineData("""{"allOf":[{"required":["a"]},{"required":["b"]}]}""", "{\"a\":1}", false)]
    [InlineData("""{"not":{"type":"null"}}""", "null", false)]
    [InlineData("""{"$ref":"#/$defs/a","$defs":{"a":{"type":"string"}}}""", "1", false)]
    [InlineData("""{"$ref":"#/$defs/n","$defs":{"n":{"properties":{"next":{"$ref":"#/$defs/n"}},"required":["v"]}}}""",
        "{\"v\":1,\"next\":{}}", false)]
    [InlineData("""{"$ref":"#/nowhere"}""", "1", true)]
    [InlineData("""{"type":"object"}""", "not json", false)]
    [InlineData("""{"type":"object"}""", "{} {}", false)]
    [InlineData("true", "1", true)]
    [InlineData("""{"pattern":"^[a-z]+$"}""", "\"A1\"", false)]
    [InlineData("""{"required":"a"}""", "{}", true)] // no schema: it judges nothing, and breaks nothing
    [InlineData("""{"pattern":7}""", "\"a\"", true)]
    [InlineData("""{"allOf":[{"$ref":"#"},{"$ref":"#"}]}""", "1", true)] // would take 2 to the power of its depth
    public void A_value_follows_or_breaks_its_schema(string schema, string text, bool follows) =>
        Assert.Equal(follows, Confidence.Follows(JsonElement.Parse(schema), text));

    [Fact]
    public void A_schema_that_goes_round_in_circles_ends() =>
        Assert.True(Confidence.Follows(JsonElement.Parse("""{"$ref":"#"}"""), "1"));
}

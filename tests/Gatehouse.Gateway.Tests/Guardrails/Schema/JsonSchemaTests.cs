using System.Text.Json;
using Gatehouse.Guardrails.Schema;

namespace Gatehouse.Gateway.Tests.Guardrails.Schema;

public class JsonSchemaTests
{
    [Theory]
    [InlineData("""{"type":"string"}""", "\"a\"", true)]
    [InlineData("""{"type":"string"}""", "1", false)]
    [InlineData("""{"type":"integer"}""", "1.0", true)]
    [InlineData("""{"type":"integer"}""", "1.5", false)]
    [InlineData("""{"type":"integer"}""", "12345678901234567890123", true)]
    [InlineData("""{"type":["null","number"]}""", "null", true)]
    [InlineData("""{"type":["null","number"]}""", "false", false)]
    [InlineData("true", "1", true)]
    [InlineData("false", "1", false)]
    [InlineData("{}", "[1,{}]", true)]
    [InlineData("""{"const":{"a":[1,2]}}""", """{"a":[1.0,2]}""", true)]
    [InlineData("""{"const":1}""", "true", false)]
    [InlineData("""{"enum":["red",2,null]}""", "null", true)]
    [InlineData("""{"enum":["red",2,null]}""", "\"blue\"", false)]
    [InlineData("""{"minLength":2,"maxLength":3}""", "\"😀😀\"", true)]
    [InlineData("""{"minLength":2}""", "\"😀\"", false)]
    [InlineData("""{"minLength":2}""", "7", true)]
    [InlineData("""{"pattern":"^[a-z]+$"}""", "\"abc\"", true)]
    [InlineData("""{"pattern":"b"}""", "\"abc\"", true)]
    [InlineData("""{"pattern":"^b"}""", "\"abc\"", false)]
    [InlineData("""{"minimum":1,"exclusiveMaximum":2}""", "1", true)]
    [InlineData("""{"minimum":1,"exclusiveMaximum":2}""", "2", false)]
    [InlineData("""{"exclusiveMinimum":1}""", "1", false)]
    [InlineData("""{"maximum":3}""", "3.0000001", false)]
    [InlineData("""{"multipleOf":0.1}""", "0.3", true)]
    [InlineData("""{"multipleOf":0.0001}""", "0.0075", true)]
    [InlineData("""{"multipleOf":2}""", "7", false)]
    [InlineData("""{"items":{"type":"integer"}}""", "[1,2]", true)]
    [InlineData("""{"items":{"type":"integer"}}""", "[1,\"2\"]", false)]
    [InlineData("""{"prefixItems":[{"type":"string"},{"type":"integer"}],"items":false}""", "[\"a\",1]", true)]
    [InlineData("""{"prefixItems":[{"type":"string"},{"type":"integer"}],"items":false}""", "[\"a\"]", true)]
    [InlineData("""{"prefixItems":[{"type":"string"},{"type":"integer"}],"items":false}""", "[\"a\",1,2]", false)]
    [InlineData("""{"contains":{"minimum":5}}""", "[1,6]", true)]
    [InlineData("""{"contains":{"minimum":5}}""", "[]", false)]
    [InlineData("""{"contains":{"minimum":5},"minContains":0}""", "[]", true)]
    [InlineData("""{"contains":{"minimum":5},"maxContains":1}""", "[6,7]", false)]
    [InlineData("""{"uniqueItems":true}""", "[1,1.0]", false)]
    [InlineData("""{"uniqueItems":true}""", "[1,true,\"1\",[1],{\"a\":1}]", true)]
    [InlineData("""{"uniqueItems":true}""", """[{"a":1,"b":2},{"b":2,"a":1}]""", false)]
    [InlineData("""{"minItems":1,"maxItems":2}""", "[1,2,3]", false)]
    [InlineData("""{"required":["a"]}""", "{}", false)]
    [InlineData("""{"required":["a"]}""", "[]", true)]
    [InlineData("""{"properties":{"a":{"type":"string"}}}""", """{"a":1}""", false)]
    [InlineData("""{"properties":{"a":{}},"additionalProperties":false}""", """{"a":1,"b":2}""", false)]
    [InlineData("""{"properties":{"a":{}},"patternProperties":{"^x-":{}},"additionalProperties":false}""", """{"a":1,"x-b":2}""", true)]
    [InlineData("""{"additionalProperties":{"type":"integer"}}""", """{"a":"b"}""", false)]
    [InlineData("""{"propertyNames":{"maxLength":2}}""", """{"abc":1}""", false)]
    [InlineData("""{"minProperties":1}""", "{}", false)]
    [InlineData("""{"dependentRequired":{"a":["b"]}}""", """{"a":1}""", false)]
    [InlineData("""{"dependentSchemas":{"a":{"required":["b"]}}}""", """{"a":1,"b":1}""", true)]
    [InlineData("""{"allOf":[{"minimum":1},{"maximum":3}]}""", "4", false)]
    [InlineData("""{"anyOf":[{"type":"string"},{"minimum":3}]}""", "4", true)]
    [InlineData("""{"oneOf":[{"minimum":1},{"minimum":3}]}""", "4", false)]
    [InlineData("""{"oneOf":[{"minimum":1},{"minimum":3}]}""", "2", true)]
    [InlineData("""{"not":{"type":"integer"}}""", "2", false)]
    [InlineData("""{"if":{"minimum":10},"then":{"multipleOf":10},"else":{"maximum":5}}""", "20", true)]
    [InlineData("""{"if":{"minimum":10},"then":{"multipleOf":10},"else":{"maximum":5}}""", "7", false)]
    [InlineData("""{"$ref":"#/$defs/a","$defs":{"a":{"type":"integer"}}}""", "\"x\"", false)]
    [InlineData("""{"$ref":"#/$defs/a","maximum":3,"$defs":{"a":{"type":"integer"}}}""", "4", false)]
    [InlineData("""{"$ref":"#item","$defs":{"a":{"$anchor":"item","type":"integer"}}}""", "4", true)]
    [InlineData("""{"$ref":"#/$defs/a~1b%25","$defs":{"a/b%":{"type":"integer"}}}""", "4", true)]
    [InlineData("""{"properties":{"next":{"$ref":"#"}},"additionalProperties":false}""", """{"next":{"next":{"x":1}}}""", false)]
    [InlineData("""{"allOf":[{"properties":{"a":{}}}],"unevaluatedProperties":false}""", """{"a":1}""", true)]
    [InlineData("""{"allOf":[{"properties":{"a":{}}}],"unevaluatedProperties":false}""", """{"a":1,"b":2}""", false)]
    [InlineData("""{"anyOf":[{"properties":{"a":{"const":1}},"required":["a"]},{"properties":{"b":{}},"required":["b"]}],"unevaluatedProperties":false}""", """{"a":1,"b":2}""", true)]
    [InlineData("""{"prefixItems":[{}],"unevaluatedItems":false}""", "[1,2]", false)]
    [InlineData("""{"format":"date"}""", "\"2024-02-30\"", false)]
    [InlineData("""{"format":"date-time"}""", "\"2024-02-29T23:59:60Z\"", true)]
    [InlineData("""{"format":"date-time"}""", "\"2024-02-29 25:00:00Z\"", false)]
    [InlineData("""{"format":"email"}""", "\"a@b.example\"", true)]
    [InlineData("""{"format":"email"}""", "\"a b@c\"", false)]
    [InlineData("""{"format":"ipv4"}""", "\"127.0.0.01\"", false)]
    [InlineData("""{"format":"ipv6"}""", "\"::1\"", true)]
    [InlineData("""{"format":"uuid"}""", "\"2eb8aa08-aa98-11ea-b4aa-73b441d16380\"", true)]
    [InlineData("""{"format":"uri"}""", "\"no uri\"", false)]
    [InlineData("""{"format":"duration"}""", "\"P1DT2H\"", true)]
    [InlineData("""{"format":"duration"}""", "\"P\"", false)]
    [InlineData("""{"format":"something-new"}""", "\"x\"", true)]
    public void Follows_the_specification(string schema, string value, bool valid)
    {
        using var document = JsonDocument.Parse(value);

        Assert.Equal(valid, JsonSchema.Parse(schema).IsValid(document.RootElement));
    }

    [Fact]
    public void Errors_name_the_place_the_keyword_and_what_to_change()
    {
        using var value = JsonDocument.Parse("""{"items":[{"price":"ten"}]}""");
        var schema = JsonSchema.Parse(
            """{"properties":{"items":{"items":{"properties":{"price":{"type":"number"}},"required":["name"]}}}}""");

        var errors = schema.Validate(value.RootElement);

        Assert.Contains(new SchemaError("/items/0/price", "type", "Expected number, found string."), errors);
        Assert.Contains(new SchemaError("/items/0", "required", "'name' is missing."), errors);
    }

    [Theory]
    [InlineData("{", "no valid JSON")]
    [InlineData("""{"$ref":"https://example.com/other"}""", "leaves the document")]
    [InlineData("""{"pattern":"(a)\\1"}""", "linear time")]
    [InlineData("""{"$dynamicRef":"#x"}""", "not supported")]
    public void What_cannot_be_checked_is_refused_when_it_is_read(string schema, string message) =>
        Assert.Contains(message, Assert.Throws<FormatException>(() => JsonSchema.Parse(schema)).Message);

    [Fact]
    public void A_schema_that_refers_to_itself_without_end_fails_and_does_not_hang()
    {
        using var value = JsonDocument.Parse("1");

        Assert.False(JsonSchema.Parse("""{"$ref":"#"}""").IsValid(value.RootElement));
    }
}

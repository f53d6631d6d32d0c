using System.Text.Json;
using Gatehouse.Gateway.Providers.Simulator;

namespace Gatehouse.Gateway.Tests.Providers.Simulator;

public sealed class SchemaSampleTests
{
    [Theory]
    [InlineData("""{"const":7}""", "7")]
    [InlineData("""{"enum":["only"]}""", "\"only\"")]
    [InlineData("""{"type":"null"}""", "null")]
    [InlineData("""{"type":"integer","minimum":5,"maximum":5}""", "5")]
    [InlineData("""{"type":"integer","exclusiveMinimum":5,"exclusiveMaximum":7}""", "6")]
    [InlineData("""{"type":"number","minimum":0.25,"maximum":0.25}""", "0.25")]
    [InlineData("""{"type":"integer","multipleOf":50,"minimum":60,"maximum":140}""", "100")]
    [InlineData("""{"type":"array","maxItems":0}""", "[]")]
    [InlineData("""{"type":"array","minItems":2,"maxItems":2,"items":{"const":1}}""", "[1,1]")]
    [InlineData("""{"type":"array","minItems":2,"prefixItems":[{"const":1},{"const":"b"}]}""", "[1,\"b\"]")]
    [InlineData("""{"type":"string","format":"date"}""", "\"2026-01-15\"")]
    [InlineData("""{"type":"object"}""", "{}")]
    [InlineData("""{"type":"object","required":["a"],"properties":{"a":{"const":1},"b":{"const":2}}}""", "{\"a\":1}")]
    [InlineData("""{"anyOf":[{"const":1},{"const":2}]}""", "1")]
    [InlineData("""{"allOf":[{"required":["a"],"properties":{"a":{"const":1}}},{"$ref":"#/$defs/b"}],"$defs":{"b":{"required":["b"],"properties":{"b":{"const":2}}}}}""", "{\"a\":1,\"b\":2}")]
    [InlineData("""{"$ref":"#/$defs/x","$defs":{"x":{"const":"found"}}}""", "\"found\"")]
    public void The_value_is_the_only_one_that_the_schema_allows(string schema, string expected)
    {
        Assert.Equal(expected, SchemaSample.Write(JsonElement.Parse(schema), 1));
    }

    [Fact]
    public void Bounds_hold_for_every_seed()
    {
        var schema = JsonElement.Parse("""
            {"type":"object","required":["i","n","s","l","e"],"properties":{
              "i":{"type":"integer","minimum":-3,"maximum":3},"n":{"type":"number","exclusiveMinimum":0,"maximum":2},
              "s":{"type":"string","maxLength":3},"l":{"type":"string","minLength":40},"e":{"type":["integer","null"]}}}
            """);

        for (var seed = 0; seed < 500; seed++)
        {
            var value = JsonElement.Parse(SchemaSample.Write(schema, seed));
            Assert.InRange(value.GetProperty("i").GetInt32(), -3, 3);
            Assert.True(value.GetProperty("n").GetDecimal() is > 0 and <= 2);
            Assert.True(value.GetProperty("s").GetString()!.Length <= 3);
            Assert.True(value.GetProperty("l").GetString()!.Length >= 40);
            Assert.Equal(JsonValueKind.Number, value.GetProperty("e").ValueKind);
        }
    }

    [Fact]
    public void A_schema_that_refers_to_itself_comes_to_an_end()
    {
        var schema = JsonElement.Parse("""
            {"$ref":"#/$defs/node","$defs":{"node":{"type":"object","required":["name","next","all"],"properties":{
              "name":{"type":"string"},"next":{"anyOf":[{"$ref":"#/$defs/node"},{"type":"null"}]},"all":{"type":"array","items":{"$ref":"#/$defs/node"}}}}}}
            """);

        var value = JsonElement.Parse(SchemaSample.Write(schema, 1), new JsonDocumentOptions { MaxDepth = 128 });

        Assert.Equal(JsonValueKind.Object, value.GetProperty("next").ValueKind);
    }

    [Fact]
    public void No_schema_is_an_empty_object()
    {
        Assert.Equal("{}", SchemaSample.Write(default, 1));
    }
}

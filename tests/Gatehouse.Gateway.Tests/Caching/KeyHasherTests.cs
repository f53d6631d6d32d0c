using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using FsCheck;
using FsCheck.Fluent;
using Gatehouse.Contracts;
using Gatehouse.Gateway.Caching;
using Gatehouse.Gateway.Calls;
using Gatehouse.Gateway.Chat;
using Gatehouse.Gateway.Routing;
using Gatehouse.Gateway.Tests.Calls;
using Microsoft.AspNetCore.Http;

namespace Gatehouse.Gateway.Tests.Caching;

public sealed class KeyHasherTests
{
    private static readonly CachePolicy Policy = new(TimeSpan.FromMinutes(1));

    [Theory]
    [InlineData("""{"a":1,"b":[1,2]}""", """ { "b" : [ 1 , 2 ] , "a" : 1 } """, true)]
    [InlineData("""{"a":"\u0041\/"}""", """{"a":"A/"}""", true)]
    [InlineData("""{"\u0061":1}""", """{"a":1}""", true)]
    [InlineData("""{"a":{"x":1,"y":2}}""", """{"a":{"y":2,"x":1}}""", true)]
    [InlineData("""{"properties":{"x":1,"y":2}}""", """{"properties":{"y":2,"x":1}}""", false)] // models answer in this order
    [InlineData("""{"properties":{"x":{"type":"a","b":1}}}""", """{"properties":{"x":{"b":1,"type":"a"}}}""", true)]
    [InlineData("""{"properties":{"properties":{"x":1,"y":2}}}""", """{"properties":{"properties":{"y":2,"x":1}}}""",
        true)] // a property of that name
    [InlineData("""{"a":[1,2]}""", """{"a":[2,1]}""", false)]
    [InlineData("""{"a":[[1],2]}""", """{"a":[[1,2]]}""", false)]
    [InlineData("""{"a":1}""", """{"a":"1"}""", false)]
    [InlineData("""{"a":null}""", "{}", false)]
    [InlineData("""{"a":"null"}""", """{"a":null}""", false)]
    [InlineData("""{"a":"b","c":"d"}""", """{"a":"bc","d":""}""", false)]
    [InlineData("""{"a":{},"b":1}""", """{"a":{"b":1}}""", false)]
    [InlineData("""{"a":1.0}""", """{"a":1}""", false)]
    public void Two_bodies_are_the_same_or_not(string one, string other, bool same) =>
        Assert.Equal(same, Of(one) == Of(other));

    [Theory]
    [InlineData("""{"a":1,"a":1}""")]
    [InlineData("""{"a":[{"b":1,"\u0062":2}]}""")]
    [InlineData("""{"properties":{"b":1,"c":1,"b":2}}""")]
    [InlineData("""{"a":"\ud800"}""")]
    public void What_providers_may_read_in_two_ways_has_no_key(string body) => Assert.Null(Of(body));

    [Fact]
    public void The_order_of_members_never_matters_and_a_change_of_any_value_does()
    {
        Prop.ForAll(ArbMap.Default.ArbFor<(int Seed, int Change)>(), c =>
        {
            var body = Any(new Random(c.Seed), 0);
            var shuffled = Shuffle(body, new Random(c.Change));
            var text = body.ToJsonString();
            var changed = text.Replace("\"v", "\"w", StringComparison.Ordinal);
            return Of(text) == Of(shuffled.ToJsonString()) && (changed == text || Of(changed) != Of(text));
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(500));
    }

    [Fact]
    public void A_hole_takes_one_value_out_and_no_equal_one()
    {
        const string Body = """{"a":"x","b":["x",{"c":"x"}]}""";

        var first = Of(Body, r => r.GetProperty("a"));
        var last = Of(Body, r => r.GetProperty("b")[1].GetProperty("c"));

        Assert.NotEqual(first, last);
        Assert.Equal(first, Of(Body.Replace("\"a\":\"x\"", "\"a\":\"something else\""), r => r.GetProperty("a")));
        Assert.NotEqual(first, Of(Body.Replace("\"c\":\"x\"", "\"c\":\"y\""), r => r.GetProperty("a")));
    }

    [Fact]
    public void No_two_tenants_kinds_or_policies_have_a_key_in_common()
    {
        var id = Guid.CreateVersion7();
        var principal = new Principal(id, id, id, "s", SystemEnvironment.Development, SystemStage.Building, false, null, false);
        var keys = new List<CacheKey?>
        {
            Of("{}", principal),
            Of("{}", principal with { TeamId = Guid.CreateVersion7() }),
            Of("{}", principal with { SystemId = Guid.CreateVersion7() }),
            Of("{}", principal with { Environment = SystemEnvironment.Staging }),
            Of("{}", principal with { Environment = SystemEnvironment.Production }),
            Of("{}", principal, Policy with { Scope = CacheSharing.Team }),
            Of("{}", principal with { SystemId = Guid.Empty }), // not the same as all systems
            Of("{}", principal, Policy with { Revision = 1 }),
            Of("{}", principal, kind: 's'),
            Of("{}", principal, canary: 0),
        };

        Assert.Equal(keys.Count, keys.Distinct().Count());
        Assert.Equal(keys[0], Of("{}", principal with { KeyId = Guid.CreateVersion7(), System = "renamed" }));
    }

    private static CacheKey? Of(string body, Func<JsonElement, JsonElement>? hole = null)
    {
        var id = new Guid(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11);
        return Of(body, new Principal(id, id, id, "s", SystemEnvironment.Development, SystemStage.Building, false, null, false),
            hole: hole);
    }

    private static CacheKey? Of(
        string body, Principal principal, CachePolicy? policy = null, char kind = 'a', int canary = -1,
        Func<JsonElement, JsonElement>? hole = null)
    {
        policy ??= Policy;
        using var call = new Call(new DefaultHttpContext(), ChatSurface.Instance, GatewayTable.Empty, new ManualClock())
        {
            Principal = principal, Route = new Route("fast", [new Target(TestGateway.Simulator(), "m")]),
        };
        using var document = JsonDocument.Parse(Encoding.UTF8.GetBytes(body));
        using var hasher = new KeyHasher(CacheScope.Of(call, policy.Scope)!, call, policy, kind, canary);
        return hasher.TryAdd(document.RootElement, [], hole?.Invoke(document.RootElement)) ? hasher.Finish() : null;
    }

    private static JsonObject Any(Random random, int depth)
    {
        var made = new JsonObject();
        for (var i = random.Next(1, 5); i > 0; i--)
        {
            made[$"n{i}"] = random.Next(depth < 4 ? 4 : 2) switch
            {
                0 => $"v{random.Next(3)}\n{(char)random.Next(0x20, 0x2000)}",
                1 => random.Next(100),
                2 => new JsonArray(Any(random, depth + 1), "v", null),
                _ => Any(random, depth + 1),
            };
        }

        return made;
    }

    private static JsonNode Shuffle(JsonNode node, Random random)
    {
        switch (node)
        {
            case JsonObject members:
                var pairs = members.Select(m => (m.Key, Value: m.Value is null ? null : Shuffle(m.Value, random))).ToArray();
                random.Shuffle(pairs);
                return new JsonObject(pairs.Select(p => new KeyValuePair<string, JsonNode?>(p.Key, p.Value)));
            case JsonArray items:
                return new JsonArray([.. items.Select(i => i is null ? null : Shuffle(i, random))]);
            default:
                return node.DeepClone();
        }
    }
}

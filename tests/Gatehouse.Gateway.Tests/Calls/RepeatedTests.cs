using System.Text;
using Gatehouse.Contracts;
using Gatehouse.Gateway.Calls;

namespace Gatehouse.Gateway.Tests.Calls;

public sealed class RepeatedTests
{
    [Fact]
    public void A_text_that_comes_again_is_the_same_object_and_every_text_is_right()
    {
        var texts = new RepeatedTexts(4); // so that they fall into each other's slots
        var names = Enumerable.Range(0, 50).Select(i => $"modèle-{i}").Append("").Append(new string('x', 500)).ToList();

        Assert.All([.. names, .. names], name => Assert.Equal(name, texts.TextOf(Encoding.UTF8.GetBytes(name))));
        Assert.Same(texts.TextOf("gpt"u8), texts.TextOf("gpt"u8));
    }

    [Fact]
    public void Requests_with_the_same_parameters_share_them_and_others_have_their_own()
    {
        var first = Peek("""{"temperature":0.2,"seed":1}""");
        var same = Peek("""{"seed":1,"temperature":0.2}""");
        var more = Peek("""{"temperature":0.2,"seed":1,"n":2}""");
        var other = Peek("""{"temperature":0.3,"seed":1,"temperature":0.4}""");

        Assert.Same(first, same);
        Assert.Equal(("0.2", "1", 2), (first![TelemetryNames.RequestTemperature], first[TelemetryNames.RequestSeed], first.Count));
        Assert.Equal(3, more!.Count);
        Assert.Equal(("0.4", 2), (other![TelemetryNames.RequestTemperature], other.Count));
        Assert.Null(Peek("{}"));
    }

    private static Dictionary<string, string>? Peek(string parameters)
    {
        var body = parameters == "{}" ? """{"model":"m"}""" : """{"model":"m",""" + parameters[1..];
        Assert.Null(RequestPeek.Read(Encoding.UTF8.GetBytes(body), out var peek, needsMessages: false));
        return peek.Attributes;
    }
}

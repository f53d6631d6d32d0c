using System.Buffers;
using System.Text;
using System.Text.Json;
using Gatehouse.Gateway.Calls;

namespace Gatehouse.Gateway.Tests.Calls;

public sealed class RequestPatchTests
{
    [Theory]
    [InlineData("""{"model":"a","messages":[]}""", """{"stream_options":{"include_usage":true},"model":"b","messages":[]}""")]
    [InlineData("""{"model":"a","messages":[],"stream_options":null}""",
        """{"model":"b","messages":[],"stream_options":{"include_usage":true}}""")]
    [InlineData("""{"stream_options":{ },"model":"a","messages":[]}""",
        """{"stream_options":{"include_usage":true },"model":"b","messages":[]}""")]
    [InlineData("""{"stream_options":{"x":[1]},"model":"a","messages":[]}""",
        """{"stream_options":{"include_usage":true,"x":[1]},"model":"b","messages":[]}""")]
    [InlineData("""{"model" : "a" ,"messages":[],"stream_options":{"include_usage":false,"x":1}}""",
        """{"model" : "b" ,"messages":[],"stream_options":{"include_usage":true,"x":1}}""")]
    [InlineData("""{"mod\u0065l":"\u0061","messages":["ünï"],"x":{"model":"c"}}""",
        """{"stream_options":{"include_usage":true},"mod\u0065l":"b","messages":["ünï"],"x":{"model":"c"}}""")]
    public void Both_edits_leave_every_other_byte_alone(string body, string expected)
    {
        Assert.Equal(expected, Patch(body, "b", true));
        JsonDocument.Parse(expected).Dispose();
    }

    [Fact]
    public void Each_edit_works_alone_and_none_is_none()
    {
        const string body = """{"model":"a","messages":[]}""";

        Assert.Equal("""{"model":"say \u0022b\u0022","messages":[]}""", Patch(body, "say \"b\"", false));
        Assert.Equal("""{"stream_options":{"include_usage":true},"model":"a","messages":[]}""", Patch(body, null, true));
        Assert.Null(Patch(body, null, false));
    }

    [Theory]
    [InlineData("""{"max_tokens":5,"model":"a","messages":[]}""",
        """{"stream_options":{"include_usage":true},"max_completion_tokens":5,"model":"b","messages":[]}""")]
    [InlineData("""{"model":"a","messages":[],"max_tokens" : 5}""",
        """{"stream_options":{"include_usage":true},"model":"b","messages":[],"max_completion_tokens" : 5}""")]
    [InlineData("""{"model":"a","messages":[],"max_completion_tokens":5}""",
        """{"stream_options":{"include_usage":true},"model":"b","messages":[],"max_completion_tokens":5}""")]
    [InlineData("""{"max_tokens":5,"model":"a","messages":[],"max_completion_tokens":6}""",
        """{"stream_options":{"include_usage":true},"max_tokens":5,"model":"b","messages":[],"max_completion_tokens":6}""")]
    public void The_output_limit_gets_the_providers_name(string body, string expected)
    {
        Assert.Equal(expected, Patch(body, "b", true, "max_completion_tokens"));
    }

    [Fact]
    public void Peek_reads_what_routing_needs_wherever_it_stands()
    {
        var body = """ { "messages" : [ {"model":"no","stream":true} ] , "stream_options":{"include_usage":true}, "stream":true, "model":"yes" } """u8;

        Assert.Null(RequestPeek.Read(body, out var peek));

        Assert.Equal("yes", peek.ModelText(body));
        Assert.True(peek.Stream);
        Assert.True(peek.IncludeUsage);
        Assert.Null(peek.Attributes);
    }

    [Fact]
    public void Peek_allocates_nothing()
    {
        var body = Encoding.UTF8.GetBytes(Wire.StreamRequest);
        RequestPeek.Read(body, out _);

        Assert.Equal(0, Allocations.Of(() => RequestPeek.Read(body, out _)));
    }

    private static string? Patch(string body, string? model, bool includeUsage, string? limitName = null)
    {
        var bytes = Encoding.UTF8.GetBytes(body);
        Assert.Null(RequestPeek.Read(bytes, out var peek));
        var to = new ArrayBufferWriter<byte>();
        return RequestPatch.TryWrite(bytes, peek, model, limitName, includeUsage, to) ? Encoding.UTF8.GetString(to.WrittenSpan) : null;
    }
}

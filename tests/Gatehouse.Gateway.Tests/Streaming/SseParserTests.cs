using System.Text;
using Gatehouse.Gateway.Streaming;
using Gatehouse.Gateway.Tests.Wire;

namespace Gatehouse.Gateway.Tests.Streaming;

public sealed class SseParserTests
{
    [Theory]
    [InlineData("data: a\n\ndata: b\n\n")]
    [InlineData("data: a\r\rdata: b\r\r")]
    [InlineData("data: a\r\n\r\ndata: b\r\n\r\n")]
    [InlineData("\uFEFFdata:a\n\n: a comment\n\n\ndata:b\nid: 7\nretry: 10\nunknown\n\n")]
    public void Reads_every_line_end_and_skips_what_is_no_event(string stream)
    {
        Assert.Equal(["|a", "|b"], Parse(Encoding.UTF8.GetBytes(stream)));
    }

    [Fact]
    public void Joins_data_lines_and_keeps_the_name_for_one_event_only()
    {
        var stream = "event: x\ndata: 1\ndata:  2\ndata\n\nevent: lost\n\ndata: 3\n\n"u8.ToArray();

        Assert.Equal(["x|1\n 2\n", "|3"], Parse(stream));
    }

    [Fact]
    public void An_event_without_its_blank_line_waits_until_the_body_is_complete()
    {
        using var parser = new SseParser();
        parser.Append("data: [DONE]"u8);

        Assert.False(parser.TryRead(out _));
        parser.Complete();
        Assert.True(parser.TryRead(out var e));
        Assert.Equal("[DONE]", Encoding.UTF8.GetString(e.Data));
        Assert.False(parser.TryRead(out _));
    }

    [Theory]
    [InlineData("data: 0123456789012345678901234567890123456789\n\n")]
    [InlineData("data: 0123456789012345678901234567890123456789")]
    [InlineData("data: 01234567890123\ndata: 01234567890123\ndata: 01234567890123\n")]
    [InlineData(": 0123456789012345678901234567890123456789")]
    public void Refuses_an_event_beyond_the_limit(string stream)
    {
        Assert.Throws<SseEventTooLargeException>(() => Parse(Encoding.UTF8.GetBytes(stream), maxEventBytes: 32));
    }

    [Fact]
    public void The_limit_is_for_one_event_and_not_for_the_stream()
    {
        var stream = Encoding.UTF8.GetBytes(string.Concat(Enumerable.Repeat("data: 0123456789\n\n", 100)));

        Assert.Equal(100, Parse(stream, maxEventBytes: 32).Count);
    }

    [Theory]
    [InlineData("openai/text.sse")]
    [InlineData("openai/tools-interleaved.sse")]
    [InlineData("anthropic/tools.sse")]
    [InlineData("anthropic/thinking.sse")]
    public void Every_cut_of_a_stream_gives_the_same_events(string file)
    {
        var lineFeeds = WireFiles.Read(file);
        var carriageReturns = Encoding.UTF8.GetBytes(Encoding.UTF8.GetString(lineFeeds).Replace("\n", "\r\n", StringComparison.Ordinal));
        var whole = Parse(lineFeeds);

        for (var cut = 0; cut <= carriageReturns.Length; cut++)
        {
            Assert.Equal(whole, Parse(carriageReturns, cuts: [cut]));
        }

        Seeds.ForAll(random =>
        {
            var cuts = Enumerable.Range(0, random.Next(1, 200)).Select(_ => random.Next(lineFeeds.Length)).Order().ToArray();
            Assert.Equal(whole, Parse(lineFeeds, cuts: cuts));
        });
    }

    [Fact]
    public void Any_bytes_are_read_without_an_exception_other_than_its_own()
    {
        Seeds.ForAll(random =>
        {
            var alphabet = "data: \r\n\r\nevent:\u00e9\ud83d\ude00{}x"u8.ToArray();
            var stream = new byte[random.Next(2000)];
            for (var i = 0; i < stream.Length; i++)
            {
                stream[i] = random.Next(4) == 0 ? (byte)random.Next(256) : alphabet[random.Next(alphabet.Length)];
            }

            var cuts = Enumerable.Range(0, 5).Select(_ => random.Next(stream.Length + 1)).Order().ToArray();
            try
            {
                Assert.Equal(Parse(stream, 500), Parse(stream, 500, cuts));
            }
            catch (SseEventTooLargeException)
            {
                // the limit was met
            }
        });
    }

    [Fact]
    public void Reading_events_allocates_nothing_once_the_buffers_have_grown()
    {
        using var parser = new SseParser();
        var stream = WireFiles.Read("anthropic/text.sse");
        ReadAll(parser, stream);

        Assert.Equal(0, Allocations.Of(() => ReadAll(parser, stream)));
    }

    private static void ReadAll(SseParser parser, byte[] stream)
    {
        parser.Append(stream);
        while (parser.TryRead(out _))
        {
        }
    }

    private static List<string> Parse(byte[] stream, int maxEventBytes = 1 << 20, params int[] cuts)
    {
        using var parser = new SseParser(maxEventBytes);
        var events = new List<string>();
        var from = 0;
        foreach (var to in (IEnumerable<int>)[.. cuts, stream.Length])
        {
            parser.Append(stream.AsSpan(from, to - from));
            from = to;
            while (parser.TryRead(out var e))
            {
                events.Add($"{Encoding.UTF8.GetString(e.Name)}|{Encoding.UTF8.GetString(e.Data)}");
            }
        }

        return events;
    }
}

using System.Text;
using Gatehouse.Gateway.Providers.Bedrock;
using Gatehouse.Gateway.Streaming;
using Gatehouse.Gateway.Tests.Wire;

namespace Gatehouse.Gateway.Tests.Providers.Bedrock;

public sealed class EventStreamParserTests
{
    [Theory] // as AWS's own codec writes them
    [InlineData("000000800000005251a15f230d3a6d6573736167652d747970650700056576656e740b3a6576656e742d7479706507000c6d65737361676553746172740d3a636f6e74656e742d747970650700106170706c69636174696f6e2f6a736f6e7b2270223a22616263222c22726f6c65223a22617373697374616e74227d914e9fd2",
        "|{\"messageStart\":{\"p\":\"abc\",\"role\":\"assistant\"}}")]
    [InlineData("0000007400000062cacc99120d3a6d6573736167652d747970650700056576656e740b3a6576656e742d7479706507000178016100016201016302ff01640300020165040000000301670800000000000000000168090102030405060708090a0b0c0d0e0f1001690600030102037b7d63075002",
        "|{\"x\":{}}")]
    [InlineData("0000008e00000061514180540d3a6d6573736167652d74797065070009657863657074696f6e0f3a657863657074696f6e2d747970650700137468726f74746c696e67457863657074696f6e0d3a636f6e74656e742d747970650700106170706c69636174696f6e2f6a736f6e7b226d657373616765223a22546f6f206d616e7920746f6b656e73227d0b14bfe6",
        "error|{\"throttlingException\":{\"message\":\"Too many tokens\"}}")]
    [InlineData("0000006900000059e3b723050d3a6d6573736167652d747970650700056572726f720b3a6572726f722d636f646507000f496e7465726e616c4661696c7572650e3a6572726f722d6d657373616765070013416e2022696e7465726e616c22206572726f727cbf18bb",
        "error|{\"InternalFailure\":{\"message\":\"An \\\"internal\\\" error\"}}")]
    public void Reads_what_AWS_writes(string hex, string expected) => Assert.Equal([expected], Parse(Convert.FromHexString(hex)));

    [Fact]
    public void A_message_without_a_type_is_passed_over() => Assert.Empty(Parse(Convert.FromHexString("000000100000000005c248eb7d98c8ff")));

    [Fact]
    public void Any_split_gives_the_same_events()
    {
        var stream = EventStreamFrames.Encode(Encoding.UTF8.GetString(WireFiles.Read("bedrock/tools.events")));
        var whole = Parse(stream);

        Assert.True(whole.Count > 10);
        for (var cut = 0; cut <= stream.Length; cut++)
        {
            Assert.Equal(whole, Parse(stream, cut));
        }

        Seeds.ForAll(
            random => Assert.Equal(
                whole, Parse(stream, [.. Enumerable.Range(0, random.Next(1, 300)).Select(_ => random.Next(stream.Length)).Order()])));
    }

    [Fact]
    public void A_changed_byte_never_becomes_an_event()
    {
        var stream = EventStreamFrames.Encode("{\"contentBlockDelta\":{\"contentBlockIndex\":0,\"delta\":{\"text\":\"Hello\"}}}");
        for (var at = 0; at < stream.Length; at++)
        {
            for (var bit = 0; bit < 8; bit++)
            {
                var broken = stream.ToArray();
                broken[at] ^= (byte)(1 << bit);

                Assert.Throws<FormatException>(() => Parse(broken));
            }
        }
    }

    [Fact]
    public void Garbage_is_refused_or_waited_for_and_nothing_else() => Seeds.ForAll(random =>
    {
        var bytes = new byte[random.Next(200)];
        random.NextBytes(bytes);
        if (random.Next(2) == 0)
        {
            bytes = [.. EventStreamFrames.Frame([(":message-type", "event"), (":event-type", "x")], "{}").AsSpan(0, random.Next(1, 40)),
                .. bytes];
        }

        try
        {
            Assert.Empty(Parse(bytes));
        }
        catch (FormatException)
        {
            // that is the answer to garbage
        }
    });

    [Fact]
    public void Lengths_that_contradict_each_other_are_refused_though_their_checksum_is_right()
    {
        foreach (var (total, head) in new (uint, uint)[] { (15, 0), (16, 1), (uint.MaxValue / 2, 0), (100, uint.MaxValue) })
        {
            var bytes = new byte[64];
            System.Buffers.Binary.BinaryPrimitives.WriteUInt32BigEndian(bytes, total);
            System.Buffers.Binary.BinaryPrimitives.WriteUInt32BigEndian(bytes.AsSpan(4), head);
            System.Buffers.Binary.BinaryPrimitives.WriteUInt32BigEndian(bytes.AsSpan(8), Crc32.Of(bytes.AsSpan(0, 8)));

            Assert.True(Record.Exception(() => Parse(bytes)) is FormatException or SseEventTooLargeException, $"{total} {head}");
        }
    }

    [Theory]
    [InlineData("message-type")]
    [InlineData("not a \"name\"")]
    public void A_kind_that_is_no_name_is_refused(string kind) =>
        Assert.Throws<FormatException>(() => Parse(EventStreamFrames.Frame([(":message-type", "event"), (":event-type", kind)], "{}")));

    private static List<string> Parse(byte[] stream, params int[] cuts)
    {
        using var parser = new EventStreamParser();
        var events = new List<string>();
        var from = 0;
        foreach (var cut in cuts.Append(stream.Length))
        {
            parser.Append(stream.AsSpan(from, cut - from));
            from = cut;
            while (parser.TryRead(out var e))
            {
                events.Add($"{Encoding.UTF8.GetString(e.Name)}|{Encoding.UTF8.GetString(e.Data)}");
            }
        }

        parser.Complete();
        Assert.False(parser.TryRead(out _));
        return events;
    }
}

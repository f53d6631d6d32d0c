using System.Text;
using Gatehouse.Gateway.Providers.Bedrock;
using Gatehouse.Gateway.Providers.Connections;
using Gatehouse.Gateway.Streaming;
using Gatehouse.Gateway.Tests.Wire;

namespace Gatehouse.Gateway.Tests.Fuzzing;

/// <summary>What cuts bytes into events and answers: the same however they are cut, and nothing thrown but what it says.</summary>
public sealed class ParserFuzzTests
{
    private static readonly byte[][] Streams = [.. FuzzFiles.Of("*.sse").Select(f => f.Content)];
    private static readonly byte[][] Frames = [.. FuzzFiles.Of("*.events").Select(f => f.Content)];

    [Fact]
    public void Server_sent_events() => Fuzz.Run(
        random => new Mutator(random).Bytes(Pick(random, Streams), Pick(random, Streams)),
        (random, input) => Same(random, input, static () => new SseParser(2048)));

    [Fact]
    public void Event_stream_frames() => Fuzz.Run(
        random => random.Next(2) == 0
            ? new Mutator(random).Bytes(EventStreamFrames.Encode(Encoding.UTF8.GetString(Pick(random, Frames))), [1, 2, 3])
            : Framed(random),
        (random, input) => Same(random, input, static () => new EventStreamParser(2048)));

    [Fact]
    public void Heads_of_answers()
    {
        byte[][] seeds =
        [
            [.. "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\nConnection: keep-alive\r\n\r\n{}"u8],
            [.. "HTTP/1.0 429 Slow down\r\nRetry-After: 7\r\nTransfer-Encoding: chunked\r\nx-a:b\r\n\r\n"u8],
            [.. "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n"u8],
        ];
        Fuzz.Run(
            random => new Mutator(random).Bytes(Pick(random, seeds), Pick(random, seeds)),
            (random, input) =>
            {
                var (whole, cut) = (Head(input, input.Length), Head(input, random.Next(1, 8)));
                Assert.Equal(whole, cut);
            });
    }

    [Fact]
    public void Bodies_in_chunks()
    {
        byte[] seed = [.. "5\r\nhello\r\n1a;ext=1\r\nabcdefghijklmnopqrstuvwxyz\r\n0\r\nTrailer: x\r\n\r\n"u8];
        Fuzz.Run(
            random => new Mutator(random).Bytes(seed, seed),
            (random, input) => Assert.Equal(Body(input, input.Length), Body(input, random.Next(1, 8))));
    }

    private static byte[] Framed(Random random)
    {
        var lines = Encoding.UTF8.GetString(Pick(random, Frames)).Split('\n', StringSplitOptions.RemoveEmptyEntries);
        return
        [
            .. lines.Where(_ => random.Next(5) > 0).SelectMany(line => EventStreamFrames.Frame(
                random.Next(6) == 0 ? [(":message-type", "exception"), (":exception-type", line[..Math.Min(9, line.Length)])]
                    : [(":message-type", "event"), (":event-type", "contentBlockDelta")],
                random.Next(3) == 0 ? Encoding.UTF8.GetString(new Mutator(random).Bytes(Encoding.UTF8.GetBytes(line), [])) : line)),
        ];
    }

    private static void Same(Random random, byte[] input, Func<IEventParser> parser)
    {
        var cuts = Enumerable.Range(0, random.Next(1, 20)).Select(_ => random.Next(input.Length + 1)).Order().ToArray();
        Assert.Equal(Events(parser(), input, []), Events(parser(), input, cuts));
    }

    private static List<string> Events(IEventParser parser, byte[] input, int[] cuts)
    {
        var events = new List<string>();
        using (parser)
        {
            try
            {
                var from = 0;
                foreach (var cut in cuts.Append(input.Length))
                {
                    parser.Append(input.AsSpan(from, cut - from));
                    from = cut;
                    Read(parser, events);
                }

                parser.Complete();
                Read(parser, events);
            }
            catch (Exception e) when (e is FormatException or SseEventTooLargeException)
            {
                events.Add("refused");
            }
        }

        return events;
    }

    private static void Read(IEventParser parser, List<string> into)
    {
        while (parser.TryRead(out var e))
        {
            into.Add($"{Encoding.Latin1.GetString(e.Name)}|{Encoding.Latin1.GetString(e.Data)}");
        }
    }

    private static string Head(byte[] input, int piece)
    {
        var head = new AnswerHead();
        try
        {
            for (var length = Math.Min(piece, input.Length); ; length = Math.Min(length + piece, input.Length))
            {
                if (head.TryRead(input.AsSpan(0, length)))
                {
                    var fields = input.AsSpan(head.FieldsStart, head.Bytes - head.FieldsStart);
                    ReadOnlySpan<byte> rest = fields;
                    var count = 0;
                    while (AnswerHead.TryNext(ref rest, out _, out _))
                    {
                        count++;
                    }

                    return $"{head.Status} {head.End} {head.Length} {head.KeepsAlive} {head.Bytes} {count}";
                }

                if (length == input.Length)
                {
                    return "more";
                }
            }
        }
        catch (FormatException)
        {
            return "refused";
        }
    }

    private static string Body(byte[] input, int piece)
    {
        var (body, data, from, to) = (new ChunkedBody(), new StringBuilder(), 0, Math.Min(piece, input.Length));
        try
        {
            while (!body.IsOver)
            {
                var before = from;
                if (body.Data > 0)
                {
                    var count = (int)Math.Min(body.Data, to - from);
                    data.Append(Encoding.Latin1.GetString(input, from, count));
                    body.TakeData(count);
                    from += count;
                }
                else
                {
                    from += body.TakeFraming(input.AsSpan(from, to - from));
                }

                if (from == before && to == input.Length)
                {
                    break;
                }

                to = from == before ? Math.Min(to + piece, input.Length) : to;
            }
        }
        catch (IOException)
        {
            return $"{data}|refused";
        }

        return $"{data}|{body.IsOver}";
    }

    private static byte[] Pick(Random random, byte[][] of) => of[random.Next(of.Length)];
}

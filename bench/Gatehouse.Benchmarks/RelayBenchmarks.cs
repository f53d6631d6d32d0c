using System.Text;
using BenchmarkDotNet.Attributes;
using Gatehouse.Gateway.Chat;
using Gatehouse.Gateway.Providers.OpenAi;
using Gatehouse.Gateway.Streaming;

namespace Gatehouse.Benchmarks;

/// <summary>A piece of a stream on its way from the provider to the client, in the same wire format.</summary>
[MemoryDiagnoser]
public class RelayBenchmarks : IDisposable
{
    private const string Piece =
        """data: {"id":"chatcmpl-bench","object":"chat.completion.chunk","created":1790000000,"model":"m","choices":[{"index":0,"delta":{"content":"Another piece of the answer, as long as such pieces mostly are."},"finish_reason":null}]}""";

    private readonly byte[] _piece = Encoding.UTF8.GetBytes(Piece + "\n\n");
    private readonly PooledBuffer _events = new();
    private readonly EventPump _pump = new(
        new OpenAiTap(), new PassThroughRelay(ChatSurface.Instance, wantsAccounts: true), new SseParser());

    [Benchmark]
    public int Chunk()
    {
        _ = _pump.Take(_piece, _events);
        var length = _events.Length;
        _events.Clear();
        return length;
    }

    public void Dispose()
    {
        _pump.Dispose();
        _events.Dispose();
        GC.SuppressFinalize(this);
    }
}

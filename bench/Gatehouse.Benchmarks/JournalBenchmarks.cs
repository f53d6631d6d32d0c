using BenchmarkDotNet.Attributes;
using Gatehouse.Contracts;
using Gatehouse.Gateway.Journal;

namespace Gatehouse.Benchmarks;

/// <summary>
/// A call's record, written to the memory that the kernel writes to disk. Read records are given back, as the ledger does.
/// </summary>
[MemoryDiagnoser]
public class JournalBenchmarks : IDisposable
{
    private const int ReadEvery = 1000;

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("gatehouse-bench-");
    private readonly List<CallRecord> _read = [];
    private readonly CallRecord _record = new()
    {
        Id = Guid.CreateVersion7(),
        RequestId = "req_0199bd0e5a7c7d3e8f1a2b3c4d5e6f70",
        TraceId = "0199bd0e5a7c7d3e8f1a2b3c4d5e6f70",
        SpanId = "0199bd0e5a7c7d3e",
        Surface = "chat",
        Route = "bench",
        Provider = "bench",
        Model = "bench-model",
        Status = 200,
        Usage = new TokenUsage(230, 0, 0, 0, 180, 0),
        Attempts = [new CallAttempt("bench", "bench-model", 1, 2, 3, 4, 200, null, null)],
    };

    private CallJournal? _journal;
    private JournalPosition _position;
    private int _appended;

    [GlobalSetup]
    public void SetUp() => _journal = CallJournal.Open(new CallJournalOptions { Directory = _folder.FullName });

    [Benchmark]
    public void Append()
    {
        _journal!.Append(_record);
        if (++_appended % ReadEvery == 0)
        {
            while (_journal.TryRead(ref _position, _read, ReadEvery))
            {
                _read.Clear();
            }

            _journal.Release(_position);
        }
    }

    [GlobalCleanup]
    public void Dispose()
    {
        _journal?.Dispose();
        _journal = null;
        if (_folder.Exists)
        {
            _folder.Delete(recursive: true);
            _folder.Refresh();
        }

        GC.SuppressFinalize(this);
    }
}

using System.Buffers;
using Gatehouse.Contracts;
using Gatehouse.Gateway.Conversation;
using Gatehouse.Gateway.Streaming;

namespace Gatehouse.Gateway.Responses;

/// <summary>
/// A response that is made while nobody waits for it: a call of its own whose events are gathered here. Written by one task, read by any
/// number of clients.
/// </summary>
/// <param name="keepsEvents">Clients may come back for the events.</param>
#pragma warning disable CA1001 // Whoever found the run may stop it at any time, also when it has ended; the parser goes with its end.
internal sealed class BackgroundRun(string id, string? previousId, byte[] queued, bool keepsEvents, int maxBytes)
#pragma warning restore CA1001
{
    private readonly Lock _lock = new();
    private readonly SseParser _parser = new();
    private readonly List<byte[]> _events = [];
    private TaskCompletionSource _changed = NewSignal();
    private volatile byte[] _response = queued;
    private int _sequence;
    private long _bytes;
    private bool _ended;

    public string Id => id;

    public bool KeepsEvents => keepsEvents;

    public string? PreviousId => previousId;

    /// <summary>Ends the call.</summary>
    public CancellationTokenSource Stop { get; } = new();

    /// <summary>The <c>response</c> as the last event that had one has it.</summary>
    public byte[] Response => _response;

    /// <summary>The message of an error that came in place of a last response, or <see langword="null"/>.</summary>
    public (string Code, string Message)? Error { get; private set; }

    /// <summary>Ends when the run has.</summary>
    public TaskCompletionSource Ended { get; } = NewSignal();

    /// <summary>
    /// Gives the run its place and keeps the response as queued, once budgets and limits let the call through; says why not.
    /// </summary>
    public Func<Problem?> Begin { get; set; } = static () => null;

    /// <summary>Whether the call was let through; ends when that is known.</summary>
    public TaskCompletionSource<bool> Admission { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>The call was let through.</summary>
    public Problem? Admit()
    {
        var problem = Begin();
        if (problem is null)
        {
            Admission.TrySetResult(true);
        }

        return problem;
    }

    /// <summary>Asks the call to end; nothing happens when it has.</summary>
    public Task CancelAsync() => Stop.CancelAsync();

    /// <summary>Takes bytes of the stream of events.</summary>
    public void Take(ReadOnlySpan<byte> bytes)
    {
        _parser.Append(bytes);
        while (_parser.TryRead(out var e))
        {
            if (!e.Data.IsEmpty)
            {
                Take(e);
            }
        }
    }

    /// <summary>Nothing more comes; what is here can be kept.</summary>
    /// <param name="last">The response as it stays.</param>
    /// <param name="isUntold">It has failed, and no event has said so.</param>
    public void Close(byte[] last, bool isUntold)
    {
        lock (_lock)
        {
            if (isUntold && keepsEvents)
            {
                _events.Add(Failed(last, _sequence));
            }

            _response = last;
        }
    }

    /// <summary>Lets go whoever waits. Nothing may be taken any more.</summary>
    public void End()
    {
        TaskCompletionSource changed;
        lock (_lock)
        {
            _ended = true;
            changed = _changed;
        }

        _parser.Dispose();
        changed.TrySetResult();
        Ended.TrySetResult();
    }

    /// <summary>Everything that was sent, as it was sent.</summary>
    public byte[] Events()
    {
        lock (_lock)
        {
            return [.. _events.SelectMany(e => e)];
        }
    }

    /// <summary>Hands over the events behind a number, and those that come, until the run has ended.</summary>
    /// <param name="after">-1 for all of them.</param>
    public async IAsyncEnumerable<byte[]> FollowAsync(int after, [System.Runtime.CompilerServices.EnumeratorCancellation]
        CancellationToken ct)
    {
        for (var next = after + 1; ;)
        {
            byte[][] events;
            Task changed;
            bool ended;
            lock (_lock)
            {
                events = next < _events.Count ? [.. _events.Skip(next)] : [];
                (changed, ended) = (_changed.Task, _ended);
            }

            foreach (var e in events)
            {
                yield return e;
            }

            next += events.Length;
            if (ended)
            {
                yield break;
            }

            await changed.WaitAsync(ct);
        }
    }

    private static byte[] Failed(byte[] response, int sequence)
    {
        var to = new ArrayBufferWriter<byte>(response.Length + 128);
        using (var json = JsonOut.Begin(to))
        {
            json.WriteStartObject();
            json.WriteString("type", "response.failed");
            json.WriteNumber("sequence_number", sequence);
            json.WritePropertyName("response");
            json.WriteRawValue(response, skipInputValidation: true);
            json.WriteEndObject();
        }

        return Event("response.failed"u8, to.WrittenSpan);
    }

    private static byte[] Event(ReadOnlySpan<byte> name, ReadOnlySpan<byte> data)
    {
        byte[] line = [.. "event: "u8, .. name, .. "\ndata: "u8, .. data, .. "\n\n"u8];
        line.AsSpan(name.Length + "event: \ndata: ".Length, data.Length).Replace((byte)'\n', (byte)' '); // between tokens: white space
        return line;
    }

    private static TaskCompletionSource NewSignal() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    private void Take(in SseEvent e)
    {
        var json = WireJson.ParseAnswer(e.Data);
        var hasResponse = WireJson.TryGet(json, "response", out var response);
        TaskCompletionSource changed;
        lock (_lock)
        {
            if (hasResponse)
            {
                _response = System.Text.Encoding.UTF8.GetBytes(response.GetRawText());
            }
            else if (WireJson.StringOrNull(json, "type") == "error")
            {
                Error = (WireJson.StringOrEmpty(json, "code"), WireJson.StringOrEmpty(json, "message"));
            }

            _sequence++;
            _bytes += e.Data.Length;
            if (keepsEvents && _bytes <= maxBytes)
            {
                _events.Add(Event(e.Name, e.Data));
            }

            changed = _changed;
            _changed = NewSignal();
        }

        changed.SetResult();
    }
}

/// <summary>The response body of a background run's call: bytes go to the run.</summary>
internal sealed class BackgroundSink(BackgroundRun run) : Stream
{
    private readonly ArrayBufferWriter<byte> _whole = new();

    /// <summary>Set when the answer turns out to be no stream but an error.</summary>
    public Func<bool> IsStream { get; set; } = static () => true;

    /// <summary>The answer that is no stream.</summary>
    public ReadOnlySpan<byte> Whole => _whole.WrittenSpan;

    public override bool CanRead => false;

    public override bool CanSeek => false;

    public override bool CanWrite => true;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    public override void Write(ReadOnlySpan<byte> buffer)
    {
        if (IsStream())
        {
            run.Take(buffer);
        }
        else
        {
            _whole.Write(buffer);
        }
    }

    public override void Write(byte[] buffer, int offset, int count) => Write(buffer.AsSpan(offset, count));

    public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        Write(buffer.Span);
        return ValueTask.CompletedTask;
    }

    public override Task WriteAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken)
    {
        Write(buffer.AsSpan(offset, count));
        return Task.CompletedTask;
    }

    public override void Flush()
    {
    }

    public override Task FlushAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();
}

using System.IO.Pipelines;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace Gatehouse.Gateway.Tests.Calls;

/// <summary>A client that takes no byte while the gate is closed: what Kestrel would send it stays with Kestrel.</summary>
internal sealed class ClientGate
{
    private readonly TaskCompletionSource _waiting = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private volatile TaskCompletionSource _open = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public ClientGate(bool isOpen = false)
    {
        if (isOpen)
        {
            Open();
        }
    }

    /// <summary>Completes when the gateway waits for the client.</summary>
    public Task Waiting => _waiting.Task;

    public void Open() => _open.SetResult();

    public void Close() => _open = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);

    public void Listen(ListenOptions options) => options.Use(next => connection =>
    {
        connection.Transport = new Transport(connection.Transport.Input, new Writer(connection.Transport.Output, this));
        return next(connection);
    });

    private sealed record Transport(PipeReader Input, PipeWriter Output) : IDuplexPipe;

    private sealed class Writer(PipeWriter inner, ClientGate gate) : PipeWriter
    {
        public override bool CanGetUnflushedBytes => inner.CanGetUnflushedBytes;

        public override long UnflushedBytes => inner.UnflushedBytes;

        public override void Advance(int bytes) => inner.Advance(bytes);

        public override Memory<byte> GetMemory(int sizeHint = 0) => inner.GetMemory(sizeHint);

        public override Span<byte> GetSpan(int sizeHint = 0) => inner.GetSpan(sizeHint);

        public override void CancelPendingFlush() => inner.CancelPendingFlush();

        public override void Complete(Exception? exception = null) => inner.Complete(exception);

        public override async ValueTask<FlushResult> FlushAsync(CancellationToken cancellationToken = default)
        {
            var open = gate._open.Task;
            if (!open.IsCompleted)
            {
                gate._waiting.TrySetResult();
            }

            await open;
            return await inner.FlushAsync(cancellationToken);
        }
    }
}

using System.Text;
using Microsoft.AspNetCore.Http;

namespace Gatehouse.Gateway.Providers.Connections;

/// <summary>An answer as it comes over a connection, which goes back to its pool, or is closed, when the answer is disposed.</summary>
internal sealed class HttpAnswer(UpstreamConnection connection, ConnectionPool pool) : UpstreamAnswer
{
    /// <summary>Enough for a stream's last chunk; an abandoned answer is not paid to the end.</summary>
    private static readonly TimeSpan DrainTime = TimeSpan.FromMilliseconds(100);

    private const int MaxDrainedBytes = 16 << 10;

    private UpstreamConnection? _connection = connection;
    private AnswerBody? _body;

    public override int Status { get; } = connection.Status;

    public override Stream Body => _body ??= new AnswerBody(this);

    private UpstreamConnection Connection => _connection ?? throw new ObjectDisposedException(nameof(HttpAnswer));

    public override string? Header(string name)
    {
        string? found = null;
        var fields = Connection.Fields;
        while (AnswerHead.TryNext(ref fields, out var field, out var value))
        {
            if (Ascii.EqualsIgnoreCase(field, name))
            {
                found = found is null ? Encoding.Latin1.GetString(value) : $"{found}, {Encoding.Latin1.GetString(value)}";
            }
        }

        return found;
    }

    public override void PassHeaders(IHeaderDictionary to)
    {
        var fields = Connection.Fields;
        while (AnswerHead.TryNext(ref fields, out var field, out var value))
        {
            if (PassedHeaders.Includes(field) && !value.ContainsAnyExceptInRange((byte)' ', (byte)'~'))
            {
                to.Append(Encoding.ASCII.GetString(field), Encoding.ASCII.GetString(value));
            }
        }
    }

    public override ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _connection, null) is { } connection)
        {
            if (!connection.TrySkip() && connection.IsNearlyOver)
            {
                _ = DrainAsync(connection);
            }
            else
            {
                pool.Return(connection);
            }
        }

        return ValueTask.CompletedTask;
    }

    /// <summary>Nobody waits for it: the end of a stream's body mostly comes just behind its last event.</summary>
    private async Task DrainAsync(UpstreamConnection connection)
    {
        try
        {
            using var time = new CancellationTokenSource(DrainTime);
            var into = new byte[1024];
            for (var left = MaxDrainedBytes; left > 0;)
            {
                var read = await connection.ReadBodyAsync(into, time.Token);
                left -= read;
                if (read == 0)
                {
                    break;
                }
            }
        }
        catch (Exception e) when (e is IOException or OperationCanceledException or ObjectDisposedException)
        {
            connection.Dispose();
            return;
        }

        pool.Return(connection);
    }

    private sealed class AnswerBody(HttpAnswer answer) : Stream
    {
        public override bool CanRead => true;

        public override bool CanSeek => false;

        public override bool CanWrite => false;

        public override long Length => throw new NotSupportedException();

        public override long Position
        {
            get => throw new NotSupportedException();
            set => throw new NotSupportedException();
        }

        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) =>
            answer.Connection.ReadBodyAsync(buffer, cancellationToken);

        public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
            ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

        public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException("Nothing may block here.");

        public override void Flush()
        {
        }

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
    }
}

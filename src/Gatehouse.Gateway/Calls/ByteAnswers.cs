using System.Buffers;
using System.Runtime.CompilerServices;
using Gatehouse.Contracts;
using Gatehouse.Gateway.Media;
using Gatehouse.Gateway.Providers;
using Gatehouse.Gateway.Scheduling;
using Gatehouse.Gateway.Streaming;
using Microsoft.AspNetCore.Http;

namespace Gatehouse.Gateway.Calls;

/// <summary>
/// Carries an answer that is nothing but bytes. One piece is held back, so that the call is settled before the last bytes leave; until a
/// second one came, another target may still take over. An answer that breaks off later breaks the client's connection: there is no place
/// for words within it.
/// </summary>
internal sealed class ByteAnswers(Settlement settlement)
{
    private const int ReadBytes = 16 << 10;

    [AsyncMethodBuilder(typeof(KeptStateBuilder<>))]
    public async ValueTask<AttemptFailure?> SendAsync(Call call, Attempt attempt, UpstreamAnswer answer, Deadline deadline)
    {
        using var held = new PooledBuffer(ReadBytes);
        var chunk = ArrayPool<byte>.Shared.Rent(ReadBytes);
        try
        {
            int read;
            while ((read = await call.WaitAsync(answer.Body.ReadAsync(chunk, deadline.Token))) > 0)
            {
                attempt.FirstByteMicros ??= call.Micros;
                attempt.ReceivedBytes += read;
                if (attempt.ReceivedBytes > call.Table.MaxAnswerBytes)
                {
                    return Failures.Garbage(attempt, "it is larger than the limit of this installation.");
                }

                if (held.Length > 0)
                {
                    deadline.Stop(); // the client's time is not the provider's
                    ClientAnswer.WriteBytes(call, attempt, answer, held.Span);
                    await ClientAnswer.FlushAsync(call);
                    call.Aborted.ThrowIfCancellationRequested();
                    held.Clear();
                }

                held.Write(chunk.AsSpan(0, read));
                deadline.Restart(call.Route.IdleTimeout);
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(chunk);
        }

        if (held.Length == 0)
        {
            return Failures.Garbage(attempt, "it is empty.");
        }

        (attempt.Tap as MediaTap)?.ReadBytes();
        if (!settlement.TrySettle(call, CallOutcome.Ok, StatusCodes.Status200OK))
        {
            return Failures.JournalFull();
        }

        ClientAnswer.WriteBytes(call, attempt, answer, held.Span);
        return null;
    }
}

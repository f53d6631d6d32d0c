using System.IO.Pipelines;
using System.Runtime.CompilerServices;
using Gatehouse.Contracts;
using Gatehouse.Gateway.Routing;
using Gatehouse.Gateway.Scheduling;
using Gatehouse.Gateway.Streaming;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace Gatehouse.Gateway.Calls;

/// <summary>
/// Reads a request's body into a pooled buffer, bounded. Kestrel bounds how slowly it may come on the whole; that a large one came fast
/// until it stopped is bounded here.
/// </summary>
internal static class RequestBody
{
    /// <summary>So long may a client that has sent much be silent.</summary>
    private static readonly TimeSpan LongestSilence = TimeSpan.FromSeconds(30);

    private static readonly TimeSpan Longest = TimeSpan.FromHours(1);

    private static readonly Problem TooSlow = new("request_timeout", 408, "The body came too slowly.");

    /// <summary>Who has sent so much is believed what the header says of the whole.</summary>
    private const int BelievedFrom = 64 << 10;

    /// <summary>How many times what came is made room for at most.</summary>
    private const int Believed = 4;

    /// <param name="call">Whose own time does not pass while the client is waited for.</param>
    /// <returns><see langword="null"/> when the whole body is there.</returns>
    /// <exception cref="IOException">The client went away.</exception>
    /// <exception cref="OperationCanceledException">The client went away.</exception>
    [AsyncMethodBuilder(typeof(KeptStateBuilder<>))]
    public static async ValueTask<Problem?> ReadAsync(
        HttpContext http, GatewayTable table, PooledBuffer into, TimeProvider clock, Call? call = null)
    {
        var (request, maxBytes) = (http.Request, table.MaxBodyBytes);
        if (request.Headers.ContentEncoding.Count > 0 && request.Headers.ContentEncoding != "identity")
        {
            return new Problem("unsupported_encoding", 415, "Send the body uncompressed: no 'content-encoding' is accepted.");
        }

        if (request.ContentLength > maxBytes)
        {
            return TooLarge(maxBytes);
        }

        LiftLimit(http); // ours is counted below, and answered in the caller's format

        Deadline? deadline = null;
        CancellationTokenRegistration silent = default;
        try
        {
            var reader = request.BodyReader;
            while (true)
            {
                var pending = reader.ReadAsync(CancellationToken.None);
                var result = pending.IsCompletedSuccessfully ? pending.Result
                    : call is not null ? await call.WaitAsync(pending)
                    : await pending;
                if (result.IsCanceled)
                {
                    reader.AdvanceTo(result.Buffer.Start);
                    return TooSlow;
                }

                if (into.Length + result.Buffer.Length > maxBytes)
                {
                    reader.AdvanceTo(result.Buffer.Start);
                    return TooLarge(maxBytes);
                }

                var length = into.Length + (int)result.Buffer.Length;
                if (deadline is not null)
                {
                    deadline.Restart(LongestSilence);
                }
                else if (length >= BelievedFrom && !result.IsCompleted)
                {
                    // Not by a token of the read: Kestrel could not read the rest, and would call that a mistake in the log.
                    deadline = Deadline.Begin(LongestSilence, Longest, clock, CancellationToken.None);
                    silent = deadline.Token.UnsafeRegister(static reader => ((PipeReader)reader!).CancelPendingRead(), reader);
                }

                // Believed as far as it came true: who announces much and sends little is not to have the memory.
                var room = length > BelievedFrom && request.ContentLength is { } whole ? Math.Min(whole, (long)Believed * length) : length;
                if (length > into.Capacity && BodyMemory.Reserve(into, (int)room, table) is { } full)
                {
                    reader.AdvanceTo(result.Buffer.Start);
                    return full;
                }

                foreach (var segment in result.Buffer)
                {
                    into.Write(segment.Span);
                }

                reader.AdvanceTo(result.Buffer.End);
                if (result.IsCompleted)
                {
                    return null;
                }
            }
        }
        catch (BadHttpRequestException e)
        {
            return e.StatusCode == StatusCodes.Status408RequestTimeout
                ? TooSlow
                : Malformed with { Status = e.StatusCode };
        }
        catch (IOException e) when (IsChunkTooLarge(e))
        {
            return Malformed;
        }
        finally
        {
            silent.Dispose();
            deadline?.Dispose();
        }
    }

    /// <summary>The server's own limit is lifted; whoever reads counts.</summary>
    public static void LiftLimit(HttpContext http)
    {
        if (http.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } limit)
        {
            limit.MaxRequestBodySize = null;
        }
    }

    public static Problem Malformed { get; } = new("malformed_body", 400, "The body's HTTP framing is broken or incomplete.");

    /// <summary>A chunk of 2 GiB and more is no bad request to Kestrel, but looks as if the client had gone.</summary>
    public static bool IsChunkTooLarge(IOException e) => e.InnerException is OverflowException;

    private static Problem TooLarge(int maxBytes) =>
        new("request_too_large", 413, $"The body is larger than {maxBytes} bytes, the limit of this installation.");
}

using System.Runtime.CompilerServices;
using Gatehouse.Contracts;
using Gatehouse.Gateway.Scheduling;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace Gatehouse.Gateway.Calls;

/// <summary>
/// Reads a request's body into a pooled buffer, bounded. Kestrel bounds how slowly it may come on the whole; that a large one came fast until
/// it stopped is bounded here.
/// </summary>
internal static class RequestBody
{
    /// <summary>So long may a client that has sent much be silent.</summary>
    public static readonly TimeSpan LongestSilence = TimeSpan.FromSeconds(30);

    public static readonly TimeSpan Longest = TimeSpan.FromHours(1);

    public static readonly Problem TooSlow = new("request_timeout", 408, "The body came too slowly.");

    /// <summary>Who has sent so much is believed what the header says of the whole.</summary>
    private const int BelievedFrom = 64 << 10;

    /// <summary>How many times what came is made room for at most.</summary>
    private const int Believed = 4;

    /// <returns><see langword="null"/> when the whole body is in <see cref="Call.Body"/>.</returns>
    /// <exception cref="IOException">The client went away.</exception>
    /// <exception cref="OperationCanceledException">The client went away.</exception>
    [AsyncMethodBuilder(typeof(KeptStateBuilder<>))]
    public static async ValueTask<Problem?> ReadAsync(Call call, TimeProvider clock)
    {
        var (request, maxBytes, into) = (call.Http.Request, call.Table.MaxBodyBytes, call.Body);
        if (request.Headers.ContentEncoding.Count > 0 && request.Headers.ContentEncoding != "identity")
        {
            return new Problem("unsupported_encoding", 415, "Send the body uncompressed: no 'content-encoding' is accepted.");
        }

        if (request.ContentLength > maxBytes)
        {
            return TooLarge(maxBytes);
        }

        if (call.Http.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } limit)
        {
            limit.MaxRequestBodySize = null; // ours is counted below, and answered in the caller's format
        }

        Deadline? deadline = null;
        try
        {
            var reader = request.BodyReader;
            while (true)
            {
                var pending = reader.ReadAsync(deadline?.Token ?? CancellationToken.None);
                var result = pending.IsCompletedSuccessfully ? pending.Result : await call.WaitAsync(pending);
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
                    deadline = Deadline.Begin(LongestSilence, Longest, clock, call.Aborted);
                }

                // Believed as far as it came true: who announces much and sends little is not to have the memory.
                var room = length > BelievedFrom && request.ContentLength is { } whole ? Math.Min(whole, (long)Believed * length) : length;
                if (length > into.Capacity && BodyMemory.Reserve(into, (int)room, call.Table) is { } full)
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
        catch (OperationCanceledException) when (deadline is { IsOver: true })
        {
            return TooSlow;
        }
        catch (BadHttpRequestException e)
        {
            return e.StatusCode == StatusCodes.Status408RequestTimeout
                ? TooSlow
                : new Problem("malformed_body", e.StatusCode, "The body's HTTP framing is broken or incomplete.");
        }
        finally
        {
            deadline?.Dispose();
        }
    }

    public static Problem TooLarge(int maxBytes) =>
        new("request_too_large", 413, $"The body is larger than {maxBytes} bytes, the limit of this installation.");
}

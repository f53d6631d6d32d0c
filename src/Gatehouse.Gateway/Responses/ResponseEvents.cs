using Gatehouse.Gateway.Calls;
using Microsoft.AspNetCore.Http;

namespace Gatehouse.Gateway.Responses;

/// <summary>Sends events that were made elsewhere: of a background run, under way or stored.</summary>
internal static class ResponseEvents
{
    /// <summary>Sends until the events end or the client goes away, which is no fault: the run goes on without it.</summary>
    /// <param name="events">End when the client goes away.</param>
    public static async Task SendAsync(HttpContext http, IAsyncEnumerable<byte[]> events, TimeProvider clock, CancellationToken aborted)
    {
        var response = http.Response;
        response.ContentType = "text/event-stream";
        response.Headers.CacheControl = "no-cache";
        response.Headers["x-accel-buffering"] = "no";
        try
        {
            await response.BodyWriter.FlushAsync(aborted);
            await using var each = events.GetAsyncEnumerator(aborted);
            while (true)
            {
                var next = each.MoveNextAsync().AsTask();
                while (await IsLongAsync(next, clock))
                {
                    await response.BodyWriter.WriteAsync(": keep-alive\n\n"u8.ToArray(), aborted);
                }

                if (!await next)
                {
                    return;
                }

                await response.BodyWriter.WriteAsync(each.Current, aborted);
            }
        }
        catch (Exception e) when (e is OperationCanceledException or IOException)
        {
            // the client has gone
        }
    }

    /// <summary>Splits stored events, and leaves those out that the client has.</summary>
    public static IEnumerable<byte[]> Split(ReadOnlyMemory<byte> stored, int after)
    {
        var rest = stored;
        for (var number = 0; !rest.IsEmpty; number++)
        {
            var end = rest.Span.IndexOf("\n\n"u8);
            var length = end < 0 ? rest.Length : end + 2;
            if (number > after)
            {
                yield return rest[..length].ToArray();
            }

            rest = rest[length..];
        }
    }

    private static async ValueTask<bool> IsLongAsync(Task next, TimeProvider clock)
    {
        try
        {
            await next.WaitAsync(TargetCaller.KeepAliveInterval, clock);
            return false;
        }
        catch (TimeoutException) when (!next.IsCompleted)
        {
            return true;
        }
    }
}

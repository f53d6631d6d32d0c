namespace Gatehouse.Gateway.Calls;

/// <summary>Keeps a waiting stream client company, so that neither it nor a proxy on the way takes the silence for death.</summary>
internal static class Company
{
    /// <summary>How often a waiting stream client gets a sign of life; below the idle time-outs of proxies and SDKs.</summary>
    public static readonly TimeSpan Interval = TimeSpan.FromSeconds(15);

    public static async ValueTask<T> KeepAsync<T>(Call call, ValueTask<T> pending, TimeProvider clock)
    {
        var task = pending.AsTask();
        while (true)
        {
            try
            {
                return await call.WaitAsync(new ValueTask<T>(task.WaitAsync(Interval, clock)));
            }
            catch (TimeoutException)
            {
                if (task.IsCompleted)
                {
                    return await task; // it may have come between the tick and here
                }

                await ClientAnswer.KeepAliveAsync(call);
            }
        }
    }
}

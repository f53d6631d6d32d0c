namespace Gatehouse.EndToEnd.Tests;

/// <summary>Waits for what others bring about, and fails the test when they do not.</summary>
internal static class Wait
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    /// <param name="found">What to say when it does not come true.</param>
    public static async Task UntilAsync(Func<Task<bool>> holds, Func<string>? found = null)
    {
        var began = TimeProvider.System.GetTimestamp();
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(10));
        while (!await holds())
        {
            Assert.True(TimeProvider.System.GetElapsedTime(began) < Patience, $"It did not come true in time. {found?.Invoke()}");
            await timer.WaitForNextTickAsync(Ct);
        }
    }

    public static Task UntilAsync(Func<bool> holds) => UntilAsync(() => Task.FromResult(holds()));
}

using Gatehouse.Storage;
using Microsoft.Extensions.Hosting;

namespace Gatehouse.Tests.Storage;

public sealed class DatabaseWorkerTests
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_late_worker_begins_when_it_may_and_not_with_the_host()
    {
        await using var test = await TestDatabase.CreateAsync("sqlite");
        using var inner = new Worker();
        var may = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var asked = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        using var worker = new DatabaseWorker(test.Db, inner, ct =>
        {
            asked.SetResult();
            return may.Task.WaitAsync(ct);
        });

        await worker.StartAsync(Ct);
        await asked.Task.WaitAsync(Ct);
        Assert.False(worker.HasBegun);
        may.SetResult();
        await inner.Began.WaitAsync(Ct);
        await worker.StopAsync(Ct);

        Assert.True(inner.HasEnded);
    }

    [Fact]
    public async Task A_late_worker_that_never_began_stops()
    {
        await using var test = await TestDatabase.CreateAsync("sqlite");
        using var inner = new Worker();
        using var worker = new DatabaseWorker(test.Db, inner, static ct => Task.Delay(Timeout.Infinite, ct));

        await worker.StartAsync(Ct);
        await worker.StopAsync(Ct);

        Assert.False(inner.Began.IsCompleted);
    }

    /// <summary>Its time came while it was being stopped: it began behind its end, and nobody waited for it.</summary>
    [Fact]
    public async Task A_late_worker_that_may_begin_while_it_is_stopped_does_not()
    {
        await using var test = await TestDatabase.CreateAsync("sqlite");
        using var inner = new Worker();
        var may = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        using var worker = new DatabaseWorker(test.Db, inner, ct => may.Task.WaitAsync(ct));
        inner.Stopping = may.SetResult;

        await worker.StartAsync(Ct);
        await worker.StopAsync(Ct);

        Assert.False(worker.HasBegun);
        Assert.Equal(0, inner.Times);
    }

    [Fact]
    public async Task Who_lets_go_of_the_database_begins_late_workers_too_and_once()
    {
        await using var test = await TestDatabase.CreateAsync("sqlite");
        test.Db.HoldBack();
        using var inner = new Worker();
        using var worker = new DatabaseWorker(test.Db, inner, static _ => throw new InvalidOperationException("Nobody waits for this."));

        await worker.StartAsync(Ct);
        test.Db.LetGo();
        await worker.BeginAsync(Ct);
        await inner.Began.WaitAsync(Ct);
        await worker.StopAsync(Ct);

        Assert.Equal(1, inner.Times);
    }

    private sealed class Worker : BackgroundService
    {
        private readonly TaskCompletionSource _began = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public Task Began => _began.Task;

        public int Times { get; private set; }

        public bool HasEnded { get; private set; }

        public Action? Stopping { get; set; }

        public override Task StopAsync(CancellationToken cancellationToken)
        {
            Stopping?.Invoke();
            return base.StopAsync(cancellationToken);
        }

        protected override async Task ExecuteAsync(CancellationToken stoppingToken)
        {
            Times++;
            _began.TrySetResult();
            await Task.Delay(Timeout.Infinite, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            HasEnded = true;
        }
    }
}

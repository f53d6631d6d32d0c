using System.Net;
using System.Net.Http.Headers;
using Gatehouse.Contracts;
using Gatehouse.Governance;
using Gatehouse.Tests.Host;
using Microsoft.Extensions.DependencyInjection;

namespace Gatehouse.Tests.Governance;

/// <summary>Guessing is slowed down, per account and per address.</summary>
public sealed class LockOutTests
{
    private const string Wrong = "not the password";

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Five_failures_lock_an_account_for_a_minute_even_for_the_right_password()
    {
        await using var app = await TestApp.StartAsync();
        using var admin = await app.SignInFirstAsync();
        await FailAsync(app, TestApp.AdminEmail, 5);

        using var locked = await app.Open().SignInAsync(TestApp.AdminEmail, TestApp.Password);
        app.Clock.Advance(TimeSpan.FromSeconds(59));
        var still = await app.Open().SignInAsync(TestApp.AdminEmail, TestApp.Password).ProblemAsync(HttpStatusCode.TooManyRequests);
        app.Clock.Advance(TimeSpan.FromSeconds(1));

        Assert.Equal(HttpStatusCode.TooManyRequests, locked.StatusCode);
        Assert.Equal(new RetryConditionHeaderValue(TimeSpan.FromMinutes(1)), locked.Headers.RetryAfter);
        Assert.Equal("locked", still);
        Assert.Equal(HttpStatusCode.OK, await app.Open().SignInAsync(TestApp.AdminEmail, TestApp.Password).StatusAsync());
    }

    [Fact]
    public async Task Each_further_failure_doubles_the_lock_up_to_an_hour_and_success_forgets()
    {
        await using var app = await TestApp.StartAsync();
        using var admin = await app.SignInFirstAsync();
        await FailAsync(app, TestApp.AdminEmail, 5);
        var locks = new List<TimeSpan>();

        for (var i = 0; i < 8; i++)
        {
            using var locked = await app.Open().SignInAsync(TestApp.AdminEmail, Wrong);
            locks.Add(locked.Headers.RetryAfter!.Delta!.Value);
            app.Clock.Advance(locks[^1]);
            await FailAsync(app, TestApp.AdminEmail, 1);
        }

        app.Clock.Advance(TimeSpan.FromHours(1));
        Assert.Equal([1, 2, 4, 8, 16, 32, 60, 60], locks.Select(l => l.TotalMinutes));
        Assert.Equal(HttpStatusCode.OK, await app.Open().SignInAsync(TestApp.AdminEmail, TestApp.Password).StatusAsync());
        await FailAsync(app, TestApp.AdminEmail, 4);
        Assert.Equal(HttpStatusCode.OK, await app.Open().SignInAsync(TestApp.AdminEmail, TestApp.Password).StatusAsync());
    }

    [Fact]
    public async Task An_account_that_does_not_exist_locks_like_one_that_does()
    {
        await using var app = await TestApp.StartAsync();

        await FailAsync(app, "nobody@example.org", 5);

        Assert.Equal("locked", await app.Open().SignInAsync("NOBODY@example.org ", Wrong).ProblemAsync(HttpStatusCode.TooManyRequests));
    }

    [Fact]
    public async Task An_address_that_tries_many_accounts_is_locked_for_all_and_no_other_is()
    {
        await using var app = await TestApp.StartAsync(server: "trusted_proxies: '127.0.0.1, 10.0.0.0/8'");
        using var admin = await app.SignInFirstAsync();

        for (var i = 0; i < 20; i++)
        {
            await FailAsync(app, $"guess{i}@example.org", 1, "198.51.100.1, 203.0.113.9, 10.1.2.3");
        }

        using var locked = From(app, "203.0.113.9");
        using var other = From(app, "198.51.100.1");
        Assert.Equal("locked", await locked.SignInAsync(TestApp.AdminEmail, TestApp.Password).ProblemAsync(HttpStatusCode.TooManyRequests));
        Assert.Equal(HttpStatusCode.OK, await other.SignInAsync(TestApp.AdminEmail, TestApp.Password).StatusAsync());
        app.Clock.Advance(TimeSpan.FromMinutes(1));
        Assert.Equal(HttpStatusCode.OK, await locked.SignInAsync(TestApp.AdminEmail, TestApp.Password).StatusAsync());
    }

    [Theory]
    [InlineData("")]
    [InlineData("trusted_proxies: '127.0.0.1'")]
    public async Task A_proxy_that_does_not_say_for_whom_is_never_locked(string server)
    {
        await using var app = await TestApp.StartAsync(server: server);
        using var admin = await app.SignInFirstAsync();

        for (var i = 0; i < 21; i++)
        {
            await FailAsync(app, $"guess{i}@example.org", 1);
        }

        Assert.Equal(HttpStatusCode.OK, await app.Open().SignInAsync(TestApp.AdminEmail, TestApp.Password).StatusAsync());
    }

    [Fact]
    public async Task A_locked_account_is_refused_without_a_turn_of_a_writer()
    {
        await using var app = await TestApp.StartAsync();
        await FailAsync(app, TestApp.AdminEmail, 5);

        var problem = await app.Db.TransactionAsync(
            async sql =>
            {
                await sql.ExecuteAsync($"UPDATE governance_revision SET revision = revision", Ct);
                return await app.Open().SignInAsync(TestApp.AdminEmail, Wrong).ProblemAsync(HttpStatusCode.TooManyRequests)
                    .WaitAsync(TimeSpan.FromSeconds(20), Ct);
            },
            Ct);

        Assert.Equal("locked", problem);
    }

    [Fact]
    public async Task A_flood_of_sign_ins_is_turned_away()
    {
        await using var app = await TestApp.StartAsync();
        var signIn = app.Services.GetRequiredService<SignIn>();

        var attempts = Enumerable.Range(0, 100).Select(i => signIn.TryPasswordAsync($"guess{i}@example.org", Wrong, null, Ct)).ToList();
        await Task.WhenAll(attempts).ContinueWith(_ => { }, TaskScheduler.Default);

        Assert.Contains(attempts, a => a.IsCompletedSuccessfully);
        Assert.Contains(attempts, a => a.Exception?.InnerException is ProblemException { Problem: { Code: "busy", Status: 429 } });
    }

    [Theory]
    [InlineData("sqlite")]
    [InlineData("postgres")]
    public async Task Guesses_in_parallel_gain_nothing(string kind)
    {
        await using var app = await TestApp.StartAsync(kind);
        using var admin = await app.SignInFirstAsync();

        var statuses = await Task.WhenAll(
            Enumerable.Range(0, 15).Select(_ => app.Open().SignInAsync(TestApp.AdminEmail, Wrong).StatusAsync()));

        Assert.Equal(5, statuses.Count(s => s == HttpStatusCode.Unauthorized));
        Assert.Equal(10, statuses.Count(s => s == HttpStatusCode.TooManyRequests));
    }

    /// <summary>A browser as a proxy on this machine passes it on.</summary>
    private static TestBrowser From(TestApp app, string? forwardedFor)
    {
        var browser = app.Open();
        if (forwardedFor is not null)
        {
            browser.Http.DefaultRequestHeaders.Add("X-Forwarded-For", forwardedFor);
        }

        return browser;
    }

    private static async Task FailAsync(TestApp app, string email, int times, string? forwardedFor = null)
    {
        for (var i = 0; i < times; i++)
        {
            using var browser = From(app, forwardedFor);
            Assert.Equal("sign_in_refused", await browser.SignInAsync(email, Wrong).ProblemAsync(HttpStatusCode.Unauthorized));
        }
    }
}

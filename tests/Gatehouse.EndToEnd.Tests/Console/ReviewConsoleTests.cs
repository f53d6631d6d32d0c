using System.Net.Http.Json;
using Microsoft.Playwright;
using static Microsoft.Playwright.Assertions;

namespace Gatehouse.EndToEnd.Tests.Console;

/// <summary>A Gatehouse whose policy asks people and has a breaker, and a browser.</summary>
public sealed class AskingConsole : IAsyncLifetime
{
    internal ConsoleInBrowser Console { get; } = new()
    {
        Policy = """
            name: test
            rules:
              - { name: rivals, detect: terms, terms: [ rival corp ], sides: [ input ], action: escalate, escalate: { timeout: 10m } }
            breakers:
              - { name: runaway, watch: loops, threshold: 20, window: 5m, action: stop, for: 10m }
            """,
    };

    public ValueTask InitializeAsync() => Console.InitializeAsync();

    public async ValueTask DisposeAsync()
    {
        await Console.DisposeAsync();
        if (Directory.Exists(Console.Gatehouse.Folder))
        {
            Directory.Delete(Console.Gatehouse.Folder, recursive: true);
        }
    }
}

public sealed class ReviewConsoleTests(AskingConsole asking) : IClassFixture<AskingConsole>
{
    private static LocatorAssertionsToHaveTextOptions Patiently => new() { Timeout = 30_000 };

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(1440, 900, ColorScheme.Light, "Approve: the call goes on", 200, "approved")]
    [InlineData(390, 844, ColorScheme.Dark, "Deny: the call is refused", 403, "denied")]
    public async Task A_person_sees_what_was_found_where_it_stands_and_decides(
        int width, int height, ColorScheme scheme, string act, int status, string word)
    {
        await using var watched = await asking.Console.OpenAsync(width, height, scheme);
        var page = watched.Page;
        var call = CallAsync($"Tell me: is rival corp better at {width}?");
        await page.GotoAsync("/reviews");
        var waiting = page.Locator("tr", new() { HasText = "a call waits" }).Locator("a.row-link");
        await Expect(waiting).ToHaveTextAsync("banned topic", Patiently); // the page looks again by itself
        Assert.Empty(await watched.AxeAsync());
        Assert.False(await watched.OverflowsAsync());
        await PictureAsync(page, $"reviews-{width}");

        await waiting.ClickAsync();
        await Expect(page.Locator("mark.found")).ToHaveTextAsync("rival corp");
        await Expect(page.GetByRole(AriaRole.Heading, new() { Level = 1 })).ToContainTextAsync("waits: banned topic");
        Assert.Empty(await watched.AxeAsync());
        Assert.False(await watched.OverflowsAsync());
        await PictureAsync(page, $"review-{width}");
        await page.GetByLabel("Note").FillAsync("looked at it");
        await page.GetByLabel("The finding is").SelectOptionAsync("right");
        await page.GetByRole(AriaRole.Button, new() { Name = act }).ClickAsync();

        await Expect(page.GetByRole(AriaRole.Heading, new() { Level = 1 })).ToContainTextAsync($"{ConsoleInBrowser.Email} {word} banned topic");
        Assert.Equal(status, await call);
        Assert.Empty(watched.Errors);
    }

    [Fact]
    public async Task An_incident_is_read_and_closed_with_a_note()
    {
        for (var i = 0; i < 20; i++)
        {
            await CallAsync("the same again");
        }

        await using var watched = await asking.Console.OpenAsync();
        var page = watched.Page;
        await page.GotoAsync("/incidents");
        while (await page.Locator("tbody tr").CountAsync() == 0)
        {
            await page.ReloadAsync();
        }

        await Expect(page.Locator("tbody tr").First).ToContainTextAsync("the same request or tool call came 20 times");
        Assert.Empty(await watched.AxeAsync());
        await PictureAsync(page, "incidents-1440");
        await page.GetByRole(AriaRole.Button, new() { Name = "Close", Exact = true }).First.ClickAsync();
        await page.GetByLabel("Reason, for the audit log").FillAsync("mended the loop");
        await page.Locator("dialog[open] button.primary").ClickAsync();

        await Expect(page.GetByRole(AriaRole.Heading, new() { Level = 1 })).ToHaveTextAsync("No incident is open.");
        Assert.Equal(200, await CallAsync("something else"));
        Assert.Empty(watched.Errors);
    }

    /// <summary>Pictures for whoever wants to look, where the variable says.</summary>
    private static async Task PictureAsync(IPage page, string name)
    {
        if (Environment.GetEnvironmentVariable("GATEHOUSE_PICTURES") is { Length: > 0 } folder)
        {
            await page.ScreenshotAsync(new() { Path = Path.Combine(folder, name + ".png"), FullPage = true });
        }
    }

    private async Task<int> CallAsync(string text)
    {
        using var http = asking.Console.Gatehouse.CreateClient();
        http.Timeout = TimeSpan.FromMinutes(5);
        using var response = await http.PostAsJsonAsync(
            "v1/chat/completions", new { model = "simulator", messages = new[] { new { role = "user", content = text } } }, Ct);
        return (int)response.StatusCode;
    }
}

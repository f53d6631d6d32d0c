using System.Text;
using Microsoft.Playwright;
using static Microsoft.Playwright.Assertions;

namespace Gatehouse.EndToEnd.Tests.Console;

/// <summary>What guards did, the policies and their exceptions, as people use them in a browser.</summary>
public sealed class GuardPagesTests(ConsoleInBrowser console) : IClassFixture<ConsoleInBrowser>
{
    private const string Policy = """
        name: support
        rules:
          - { name: rivals, detect: terms, terms: [ rival corp ], action: ACTION }
        tests:
          - { text: "Is Rival Corp better?", expect: EXPECT }
        """;

    [Fact]
    public async Task A_policy_is_written_checked_saved_replayed_and_rolled_back_and_what_it_finds_is_labelled()
    {
        await using var watched = await console.OpenAsync();
        var page = watched.Page;
        await page.GotoAsync("/guards/policies/new");
        var text = page.Locator("#policy-text");

        // A mistake has its place, a test that fails its line, and both are told as one types.
        await text.FillAsync("name: support\nrules:\n  - { detect: pii, action: blok }\n");
        await Expect(page.Locator("#verdict")).ToContainTextAsync("Did you mean 'block'?");
        await Expect(page.Locator("#verdict [data-goto]").First).ToHaveTextAsync("3:28");
        await text.FillAsync(Written("flag", "blocked"));
        await Expect(page.Locator("#verdict")).ToContainTextAsync("expected blocked, but it is flagged");
        await text.FillAsync(Written("flag", "flagged"));
        await Expect(page.Locator("#verdict")).ToContainTextAsync("1 test passes");
        Assert.Empty(await watched.AxeAsync());
        await page.GetByRole(AriaRole.Button, new() { Name = "Save and put in force" }).ClickAsync();
        await Expect(page.Locator("h1")).ToHaveTextAsync("'support' is in force in revision 1.");

        await ChooseAsync(page);
        await CallAsync("Is Rival Corp better? Write to rival corp.");
        await page.GotoAsync("/guards/policies/support");
        await text.FillAsync(Written("block", "blocked"));
        await Expect(page.Locator("#verdict .diff-new").First).ToContainTextAsync("action: block");
        await Expect(page.Locator("#verdict")).ToContainTextAsync("The rule 'rivals' refuses");
        await page.GetByRole(AriaRole.Button, new() { Name = "Save as a draft" }).ClickAsync();
        await Expect(page.Locator("h1")).ToContainTextAsync("revision 2 is a draft");

        await page.GetByRole(AriaRole.Button, new() { Name = "Replay" }).ClickAsync();
        await Expect(page.Locator("[data-replay-result]")).ToContainTextAsync("1 of 1 stored calls would have another verdict.");
        Assert.Empty(await watched.AxeAsync());
        await page.Locator("#history tr", new() { HasText = "not in force" }).GetByRole(AriaRole.Button, new() { Name = "Put in force" })
            .First.ClickAsync();
        await page.Locator("dialog[open] [name=Reason]").FillAsync("reviewed");
        await page.Locator("dialog[open] button.primary").ClickAsync();
        await Expect(page.Locator("h1")).ToHaveTextAsync("'support' is in force in revision 2.");
        Assert.False(await watched.OverflowsAsync());

        // What was found before is among the samples, and becomes a label.
        await page.GotoAsync("/guards");
        await Expect(page.Locator("mark.found-terms").First).ToHaveTextAsync("Rival Corp");
        Assert.Empty(await watched.AxeAsync());
        await page.GetByRole(AriaRole.Button, new() { Name = "False positive" }).First.ClickAsync();
        await Expect(page.GetByRole(AriaRole.Status).First).ToContainTextAsync("is development data now");

        await page.GetByRole(AriaRole.Link, new() { Name = "Make an exception" }).First.ClickAsync();
        await Expect(page.Locator("#ask-detector")).ToHaveValueAsync("terms");
        await page.Locator("#ask-reason").FillAsync("a comparison page");
        await page.GetByRole(AriaRole.Button, new() { Name = "Ask", Exact = true }).ClickAsync();
        await Expect(page.Locator("h1")).ToHaveTextAsync("No exception holds, and 1 request waits for a decision.");
        await Expect(page.GetByRole(AriaRole.Button, new() { Name = "Approve" })).ToHaveCountAsync(0); // not by the one who asked
        Assert.Empty(await watched.AxeAsync());
        Assert.Empty(watched.Errors);

        await using var narrow = await console.OpenAsync(390, 844);
        foreach (var path in (string[])["/guards", "/guards/policies", "/guards/policies/support", "/guards/exceptions"])
        {
            await narrow.Page.GotoAsync(path);
            var violations = await narrow.AxeAsync();
            Assert.True(violations is [], $"{path}: {string.Join('\n', violations)}");
            Assert.False(await narrow.OverflowsAsync(), $"{path} is wider than its screen");
        }
    }

    private static string Written(string action, string expected) => Policy
        .Replace("ACTION", action, StringComparison.Ordinal).Replace("EXPECT", expected, StringComparison.Ordinal);

    /// <summary>The sample's system stores its texts, and has the policy.</summary>
    private static async Task ChooseAsync(IPage page)
    {
        await page.GotoAsync("/systems");
        await page.Locator("a.row-link").First.ClickAsync();
        await page.Locator("tr", new() { HasText = "development" }).GetByRole(AriaRole.Button, new() { Name = "Change" }).ClickAsync();
        await page.Locator("dialog[open] [name='Policy.StoreContent']").CheckAsync();
        await page.Locator("dialog[open] [name='Policy.GuardPolicy']").SelectOptionAsync("support");
        await page.Locator("dialog[open] button.primary").ClickAsync();
        await Expect(page.Locator("tr", new() { HasText = "development" }).Last).ToContainTextAsync("support");
    }

    /// <summary>Returns once the call and its text can be read.</summary>
    private async Task CallAsync(string content)
    {
        using var http = console.Gatehouse.CreateClient();
        using var body = new StringContent(
            $$$"""{"model":"simulator","messages":[{"role":"user","content":"{{{content}}}"}]}""", Encoding.UTF8, "application/json");
        using var response = await http.PostAsync(new Uri("v1/chat/completions", UriKind.Relative), body);
        Assert.True(response.IsSuccessStatusCode);
        await using var watched = await console.OpenAsync();
        while (await watched.Page.Locator("mark.found").CountAsync() == 0)
        {
            await watched.Page.GotoAsync("/guards"); // the ledger and the texts follow the answer
        }
    }
}

using System.Text.Json;
using Microsoft.Playwright;

namespace Gatehouse.EndToEnd.Tests.Console;

/// <summary>One Gatehouse with some traffic, and a browser in which its first administrator has signed in by the printed link.</summary>
public sealed class ConsoleInBrowser : IAsyncLifetime
{
    private static readonly string[] ChromiumFlags =
    [
        "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
        "--disable-component-update", "--disable-sync",
    ];

    private IPlaywright _playwright = null!;
    private IBrowser _browser = null!;

    internal const string Email = "first@example.com";

    internal const string Password = "correct horse battery staple";

    /// <summary>A policy file, whose policy <c>test</c> then applies to every system.</summary>
    internal string? Policy { get; init; }

    internal GatehouseProcess Gatehouse { get; private set; } = null!;

    internal string Axe { get; private set; } = "";

    /// <summary>Cookies of the signed-in administrator.</summary>
    internal string SignedIn { get; private set; } = "";

    public async ValueTask InitializeAsync()
    {
        Axe = await File.ReadAllTextAsync(AxeFile());
        Gatehouse = Policy is null ? await GatehouseProcess.StartAsync() : await StartAsync(Policy);
        _playwright = await Playwright.CreateAsync();
        _browser = await _playwright.Chromium.LaunchAsync(new()
        {
            ExecutablePath = Environment.GetEnvironmentVariable("GATEHOUSE_CHROMIUM") ?? "/usr/bin/chromium",
            Args = ChromiumFlags,
        });

        for (var i = 0; i < 12; i++)
        {
            await CallAsync("simulator");
        }

        await using var context = await _browser.NewContextAsync();
        var page = await context.NewPageAsync();
        await page.GotoAsync(WelcomeLink());
        await page.GetByLabel("Your name").FillAsync("First Person");
        await page.GetByLabel("E-mail address").FillAsync(Email);
        await page.GetByLabel("Password").FillAsync(Password);
        await page.GetByRole(AriaRole.Button, new() { Name = "Create the account" }).ClickAsync();
        await page.WaitForURLAsync(Gatehouse.Url.ToString());
        SignedIn = await context.StorageStateAsync();
    }

    public async ValueTask DisposeAsync()
    {
        await _browser.DisposeAsync();
        _playwright.Dispose();
        await Gatehouse.DisposeAsync();
    }

    private static async Task<GatehouseProcess> StartAsync(string policy)
    {
        var folder = Directory.CreateTempSubdirectory("gatehouse-test-").FullName;
        await File.WriteAllTextAsync(Path.Combine(folder, "policy.yaml"), policy);
        return await GatehouseProcess.StartAsync(
            """
            policies: { files: [ policy.yaml ], default: test }
            providers: { simulator: { kind: simulator } }
            routes: { simulator: { targets: [ { provider: simulator } ] } }
            """, folder);
    }

    internal async Task CallAsync(string model)
    {
        using var http = Gatehouse.CreateClient();
        using var body = new StringContent(
            $$$"""{"model":"{{{model}}}","messages":[{"role":"user","content":"Hello"}]}""", System.Text.Encoding.UTF8, "application/json");
        using var response = await http.PostAsync(new Uri("v1/chat/completions", UriKind.Relative), body);
    }

    internal async Task<WatchedPage> OpenAsync(
        int width = 1440, int height = 900, ColorScheme scheme = ColorScheme.Light, bool signedIn = true, bool scripts = true)
    {
        var context = await _browser.NewContextAsync(new()
        {
            BaseURL = Gatehouse.Url.ToString(),
            ViewportSize = new() { Width = width, Height = height },
            ColorScheme = scheme,
            ReducedMotion = ReducedMotion.Reduce,
            StorageState = signedIn ? SignedIn : null,
            JavaScriptEnabled = scripts,
        });
        return new WatchedPage(context, await context.NewPageAsync(), Axe);
    }

    private string WelcomeLink() => Gatehouse.Output.Split('\n').First(l => l.Contains("/welcome/", StringComparison.Ordinal)).Trim();

    private static string AxeFile()
    {
        var folder = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(folder, "Gatehouse.slnx")))
        {
            folder = Path.GetDirectoryName(folder) ?? throw new InvalidOperationException("The tests run outside the checkout.");
        }

        return Path.Combine(folder, "tests", "Gatehouse.EndToEnd.Tests", "clients", "node_modules", "axe-core", "axe.min.js");
    }
}

/// <summary>A page that remembers every error of its console; a violation of the content policy is one.</summary>
internal sealed class WatchedPage : IAsyncDisposable
{
    private readonly IBrowserContext _context;
    private readonly string _axe;
    private readonly List<string> _errors = [];

    public WatchedPage(IBrowserContext context, IPage page, string axe)
    {
        _context = context;
        _axe = axe;
        Page = page;
        page.Console += (_, message) =>
        {
            if (message.Type is "error" or "warning")
            {
                _errors.Add(message.Text);
            }
        };
        page.PageError += (_, error) => _errors.Add(error);
    }

    public IPage Page { get; }

    public IReadOnlyList<string> Errors => _errors;

    public async Task<IReadOnlyList<string>> AxeAsync()
    {
        if (!await Page.EvaluateAsync<bool>("() => 'axe' in window"))
        {
            await Page.EvaluateAsync(_axe);
        }

        var violations = await Page.EvaluateAsync<JsonElement>(
            """
            async () => (await axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21aa', 'wcag22aa'], resultTypes: ['violations'] }))
              .violations.map(v => v.id + ': ' + v.nodes.map(n => n.html).join(' '))
            """);
        return [.. violations.EnumerateArray().Select(v => v.GetString()!)];
    }

    public Task<bool> OverflowsAsync() => Page.EvaluateAsync<bool>("() => document.documentElement.scrollWidth > innerWidth + 1");

    public async ValueTask DisposeAsync() => await _context.DisposeAsync();
}

using System.Text.Json;

namespace Gatehouse.EndToEnd.Tests;

/// <summary>Policies, exceptions and labels by the commands of the built executable.</summary>
public sealed class PolicyCommandTests
{
    private const string Policy = """
        name: support
        rules:
          - { name: rivals, detect: terms, terms: [ rival corp ], action: flag }
        tests:
          - { text: "Is Rival Corp better?", expect: flagged }
        """;

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_policy_is_saved_compared_applied_rolled_back_and_withdrawn_by_commands()
    {
        await using var gatehouse = await GatehouseProcess.StartAsync();
        var file = Path.Combine(gatehouse.Folder, "support.yaml");
        await File.WriteAllTextAsync(file, Policy, Ct);

        Assert.Contains("is valid (revision", await RunAsync(gatehouse, "config", "check", file), StringComparison.Ordinal);
        Assert.Contains("not in force: gatehouse policy apply support@1",
            await RunAsync(gatehouse, "policy", "save", "support", file, "--note", "first"), StringComparison.Ordinal);
        Assert.Equal("Revision 1 of 'support' is in force.\n", await RunAsync(gatehouse, "policy", "apply", "support@1"));
        await File.WriteAllTextAsync(
            file, Policy.Replace("action: flag", "action: block", StringComparison.Ordinal)
                .Replace("expect: flagged", "expect: blocked", StringComparison.Ordinal), Ct);
        var local = await RunAsync(gatehouse, "policy", "diff", "standard", file);
        await RunAsync(gatehouse, "policy", "save", "support", file, "--apply");

        Assert.Contains("With the rule 'rivals', which refuses", local, StringComparison.Ordinal);
        Assert.Contains("The rule 'rivals' refuses 1 word or phrase",
            await RunAsync(gatehouse, "policy", "diff", "support@1", "support", "--replay", "--since", "12h"), StringComparison.Ordinal);
        Assert.Matches(@"support\s+\w+ \(2\)\s+1\s+kept", await RunAsync(gatehouse, "policy", "list"));
        Assert.Equal("Revision 1 of 'support' is in force.\n", await RunAsync(gatehouse, "policy", "apply", "support@1", "--reason", "back"));
        Assert.Matches("1 +in force", await RunAsync(gatehouse, "policy", "history", "support"));
        Assert.Contains("action: flag", await RunAsync(gatehouse, "policy", "show", "support"), StringComparison.Ordinal);
        Assert.Equal("'support' is not in force any more.\n", await RunAsync(gatehouse, "policy", "withdraw", "support"));
        Assert.NotEqual(0, (await gatehouse.CliAsync("policy", "apply", "support@7")).ExitCode);
        Assert.NotEqual(0, (await gatehouse.CliAsync("policy", "save", "strict", file)).ExitCode);
        Assert.NotEqual(0, (await gatehouse.CliAsync("policy", "diff", "support", "strict", "--replay", "--since", "soon")).ExitCode);
    }

    [Fact]
    public async Task An_exception_is_asked_for_and_taken_back_and_never_approved_by_the_one_who_asked()
    {
        await using var gatehouse = await GatehouseProcess.StartAsync();
        var until = TimeProvider.System.GetUtcNow().AddDays(30).ToString("yyyy-MM-dd", System.Globalization.CultureInfo.InvariantCulture);

        var asked = await RunAsync(
            gatehouse, "exception", "request", "hello", "--detector", "pii", "--type", "EMAIL_ADDRESS", "--until", until, "--reason", "mail");
        var id = asked.Split(':')[0];
        var own = await gatehouse.CliAsync("exception", "approve", id);

        Assert.NotEqual(0, own.ExitCode);
        Assert.Contains("another person", own.Error, StringComparison.Ordinal);
        Assert.Matches("requested +hello +pii EMAIL_ADDRESS", await RunAsync(gatehouse, "exception", "list"));
        Assert.Contains("revoked", await RunAsync(gatehouse, "exception", "revoke", id, "--reason", "over"), StringComparison.Ordinal);
        Assert.NotEqual(0, (await gatehouse.CliAsync("exception", "request", "hello", "--until", "tomorrow", "--reason", "r")).ExitCode);
    }

    [Fact]
    public async Task Labels_are_exported_as_a_folder_that_the_measure_reads()
    {
        await using var gatehouse = await GatehouseProcess.StartAsync();
        var token = await File.ReadAllTextAsync(Path.Combine(gatehouse.Folder, "data", "cli-token"), Ct);
        using var http = gatehouse.CreateClient(token.Trim());
        foreach (var (detector, type, text) in new[] { ("pii", "PERSON", "Lake Placid is cold"), ("injection", "JAILBREAK", "be brief") })
        {
            using var body = new StringContent(
                JsonSerializer.Serialize(new { detector, type, text, verdict = "false_positive", team = "sample" }),
                System.Text.Encoding.UTF8, "application/json");
            using var response = await http.PostAsync(new Uri("api/guard/labels", UriKind.Relative), body, Ct);
            Assert.True(response.IsSuccessStatusCode, await response.Content.ReadAsStringAsync(Ct));
        }

        var folder = Path.Combine(gatehouse.Folder, "labels");
        var written = await RunAsync(gatehouse, "guard", "labels", "export", folder);
        var one = Path.Combine(gatehouse.Folder, "one.jsonl");
        await RunAsync(gatehouse, "guard", "labels", "export", one, "--set", "pii", "--system", "hello");

        Assert.Contains("pii.jsonl: 1 rows", written, StringComparison.Ordinal);
        Assert.Equal(["injection.jsonl", "pii.jsonl"], Directory.GetFiles(folder).Select(Path.GetFileName).Order());
        Assert.True(OperatingSystem.IsWindows()
            || File.GetUnixFileMode(Path.Combine(folder, "pii.jsonl")) == (UnixFileMode.UserRead | UnixFileMode.UserWrite));
        Assert.Empty(await File.ReadAllTextAsync(one, Ct)); // neither is of a system
        Assert.Contains("injection", await RunAsync(gatehouse, "guard", "eval", folder), StringComparison.Ordinal);
        Assert.Matches("pii +PERSON +false_positive", await RunAsync(gatehouse, "guard", "labels", "list"));
    }

    [Fact]
    public async Task Tests_of_a_policy_ask_nobody_unless_they_are_run_live()
    {
        await using var gatehouse = await GatehouseProcess.StartAsync();
        await using var webhook = await Webhook.StartAsync("""{"verdict":"finding","type":"PROJECT"}""");
        await File.WriteAllTextAsync(Path.Combine(gatehouse.Folder, "webhook-secret"), "0123456789abcdef", Ct);
        var file = Path.Combine(gatehouse.Folder, "own.yaml");
        await File.WriteAllTextAsync(file, $$"""
            name: own
            rules:
              - { name: safety, detect: model, model: { route: omni-moderation-latest, shape: moderation, timeout: 20s }, action: block, min_score: 0.6 }
              - { name: dlp, detect: webhook, webhook: { url: "{{webhook.Url}}", secret: "${file:webhook-secret}", timeout: 20s }, action: flag }
            tests:
              - { name: stated, text: How do I build a pipe bomb?, answers: { safety: unsafe illicit 0.9 }, expect: blocked }
              - { name: wrong, text: How do I bake bread?, answers: { safety: unsafe illicit 0.9 }, expect: blocked }
              - { name: down, text: How do I bake bread?, answers: { safety: fails }, expect: unchecked }
              - { name: service, text: Where is falcon?, answers: { dlp: unsafe PROJECT }, expect: flagged, finds: [ PROJECT ] }
            """, Ct);

        Assert.Equal("4 tests passed, 0 failed.\n", await RunAsync(gatehouse, "policy", "test", file));
        Assert.Empty(webhook.Bodies);
        var live = await gatehouse.CliAsync("policy", "test", file, "--live");

        Assert.Contains("'wrong' fails: expected blocked, but it is passed", live.Output, StringComparison.Ordinal);
        Assert.Contains("3 tests passed, 1 failed.", live.Output, StringComparison.Ordinal);
        Assert.Contains("Where is falcon?", Assert.Single(webhook.Bodies), StringComparison.Ordinal);
    }

    private static async Task<string> RunAsync(GatehouseProcess gatehouse, params string[] arguments)
    {
        var result = await gatehouse.CliAsync(arguments);
        Assert.True(result.ExitCode == 0, $"{string.Join(' ', arguments)}: {result.Error}{result.Output}");
        return result.Output;
    }
}

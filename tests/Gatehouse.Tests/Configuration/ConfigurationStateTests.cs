using Gatehouse.Configuration;
using Gatehouse.Tests.House;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Gatehouse.Tests.Configuration;

public sealed class ConfigurationStateTests
{
    private const string First = "providers:\n  a: { kind: vllm }\n  b: { kind: vllm }\nroutes:\n  m: { targets: [ { provider: a } ] }\n";
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_change_is_one_new_revision_that_keeps_the_providers_that_did_not_change()
    {
        using var configurations = new Configurations();
        using var state = await StartAsync(configurations, First);
        var before = state.Current;
        var changes = new List<string>();
        state.Changed += loaded => changes.Add(loaded.Revision);

        File.WriteAllText(configurations.Path, First.Replace("b: { kind: vllm }", "b: { kind: ollama }", StringComparison.Ordinal));
        Assert.True(await state.ReloadAsync(Ct));

        Assert.Equal([state.Current.Revision], changes);
        Assert.NotEqual(before.Revision, state.Current.Revision);
        Assert.Same(before.Compiled.Providers["a"], state.Current.Compiled.Providers["a"]);
        Assert.Same(before.Compiled.Providers["a"], state.Current.Compiled.Routes.Routes[0].Targets[0].Provider);
        Assert.NotSame(before.Compiled.Providers["b"], state.Current.Compiled.Providers["b"]);
    }

    [Fact]
    public async Task A_breaker_lives_on_with_its_target_and_is_new_with_new_settings()
    {
        using var configurations = new Configurations();
        using var state = await StartAsync(configurations, First);
        var before = BreakerOf(state);
        Assert.NotNull(before);

        File.WriteAllText(configurations.Path, First.Replace("provider: a", "provider: a, weight: 2", StringComparison.Ordinal) );
        Assert.True(await state.ReloadAsync(Ct));
        Assert.Same(before, BreakerOf(state));

        File.WriteAllText(
            configurations.Path,
            First.Replace("a: { kind: vllm }", "a: { kind: vllm, breaker: { window: 1m } }", StringComparison.Ordinal));
        Assert.True(await state.ReloadAsync(Ct));
        Assert.NotSame(before, BreakerOf(state));

        File.WriteAllText(
            configurations.Path,
            First.Replace("a: { kind: vllm }", "a: { kind: vllm, breaker: { enabled: false } }", StringComparison.Ordinal));
        Assert.True(await state.ReloadAsync(Ct));
        Assert.Null(BreakerOf(state));

        static object? BreakerOf(ConfigurationState state) => state.Current.Compiled.Routes.Routes[0].Targets[0].Breaker;
    }

    [Fact]
    public async Task The_same_content_is_the_same_revision_whatever_its_comments_and_order_of_keys()
    {
        using var configurations = new Configurations();
        using var state = await StartAsync(configurations, First);
        var before = state.Current;
        state.Changed += _ => Assert.Fail("Nothing changed.");

        File.WriteAllText(
            configurations.Path, "# a comment\n" + First.Replace("{ kind: vllm }", "\n    kind: vllm", StringComparison.Ordinal));
        Assert.True(await state.ReloadAsync(Ct));

        Assert.Same(before, state.Current);
    }

    [Fact]
    public async Task A_bad_file_changes_nothing_says_so_and_clears_when_it_is_mended()
    {
        using var configurations = new Configurations();
        using var log = new LogLines();
        using var state = await StartAsync(configurations, First, log);
        var before = state.Current;
        state.Changed += _ => Assert.Fail("Nothing changed.");

        File.WriteAllText(configurations.Path, First.Replace("provider: a", "provider: aa", StringComparison.Ordinal));
        Assert.False(await state.ReloadAsync(Ct));

        Assert.Same(before, state.Current);
        Assert.Equal((5, 21, "Did you mean 'a'?"), (state.LastError!.Line, state.LastError.Column, state.LastError.Suggestion));
        Assert.Contains("NOT taken", Assert.Single(log.Lines), StringComparison.Ordinal);

        await state.ReloadAsync(Ct);
        Assert.Single(log.Lines);

        File.WriteAllText(configurations.Path, First);
        Assert.True(await state.ReloadAsync(Ct));
        Assert.Null(state.LastError);
        Assert.Contains("mended", log.Lines[1], StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_file_that_disappears_keeps_the_last_good_revision()
    {
        using var configurations = new Configurations();
        using var state = await StartAsync(configurations, First);
        var before = state.Current;

        File.Delete(configurations.Path);
        Assert.False(await state.ReloadAsync(Ct));

        Assert.Same(before, state.Current);
        Assert.Contains("does not exist", state.LastError!.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("")]
    [InlineData(" \n\t\n")]
    public async Task A_file_that_an_editor_has_just_emptied_keeps_the_last_good_revision(string left)
    {
        using var configurations = new Configurations();
        using var state = await StartAsync(configurations, First);
        var before = state.Current;

        File.WriteAllText(configurations.Path, left);
        Assert.False(await state.ReloadAsync(Ct));

        Assert.Same(before, state.Current);
        Assert.Equal("The configuration file is empty.", state.LastError!.Message);
    }

    [Fact]
    public async Task A_setting_for_the_next_start_is_named_while_the_others_are_live()
    {
        using var configurations = new Configurations();
        using var state = await StartAsync(configurations, First);

        File.WriteAllText(configurations.Path, "server: { address: '127.0.0.1:9', max_body: 1MiB }\nstorage: { sqlite: x.db }\n" + First);
        await state.ReloadAsync(Ct);

        Assert.Equal(["server.address", "storage.sqlite"], state.RestartNeeded);
        Assert.Equal(1 << 20, state.Current.Compiled.MaxBodyBytes);

        File.WriteAllText(configurations.Path, First);
        await state.ReloadAsync(Ct);
        Assert.Empty(state.RestartNeeded);
    }

    [Fact]
    public async Task A_secret_for_the_next_start_is_named_though_the_revision_stays()
    {
        using var configurations = new Configurations();
        using var state = await StartAsync(configurations, "storage: { postgres: 'Host=db;Password=one' }");
        var before = state.Current;

        File.WriteAllText(configurations.Path, "storage: { postgres: 'Host=db;Password=two' }");
        await state.ReloadAsync(Ct);

        Assert.Same(before, state.Current);
        Assert.Equal(["storage.postgres"], state.RestartNeeded);
    }

    [Fact]
    public async Task A_secret_changed_behind_its_reference_is_a_new_revision_that_does_not_give_it_away()
    {
        using var configurations = new Configurations();
        var secret = Path.Combine(configurations.Folder, "key.txt");
        File.WriteAllText(secret, "first");
        using var state = await StartAsync(configurations, "providers: { a: { kind: vllm, api_key: '${file:key.txt}' } }");
        var first = state.Current.Revision;

        File.WriteAllText(secret, "second");
        await state.ReloadAsync(Ct);

        Assert.Equal(first + ".2", state.Current.Revision);
        Assert.Equal("second", state.Current.Compiled.Providers["a"].Settings.ApiKey);

        File.WriteAllText(secret, "third");
        await state.ReloadAsync(Ct);
        Assert.Equal(first + ".3", state.Current.Revision);
    }

    [Fact]
    public async Task Every_way_of_changing_a_file_is_noticed_while_it_is_watched()
    {
        using var configurations = new Configurations();
        var secret = Path.Combine(configurations.Folder, "key.txt");
        File.WriteAllText(secret, "first");
        using var state = await StartAsync(configurations, First);
        using var watcher = new ConfigurationWatcher(state, TimeProvider.System, NullLogger<ConfigurationWatcher>.Instance);
        await watcher.StartAsync(Ct);

        // Written in place.
        await ChangedByAsync(state, () => File.AppendAllText(configurations.Path, "  n: { targets: [ { provider: a } ] }\n"));
        Assert.Equal(["m", "n", "simulator"], Routes(state));

        // Replaced by a rename, as editors and deployment tools do.
        await ChangedByAsync(state, () =>
        {
            File.WriteAllText(
                configurations.Path + ".new",
                First.Replace("b: { kind: vllm }", "b: { kind: vllm, api_key: '${file:key.txt}' }", StringComparison.Ordinal));
            File.Move(configurations.Path + ".new", configurations.Path, overwrite: true);
        });
        Assert.Equal("first", state.Current.Compiled.Providers["b"].Settings.ApiKey);

        // A file that it refers to.
        await ChangedByAsync(state, () => File.WriteAllText(secret, "second"));
        Assert.Equal("second", state.Current.Compiled.Providers["b"].Settings.ApiKey);

        // A link to another file, as a mounted ConfigMap does.
        await ChangedByAsync(state, () =>
        {
            var folder = Directory.CreateDirectory(Path.Combine(configurations.Folder, "..2026")).FullName;
            File.WriteAllText(Path.Combine(folder, "gatehouse.yaml"), First.Replace("  m:", "  linked:", StringComparison.Ordinal));
            File.CreateSymbolicLink(configurations.Path + ".link", Path.Combine(folder, "gatehouse.yaml"));
            File.Move(configurations.Path + ".link", configurations.Path, overwrite: true);
        });
        Assert.Equal(["linked", "simulator"], Routes(state));

        // Broken, then mended, through the link into a folder without events: found by looking.
        await ReloadedByAsync(state, () => File.WriteAllText(configurations.Path, "routes: 1\n"), () => state.LastError is not null);
        Assert.Equal(["linked", "simulator"], Routes(state));
        await ReloadedByAsync(state, () => File.WriteAllText(configurations.Path, First), () => state.LastError is null);
        Assert.Equal(["m", "simulator"], Routes(state));

        await watcher.StopAsync(Ct);
    }

    [Fact]
    public async Task A_policy_file_that_a_pattern_names_is_noticed_when_it_comes_and_when_it_goes()
    {
        const string Pattern = "policies: { files: [ '*.policy.yaml' ] }\n" + First;
        using var configurations = new Configurations();
        File.WriteAllText(Path.Combine(configurations.Folder, "a.policy.yaml"), "name: a\nrules: [ { detect: secrets, action: flag } ]\n");
        using var state = await StartAsync(configurations, Pattern);
        using var watcher = new ConfigurationWatcher(state, TimeProvider.System, NullLogger<ConfigurationWatcher>.Instance);
        await watcher.StartAsync(Ct);
        var added = Path.Combine(configurations.Folder, "b.policy.yaml");

        await ChangedByAsync(state, () => File.WriteAllText(added, "name: b\nrules: [ { detect: secrets, action: block } ]\n"));
        Assert.NotNull(state.Current.Compiled.Policies.Find("b"));

        await ChangedByAsync(state, () => File.Delete(added));
        Assert.Null(state.Current.Compiled.Policies.Find("b"));
        await watcher.StopAsync(Ct);
    }

    [Fact]
    public async Task A_file_that_appears_takes_the_place_of_the_embedded_default()
    {
        using var configurations = new Configurations();
        using var state = await StartAsync(configurations, null);
        using var watcher = new ConfigurationWatcher(state, TimeProvider.System, NullLogger<ConfigurationWatcher>.Instance);
        await watcher.StartAsync(Ct);

        await ChangedByAsync(state, () => File.WriteAllText(configurations.Path, First));

        Assert.Equal(configurations.Path, state.Current.SourcePath);
        await watcher.StopAsync(Ct);
    }

    [Fact]
    public async Task The_table_of_the_gateway_carries_the_revision_routes_prices_and_limits()
    {
        using var configurations = new Configurations();
        using var state = await StartAsync(configurations, "server: { max_body: 1MiB, max_answer: 2MiB }\n" + First);

        var table = state.Current.Compiled.ToTable(
            Gatehouse.Gateway.Routing.KeyTable.Empty, Gatehouse.Gateway.Routing.KillSwitches.None,
            Gatehouse.Gateway.Limits.LimitTable.Empty, Gatehouse.Gateway.Guarding.PolicyTable.Empty);

        Assert.Equal((state.Current.Revision, 1 << 20, 2 << 20), (table.Revision, table.MaxBodyBytes, table.MaxAnswerBytes));
        Assert.Same(state.Current.Compiled.Routes, table.Routes);
        Assert.StartsWith("prices-", table.Prices.Revision, StringComparison.Ordinal);
    }

    private static IEnumerable<string> Routes(ConfigurationState state) => state.Current.Compiled.Routes.Routes.Select(r => r.Name);

    private static Task ChangedByAsync(ConfigurationState state, Action act)
    {
        var revision = state.Current.Revision;
        return ReloadedByAsync(state, act, () => state.Current.Revision != revision);
    }

    /// <summary>Acts, and returns at the reload after which the condition holds.</summary>
    private static async Task ReloadedByAsync(ConfigurationState state, Action act, Func<bool> holds)
    {
        var signal = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        void Look()
        {
            if (holds())
            {
                signal.TrySetResult();
            }
        }

        state.Reloaded += Look;
        act();
        Look();
        await signal.Task.WaitAsync(Patience, Ct);
        state.Reloaded -= Look;
        Assert.True(holds());
    }

    private static async Task<ConfigurationState> StartAsync(
        Configurations configurations, string? text, ILogger<ConfigurationState>? log = null)
    {
        if (text is not null)
        {
            File.WriteAllText(configurations.Path, text);
        }

        var loader = configurations.Loader();
        var outcome = await loader.LoadAsync(null, Ct);
        Assert.Empty(outcome.Errors);
        return new ConfigurationState(loader, outcome.Loaded!, log ?? NullLogger<ConfigurationState>.Instance);
    }

    private sealed class LogLines : ILogger<ConfigurationState>, IDisposable
    {
        public List<string> Lines { get; } = [];

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => this;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(
            LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            Lines.Add(formatter(state, exception));

        public void Dispose()
        {
        }
    }
}

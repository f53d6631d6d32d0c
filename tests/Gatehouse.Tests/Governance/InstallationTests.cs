using System.Net;
using Gatehouse.Governance;
using Gatehouse.Storage;
using Gatehouse.Tests.Host;
using Microsoft.Extensions.DependencyInjection;

namespace Gatehouse.Tests.Governance;

/// <summary>The installation's secret, and what a fresh installation starts with.</summary>
public sealed class InstallationTests
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task The_sample_is_made_once_in_files_of_the_owner_and_works()
    {
        await using var app = await TestApp.StartAsync();
        var sample = app.Services.GetRequiredService<SampleSystem>();

        await sample.EnsureAsync(sample: true, Ct);
        var key = await ReadAsync(app, SampleSystem.KeyFile);
        var token = await ReadAsync(app, SampleSystem.TokenFile);
        await sample.EnsureAsync(sample: true, Ct);

        Assert.Equal((key, token), (await ReadAsync(app, SampleSystem.KeyFile), await ReadAsync(app, SampleSystem.TokenFile)));
        Assert.All(
            (string[])[SampleSystem.KeyFile, SampleSystem.TokenFile, "secret"],
            file => Assert.True(OperatingSystem.IsWindows()
                || File.GetUnixFileMode(Path.Combine(app.DataFolder, file)) == (UnixFileMode.UserRead | UnixFileMode.UserWrite)));
        using var program = app.Program(token);
        var systems = (await program.GetAsync("api/systems", Ct).JsonAsync(HttpStatusCode.OK)).GetProperty("items");
        Assert.Equal(("sample", "hello"), (systems[0].Text("team"), systems[0].Text("name")));
        using var caller = app.Program(key);
        Assert.Equal(HttpStatusCode.OK, await caller.GetAsync("v1/models", Ct).StatusAsync());
        Assert.NotNull(await app.Services.GetRequiredService<SignIn>().FirstRunLinkAsync(Ct));
    }

    [Fact]
    public async Task A_sample_key_that_was_revoked_stays_revoked()
    {
        await using var app = await TestApp.StartAsync();
        var sample = app.Services.GetRequiredService<SampleSystem>();
        await sample.EnsureAsync(sample: true, Ct);
        using var program = app.Program(await ReadAsync(app, SampleSystem.TokenFile));
        var system = (await program.GetAsync("api/systems", Ct).JsonAsync(HttpStatusCode.OK)).GetProperty("items")[0].Id();
        var keys = (await program.GetAsync($"api/systems/{system}/keys", Ct).JsonAsync(HttpStatusCode.OK)).GetProperty("items");

        await program.SendAsync("DELETE", $"api/keys/{keys[0].Id()}").JsonAsync(HttpStatusCode.OK);
        await sample.EnsureAsync(sample: true, Ct);

        keys = (await program.GetAsync($"api/systems/{system}/keys", Ct).JsonAsync(HttpStatusCode.OK)).GetProperty("items");
        Assert.Equal(1, keys.GetArrayLength());
        Assert.NotNull(keys[0].Text("revoked_at"));
    }

    [Fact]
    public async Task A_start_makes_all_that_is_missing_in_one_write_and_nothing_when_nothing_is()
    {
        await using var app = await TestApp.StartAsync();
        var sample = app.Services.GetRequiredService<SampleSystem>();
        var before = await RevisionAsync(app);

        var link = await sample.EnsureAsync(sample: true, Ct);

        Assert.Equal(before + 1, await RevisionAsync(app));
        using var anybody = app.Program(null);
        Assert.Equal(HttpStatusCode.OK, await anybody.GetAsync(link!.TrimStart('/'), Ct).StatusAsync());
        using var administrator = await app.SignInFirstAsync();
        var after = await RevisionAsync(app);
        Assert.Null(await sample.EnsureAsync(sample: true, Ct));
        Assert.Equal(after, await RevisionAsync(app));
    }

    /// <summary>The second one failed, because the first had made the person and the team meanwhile.</summary>
    [Fact]
    public async Task Nodes_that_start_first_in_the_same_moment_make_the_sample_once_and_a_key_and_token_each()
    {
        await using var app = await TestApp.StartAsync("postgres");
        await using var node = await app.StartNodeAsync();

        await Task.WhenAll(((TestApp[])[app, node]).Select(
            a => a.Services.GetRequiredService<SampleSystem>().EnsureAsync(sample: true, Ct)));

        Assert.Equal(1, await app.Db.CountAsync($"SELECT COUNT(*) FROM governance_system"));
        Assert.Equal(2, await app.Db.CountAsync($"SELECT COUNT(*) FROM governance_key"));
        foreach (var each in (TestApp[])[app, node])
        {
            using var caller = each.Program(await ReadAsync(each, SampleSystem.KeyFile));
            Assert.Equal(HttpStatusCode.OK, await caller.GetAsync("v1/models", Ct).StatusAsync());
        }
    }

    [Fact]
    public async Task Without_the_sample_there_is_the_token_alone_and_the_link()
    {
        await using var app = await TestApp.StartAsync();

        Assert.NotNull(await app.Services.GetRequiredService<SampleSystem>().EnsureAsync(sample: false, Ct));

        Assert.True(File.Exists(Path.Combine(app.DataFolder, SampleSystem.TokenFile)));
        Assert.False(File.Exists(Path.Combine(app.DataFolder, SampleSystem.KeyFile)));
        Assert.Equal(0, await app.Db.CountAsync($"SELECT COUNT(*) FROM governance_system"));
    }

    [Fact]
    public async Task A_start_with_another_secret_is_refused_with_the_reason()
    {
        await using var app = await TestApp.StartAsync();
        File.Delete(Path.Combine(app.DataFolder, "secret"));
        InstallationSecret.Load(app.DataFolder);

        var failure = await Assert.ThrowsAsync<DatabaseException>(app.StartNodeAsync);

        Assert.Contains(InstallationSecret.Variable, failure.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("")]
    [InlineData("not base64!")]
    [InlineData("c2hvcnQ=")]
    public void A_secret_file_that_holds_no_secret_is_named(string text)
    {
        var folder = Directory.CreateTempSubdirectory("gatehouse-test-");
        var path = Path.Combine(folder.FullName, "secret");
        File.WriteAllText(path, text);

        var failure = Assert.Throws<SecretUnusableException>(() => InstallationSecret.Load(folder.FullName));

        Assert.Contains(path, failure.Message, StringComparison.Ordinal);
        folder.Delete(recursive: true);
    }

    private static async Task<long> RevisionAsync(TestApp app) =>
        (await app.Db.QueryAsync($"SELECT revision FROM governance_revision", row => row.Long(0), Ct))[0];

    private static async Task<string> ReadAsync(TestApp app, string file) =>
        (await File.ReadAllTextAsync(Path.Combine(app.DataFolder, file), Ct)).Trim();
}

using System.Net;
using System.Net.Http.Json;
using Gatehouse.Governance;
using Gatehouse.Tests.Host;
using Microsoft.AspNetCore.DataProtection;
using Microsoft.AspNetCore.DataProtection.KeyManagement;
using Microsoft.Extensions.DependencyInjection;

namespace Gatehouse.Tests.Governance;

/// <summary>The keys of sessions and form tokens: shared by all nodes, encrypted at rest.</summary>
public sealed class KeyRingTests
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("sqlite")]
    [InlineData("postgres")]
    public async Task A_session_and_its_form_token_hold_on_every_node(string kind)
    {
        await using var app = await TestApp.StartAsync(kind);
        await using var node = await app.StartNodeAsync();
        using var browser = await app.SignInFirstAsync();
        var token = await browser.TakeTokenAsync();
        using var elsewhere = node.Program(null);
        elsewhere.DefaultRequestHeaders.Add("Cookie", string.Join("; ", browser.Cookies.Select(c => $"{c.Name}={c.Value}")));
        elsewhere.DefaultRequestHeaders.Add("x-csrf-token", token);
        var tables = node.Services.GetRequiredService<GovernancePublisher>();
        await tables.RefreshAsync(Ct); // the person is as new as the session

        Assert.Equal(HttpStatusCode.OK, await elsewhere.GetAsync("api/me", Ct).StatusAsync());
        Assert.Equal(HttpStatusCode.Created, await elsewhere.PostAsJsonAsync("api/teams", new { name = "red" }, Ct).StatusAsync());
    }

    [Theory]
    [InlineData("sqlite")]
    [InlineData("postgres")]
    public async Task Nodes_that_make_the_first_key_at_once_end_with_the_same_one(string kind)
    {
        await using var app = await TestApp.StartAsync(kind);
        await using var node = await app.StartNodeAsync();
        var (first, second) = (app.Services.GetRequiredService<KeyRingStore>(), node.Services.GetRequiredService<KeyRingStore>());
        await app.Db.ExecuteAsync($"DELETE FROM governance_ring_key", Ct);
        await first.ReadAsync(Ct);
        await second.ReadAsync(Ct);

        // Both have seen an empty ring: the slower one's key is forgotten.
        var now = TimeProvider.System.GetUtcNow();
        app.Services.GetRequiredService<IKeyManager>().CreateNewKey(now, now.AddDays(90));
        node.Services.GetRequiredService<IKeyManager>().CreateNewKey(now, now.AddDays(90));
        await first.SaveAsync(Ct);
        await second.SaveAsync(Ct);

        var id = Assert.Single(app.Services.GetRequiredService<IKeyManager>().GetAllKeys()).KeyId;
        Assert.Equal(id, Assert.Single(node.Services.GetRequiredService<IKeyManager>().GetAllKeys()).KeyId);
        var text = app.Services.GetRequiredService<IDataProtectionProvider>().CreateProtector("test").Protect("hello");
        Assert.Equal("hello", node.Services.GetRequiredService<IDataProtectionProvider>().CreateProtector("test").Unprotect(text));
    }

    [Fact]
    public async Task The_next_key_is_made_before_the_last_expires_and_only_then()
    {
        await using var app = await TestApp.StartAsync();
        var worker = app.Services.GetRequiredService<KeyRingWorker>();
        var keys = app.Services.GetRequiredService<IKeyManager>();
        var store = app.Services.GetRequiredService<KeyRingStore>();
        await worker.LookAsync(Ct);
        Assert.Single(keys.GetAllKeys());

        await app.Db.ExecuteAsync($"DELETE FROM governance_ring_key", Ct);
        await store.ReadAsync(Ct);
        var now = TimeProvider.System.GetUtcNow();
        keys.CreateNewKey(now.AddDays(-80), now.AddDays(10));
        await store.SaveAsync(Ct);
        await worker.LookAsync(Ct);
        await worker.LookAsync(Ct);

        var both = keys.GetAllKeys().OrderBy(k => k.ActivationDate).ToList();
        Assert.Equal(2, both.Count);
        Assert.True(both[1].ActivationDate < both[0].ExpirationDate && both[1].ExpirationDate > now.AddDays(90));
    }

    [Fact]
    public async Task A_folder_can_hold_the_ring()
    {
        await using var app = await TestApp.StartAsync(server: "keys: ring");
        using var browser = await app.SignInFirstAsync();

        var ring = Assert.Single(Directory.GetFiles(Path.Combine(app.DataFolder, "ring")));
        var text = await File.ReadAllTextAsync(ring, Ct);

        Assert.Contains("KeyRingDecryptor", text, StringComparison.Ordinal);
        Assert.DoesNotContain("masterKey", text, StringComparison.OrdinalIgnoreCase);
        Assert.Empty(await app.Db.QueryAsync($"SELECT number FROM governance_ring_key", row => row.Long(0), Ct));
    }
}

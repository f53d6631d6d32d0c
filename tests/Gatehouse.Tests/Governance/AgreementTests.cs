using Gatehouse.Contracts;
using Gatehouse.Gateway.Routing;
using Gatehouse.Governance;
using Gatehouse.Tests.Host;
using Microsoft.Extensions.DependencyInjection;

namespace Gatehouse.Tests.Governance;

/// <summary>What is answered holds on every node, not only on the one that was asked.</summary>
public sealed class AgreementTests
{
    private const string Policy = "name: kept\nrules: [ { name: all, detect: terms, terms: [ hello ], action: block } ]\n";

    private static readonly Person _root = new(Guid.CreateVersion7(), "root", "root", [new Membership(null, Role.Admin)]);

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    /// <summary>For up to a second other nodes served keys that were revoked and providers that were switched off.</summary>
    [Fact]
    public async Task What_people_revoke_switch_off_or_change_holds_on_every_node_when_it_is_answered()
    {
        await using var app = await TestApp.StartAsync("postgres");
        await using var team = await TestTeam.BuildAsync(app, "blue");
        await using var node = await app.StartNodeAsync();
        var published = node.Services.GetRequiredService<Snapshot<GovernanceTables>>();
        var (keys, switches, systems, policies) = (
            app.Services.GetRequiredService<Keys>(), app.Services.GetRequiredService<Switches>(),
            app.Services.GetRequiredService<Systems>(), app.Services.GetRequiredService<GuardPolicies>());

        for (var i = 0; i < 3; i++)
        {
            var key = await keys.CreateAsync(_root, team.System, new NewKey(SystemEnvironment.Development, $"k{i}", null), Ct);
            Assert.False(Known(key.Key.Id).Revoked);
            await keys.RevokeAsync(_root, key.Key.Id, null, Ct);
            Assert.True(Known(key.Key.Id).Revoked);

            var off = await switches.OffAsync(_root, SwitchKind.Provider, "simulator", "drill", Ct);
            Assert.NotNull(published.Current.KillSwitches.Provider("simulator"));
            await switches.OnAsync(_root, off.Id, null, Ct);
            Assert.Null(published.Current.KillSwitches.Provider("simulator"));
        }

        await policies.SaveAsync(_root, "kept", Policy, null, inForce: true, Ct);
        Assert.Equal("kept", Assert.Single(published.Current.GuardPolicies).Name);
        await systems.SetPolicyAsync(
            _root, team.System, new EnvironmentPolicy(SystemEnvironment.Development, true, 7) { GuardPolicy = "kept" }, Ct);
        Assert.Equal("kept", published.Current.PolicyOf(team.System, SystemEnvironment.Development)!.GuardPolicy);
        await systems.ChangeAsync(_root, team.System, new SystemChange(null, null, SystemStage.Retired), Ct);
        Assert.Equal(SystemStage.Retired, published.Current.Systems[team.System].Stage);

        Principal Known(Guid id) => published.Current.Keys.Values.Single(k => k.KeyId == id);
    }
}

using System.Text.Json;
using Gatehouse.Contracts;
using Gatehouse.Gateway.Breakers;
using Gatehouse.Gateway.Limits;
using Gatehouse.Gateway.Routing;
using Gatehouse.Governance;
using Gatehouse.Tests.House;
using Microsoft.Extensions.Logging.Abstractions;

namespace Gatehouse.Tests.Governance;

/// <summary>The tables on a node's disk, which it starts from while the database is away.</summary>
public sealed class TablesFileTests : IDisposable
{
    private const string Database = "db.example.org:5432/gatehouse";
    private static readonly DateTimeOffset _now = new(2026, 11, 22, 10, 0, 0, TimeSpan.Zero);
    private static readonly InstallationSecret _secret = new([.. Enumerable.Range(0, 32).Select(i => (byte)i)]);

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("gatehouse-test-");

    private string Kept => Path.Combine(_folder.FullName, TablesFile.Name);

    public void Dispose() => _folder.Delete(recursive: true);

    [Fact]
    public void What_is_written_is_read_whole_and_only_by_its_owner()
    {
        var rows = Sample();
        Of(_secret).Write(rows, _now, 3);

        var kept = Of(_secret).Read(_now.AddHours(1));

        Assert.Equal((_now, 3, 41L), (kept.At, kept.Nodes, kept.Tables.Revision));
        var key = Assert.Single(kept.Tables.Keys);
        Assert.Equal(KeyHash.FromBytes(rows.Keys[0].Hash), key.Key);
        Assert.Equal(
            (true, "The system 'desk' is switched off: audit", "strict"), (key.Value.Revoked, key.Value.Off, key.Value.GuardPolicy));
        Assert.Equal("sk-secret", kept.Tables.StoredSecrets["openai"]);
        Assert.Equal([Measure.Money, Measure.Requests], kept.Tables.Limits.Select(l => l.Measure));
        Assert.Equal("the provider 'openai' is switched off: outage.", kept.Tables.KillSwitches.Provider("openai"));
        Assert.Equal("root@example.org", kept.Tables.People.Values.Single().Person.Email);
        Assert.Equal(rows.People[0].Person.Id, kept.Tables.Tokens.Values.Single().PersonId);
        Assert.Equal(rows.Breakers, kept.Tables.Breakers);
        Assert.Equal(rows.RingKeys, kept.RingKeys);
        Assert.Equal(rows.Policies, kept.Tables.GuardPolicies);
        Assert.Equal("pii", kept.Tables.Exceptions.Single().Detector);
        Assert.True(OperatingSystem.IsWindows()
            || File.GetUnixFileMode(Kept) == (UnixFileMode.UserRead | UnixFileMode.UserWrite));
        Assert.DoesNotContain("sk-secret", File.ReadAllText(Kept), StringComparison.Ordinal);
        Assert.Equal([TablesFile.Name], _folder.EnumerateFiles().Select(f => f.Name));
    }

    /// <summary>What was revoked on a full disk was served again after a start without the database.</summary>
    [Fact]
    public async Task Changed_tables_that_cannot_be_kept_take_the_old_ones_with_them()
    {
        using var standing = new TablesStanding(TimeProvider.System, null);
        var keeper = new TablesKeeper(Of(_secret), standing, NullLogger<TablesKeeper>.Instance);
        await keeper.KeepAsync(Sample(), _now, isNew: true);
        Directory.CreateDirectory(Kept + ".new"); // no room

        await keeper.KeepAsync(Sample(), _now.AddMinutes(5), isNew: false);
        Assert.True(keeper.HasFailed);
        Assert.Equal(_now, Of(_secret).Read(_now.AddHours(1)).At);

        await keeper.KeepAsync(Sample(), _now.AddMinutes(6), isNew: true);
        Assert.Contains("there is no", Refused(Of(_secret), _now), StringComparison.Ordinal);

        Directory.Delete(Kept + ".new");
        await keeper.KeepAsync(Sample(), _now.AddMinutes(7), isNew: false);
        Assert.False(keeper.HasFailed);
        Assert.Equal(_now.AddMinutes(7), Of(_secret).Read(_now.AddHours(1)).At);
    }

    [Fact]
    public void Each_byte_that_is_changed_or_cut_off_is_noticed()
    {
        Of(_secret).Write(Sample(), _now, 1);
        var whole = File.ReadAllBytes(Kept);
        for (var i = 0; i < whole.Length; i += 7)
        {
            var changed = whole.ToArray();
            changed[i] ^= 1;
            File.WriteAllBytes(Kept, changed);
            Assert.Throws<TablesRefusedException>(() => Of(_secret).Read(_now));

            File.WriteAllBytes(Kept, whole[..i]);
            Assert.Throws<TablesRefusedException>(() => Of(_secret).Read(_now));
        }

        File.WriteAllBytes(Kept, [.. whole, (byte)' ']);
        Assert.Contains("changed or cut off", Refused(Of(_secret), _now), StringComparison.Ordinal);
    }

    [Fact]
    public void Those_of_another_installation_database_or_version_are_refused_with_the_reason()
    {
        Of(_secret).Write(Sample(), _now, 1);

        Assert.Contains("another installation secret", Refused(Of(new(new byte[32])), _now), StringComparison.Ordinal);
        Assert.Contains(
            $"is of the database {Database}, and the configuration names db2:5432/gatehouse",
            Refused(new(_folder.FullName, "db2:5432/gatehouse", TimeSpan.FromHours(24), _secret), _now), StringComparison.Ordinal);
        var text = File.ReadAllText(Kept);
        File.WriteAllText(Kept, text.Replace("gatehouse-tables 1 ", "gatehouse-tables 2 ", StringComparison.Ordinal));
        Assert.Contains("another version of Gatehouse (format 2; this one reads 1)", Refused(Of(_secret), _now), StringComparison.Ordinal);
        File.WriteAllText(Kept, "");
        Assert.Contains("is no snapshot of tables, or damaged", Refused(Of(_secret), _now), StringComparison.Ordinal);
        File.Delete(Kept);
        Assert.Contains("there is no ", Refused(Of(_secret), _now), StringComparison.Ordinal);
    }

    [Fact]
    public void Those_that_are_too_old_or_from_the_future_are_refused()
    {
        Of(_secret).Write(Sample(), _now, 1);

        Assert.Equal(_now, Of(_secret).Read(_now.AddHours(24)).At);
        Assert.Contains("'storage.snapshot_max_age' allows 24 h", Refused(Of(_secret), _now.AddHours(24.1)), StringComparison.Ordinal);
        Assert.Contains("ahead of this machine's clock", Refused(Of(_secret), _now.AddMinutes(-6)), StringComparison.Ordinal);
        Assert.Contains(
            "which forbids it", Refused(new(_folder.FullName, Database, TimeSpan.Zero, _secret), _now), StringComparison.Ordinal);
    }

    /// <summary>A node that was updated while the database is away must not take a part that is missing for an empty one.</summary>
    [Fact]
    public void A_change_of_what_is_kept_raises_the_format()
    {
        var content = new TablesContent(Database, _now, 3, Sample() with { Secrets = [new SealedSecret("openai", [1, 2, 3])] });

        Golden.Check(
            $"tests/Gatehouse.Tests/Governance/tables-{TablesFile.Format}.json",
            JsonSerializer.Serialize(JsonSerializer.SerializeToElement(content, TablesJson.Default.TablesContent), Indented) + "\n");
    }

    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true };

    private static string Refused(TablesFile file, DateTimeOffset now) =>
        Assert.Throws<TablesRefusedException>(() => file.Read(now)).Message;

    private TablesFile Of(InstallationSecret secret) => new(_folder.FullName, Database, TimeSpan.FromHours(24), secret);

    /// <summary>One row of each, with every part that a row may have.</summary>
    private static GovernanceRows Sample()
    {
        var (team, system, key, person) = (Id(1), Id(2), Id(3), Id(4));
        var scope = new CallScope(team, system, key, "gpt", "*");
        return new GovernanceRows(
            41,
            [new KeyRow(key, system, SystemEnvironment.Production, [.. Enumerable.Repeat((byte)7, 32)], _now.AddDays(1), true)],
            [
                new AiSystem(
                    system, team, "payments", "desk", "Answers.", "ann", SystemStage.Live,
                    [.. Enum.GetValues<SystemEnvironment>().Select(e => new EnvironmentPolicy(e, true, 30) { GuardPolicy = "strict" })],
                    _now)
                {
                    Residency = "eu",
                    DataClassification = DataClassification.Confidential,
                },
            ],
            new Dictionary<Guid, string> { [team] = "payments" },
            [new TokenRow([.. Enumerable.Repeat((byte)8, 32)], person, _now.AddDays(2))],
            [
                new Switch(Id(5), SwitchKind.System, system.ToString(), "desk", team, "audit", "ann", _now),
                new Switch(Id(6), SwitchKind.Provider, "openai", "openai", null, "outage", "ann", _now),
            ],
            [new Budget(Id(7), "all", scope, BudgetPeriod.Month, BudgetMode.Hard, 12.5m, 80, UnknownPrice.Refuse, "ann", _now)],
            [new RateLimit(Id(8), "rate", scope, 60, null, null, "ann", _now)],
            [new SealedSecret("openai", Sealed)],
            [new PolicyRevision("strict", 2, "abc", "rules: []", "note", "ann", _now, true)],
            [
                new PolicyException(
                    Id(9), team, system, "desk", "pii", ["email"], _now.AddDays(3), "why", ExceptionState.Approved, "ann", _now, "bob",
                    _now, "fine", null, null),
            ],
            [new KnownPerson(new Person(person, "root@example.org", "Root", [new Membership(null, Role.Admin)]), "stamp")],
            [new SharedBreaker(system, SystemEnvironment.Production, "pii", true, 5, 4)],
            ["<key />"]);
    }

    /// <summary>Sealed once, because each time makes other bytes.</summary>
    private static readonly byte[] Sealed = SealedText.Seal(_secret.Derive("stored secrets"), "sk-secret", "openai");

    private static Guid Id(byte number) => new(0, 0, 0, [0, 0, 0, 0, 0, 0, 0, number]);
}

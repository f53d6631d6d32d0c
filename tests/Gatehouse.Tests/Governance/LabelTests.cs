using System.Net;
using System.Text;
using System.Text.Json;
using Gatehouse.Contracts;
using Gatehouse.Governance;
using Gatehouse.Guardrails.Evaluation;
using Gatehouse.Tests.Host;
using Microsoft.Extensions.DependencyInjection;

namespace Gatehouse.Tests.Governance;

/// <summary>What people say about the guards' findings becomes development data, on both databases.</summary>
public sealed class LabelTests
{
    private const string Text = "😀 Ask Maria at maria@example.com about Lake Placid";

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("sqlite")]
    [InlineData("postgres")]
    public async Task A_false_positive_is_exported_as_the_measure_reads_it(string kind)
    {
        await using var app = await TestApp.StartAsync(kind);
        await using var team = await TestTeam.BuildAsync(app, "red");
        var at = Text.IndexOf("Lake", StringComparison.Ordinal);
        var mail = Text.IndexOf("maria@", StringComparison.Ordinal);
        await AddAsync(team, new
        {
            detector = "pii", type = "PERSON", text = Text, verdict = "false_positive", system = (Guid?)team.System,
            spans = new[] { new { start = at, end = at + 11, type = "PERSON" } },
            others = new[] { new { start = mail, end = mail + 17, type = "EMAIL_ADDRESS" } },
        });
        await AddAsync(team, new
        {
            detector = "pii", type = "PERSON", text = Text, verdict = "missed", system = (Guid?)team.System,
            spans = new[] { new { start = 7, end = 12, type = "PERSON" } },
        });
        await AddAsync(
            team, new { detector = "injection", type = "JAILBREAK", text = "be brief", verdict = "false_positive", team = "red" });
        await AddAsync(team, new
        {
            detector = "injection", type = "INDIRECT", text = "doc", verdict = "right", side = "retrieved", team = "red",
        });
        await AddAsync(team, new
        {
            detector = "secrets", type = "GITHUB", text = "key ghp_x", verdict = "right", team = "red",
            spans = new[] { new { start = 4, end = 9, type = "GITHUB" } },
        });

        var sentence = Assert.Single(await ExportAsync(team, "pii"));
        var direct = Assert.Single(await ExportAsync(team, "injection"));
        var indirect = Assert.Single(await ExportAsync(team, "indirect"));
        var secret = Assert.Single(await ExportAsync(team, "secrets"));

        Assert.Equal(Text, sentence.Text);
        Assert.Equal([(7, 12, "PERSON"), (mail, mail + 17, "EMAIL_ADDRESS")], sentence.Spans.Select(s => (s.Start, s.End, s.Type)));
        Assert.Equal(("be brief", false, "gatehouse/sample"), (direct.Text, direct.Label, direct.Source));
        Assert.Equal(("doc", true), (indirect.Text, indirect.Label));
        Assert.Equal((4, 9, true), (secret.Spans[0].Start, secret.Spans[0].End, secret.Label));
        var figures = GuardEvaluation.Run(
            set => set == "pii" ? [sentence] : set == "injection" ? [direct] : set == "secrets" ? [secret] : null, []).ToList();
        Assert.NotEmpty(figures);
    }

    [Fact]
    public async Task A_second_look_changes_the_first_and_the_text_is_sealed_and_not_in_the_audit_log()
    {
        await using var app = await TestApp.StartAsync();
        await using var team = await TestTeam.BuildAsync(app, "red");
        object Label(string verdict) => new { detector = "pii", type = "PERSON", text = "secret words", verdict, team = "red" };

        var first = await AddAsync(team, Label("false_positive"));
        var second = await AddAsync(team, Label("right"));

        Assert.Equal(first.Id(), second.Id());
        var listed = (await team.GetAsync("api/guard/labels")).GetProperty("items").EnumerateArray().Single();
        Assert.Equal(("right", "secret words"), (listed.Text("verdict"), listed.Text("text")));
        Assert.Empty((await team.GetAsync("api/guard/labels?verdict=missed")).GetProperty("items").EnumerateArray());
        var stored = (await app.Db.QueryAsync($"SELECT text FROM governance_label", row => row.Bytes(0), Ct)).Single();
        Assert.DoesNotContain("words", Encoding.UTF8.GetString(stored), StringComparison.Ordinal);
        var audit = (await team.GetAsync("api/audit")).GetRawText();
        Assert.Contains("label.add", audit, StringComparison.Ordinal);
        Assert.DoesNotContain("secret words", audit, StringComparison.Ordinal);
        await team.SendAsync("DELETE", $"api/guard/labels/{first.Id()}", null, HttpStatusCode.NoContent);
        Assert.Empty((await team.GetAsync("api/guard/labels")).GetProperty("items").EnumerateArray());
    }

    /// <summary>Whether the text was kept was once decided by the first label of a place, for good.</summary>
    [Theory]
    [InlineData("sqlite")]
    [InlineData("postgres")]
    public async Task A_label_given_again_says_anew_whether_the_text_is_kept_and_what_else_is_in_it(string kind)
    {
        await using var app = await TestApp.StartAsync(kind);
        await using var team = await TestTeam.BuildAsync(app, "red");
        var labels = app.Services.GetRequiredService<Labels>();
        var label = new NewLabel(
            team.Team, "pii", "PERSON", "input", "secret words", [new LabelSpan(0, 6, "PERSON")], LabelVerdict.Right, LabelSource.Sample);

        foreach (var (keeps, others) in ((bool, LabelSpan[])[])[(false, []), (true, [new LabelSpan(7, 12, "CITY")]), (false, [])])
        {
            await labels.AddAsync(Observability.TestLedger.Admin, label with { KeepsText = keeps, Others = others }, Ct);

            var listed = Assert.Single(await labels.ListAsync(Observability.TestLedger.Admin, new LabelFilter(), Ct));
            Assert.Equal((keeps ? "secret words" : null, others.Length), (listed.Text, listed.Others.Count));
        }
    }

    [Fact]
    public async Task Roles_that_may_not_read_texts_see_labels_without_them_and_those_who_change_nothing_add_none()
    {
        await using var app = await TestApp.StartAsync();
        await using var team = await TestTeam.BuildAsync(app, "red");
        await AddAsync(team, new { detector = "pii", type = "PERSON", text = "words", verdict = "right", team = "red" });
        foreach (var role in Enum.GetValues<Role>())
        {
            using var http = app.Program((await app.AddPersonAsync($"reader-{role}@red.example.org", team.Team, role)).Token);

            var seen = (await http.GetAsync("api/guard/labels", Ct).JsonAsync(HttpStatusCode.OK)).GetProperty("items")[0];
            var added = await http.SendAsync(
                "POST", "api/guard/labels", new { detector = "pii", type = "PERSON", text = $"by {role}", verdict = "right", team = "red" })
                .StatusAsync();
            var exported = await http.GetAsync("api/guard/labels/export?set=pii", Ct).StatusAsync();

            var reads = Roles.Allows(role, Permission.ReadContent);
            Assert.Equal(reads, seen.TryGetProperty("text", out var text) && text.GetString() is not null);
            Assert.Equal(reads ? HttpStatusCode.OK : HttpStatusCode.Forbidden, exported);
            Assert.Equal(
                Roles.Allows(role, Permission.WriteLabels) ? HttpStatusCode.Created : HttpStatusCode.Forbidden, added);
        }
    }

    [Theory]
    [InlineData("""{"detector":"pii","type":"P","text":"ab","verdict":"right","team":"red","spans":[{"start":1,"end":3,"type":"P"}]}""", "spans")]
    [InlineData("""{"detector":"pii","type":"P","text":"","verdict":"right","team":"red"}""", "text")]
    [InlineData("""{"detector":"p i","type":"P","text":"a","verdict":"right","team":"red"}""", "detector")]
    [InlineData("""{"detector":"pii","type":"P","text":"a","verdict":"right","team":"red","side":"left"}""", "side")]
    public async Task What_makes_no_sense_is_refused_by_the_name_of_its_field(string body, string field)
    {
        await using var app = await TestApp.StartAsync();
        await using var team = await TestTeam.BuildAsync(app, "red");

        var answer = await team.PostRawAsync("api/guard/labels", body);

        Assert.Equal(422, answer.Status);
        Assert.StartsWith($"'{field}'", JsonElement.Parse(answer.Body).Text("detail"), StringComparison.Ordinal);
    }

    /// <summary>What is read while the export goes on shows that nothing reads it all beforehand.</summary>
    [Theory]
    [InlineData("sqlite")]
    [InlineData("postgres")]
    public async Task An_export_reads_a_page_at_a_time_and_every_label_of_a_text_into_one_line(string kind)
    {
        await using var app = await TestApp.StartAsync(kind);
        await using var team = await TestTeam.BuildAsync(app, "red");
        var root = new Person(Guid.Empty, "test", "test", [new Membership(null, Role.Admin)]);
        var labels = app.Services.GetRequiredService<Labels>();
        for (var i = 0; i < 210; i++)
        {
            var (text, start) = i switch { 0 => ("Maria and Jan", 0), 205 => ("Maria and Jan", 10), _ => ($"Maria {i}", 0) };
            await labels.AddAsync(root, new NewLabel(
                team.Team, "pii", "PERSON", "input", text, [new LabelSpan(start, start + 3, "PERSON")], LabelVerdict.Right,
                LabelSource.Playground), Ct);
            await labels.AddAsync(root, new NewLabel(
                team.Team, "terms", "TOPIC", "input", $"words {i}", [], LabelVerdict.Right, LabelSource.Playground), Ct);
        }

        var sentences = await ExportAsync(team, "pii");
        var read = 0;
        await foreach (var line in labels.Export(root, "other", null, Ct))
        {
            if (read++ == 0)
            {
                await app.Db.ExecuteAsync($"DELETE FROM governance_label WHERE detector = {"terms"}", Ct);
            }
        }

        Assert.Equal(209, sentences.Count);
        Assert.Equal(2, sentences.Single(s => s.Text == "Maria and Jan").Spans.Count);
        Assert.InRange(read, 1, 200);
    }

    [Fact]
    public async Task A_label_is_deleted_after_a_year()
    {
        await using var app = await TestApp.StartAsync();
        await using var team = await TestTeam.BuildAsync(app, "red");
        await AddAsync(team, new { detector = "pii", type = "PERSON", text = "words", verdict = "right", team = "red" });

        app.Clock.Advance(TimeSpan.FromDays(366));
        await app.Services.GetRequiredService<Labels>().DeleteExpiredAsync(app.Clock.GetUtcNow(), Ct);

        Assert.Equal(0, await app.Db.CountAsync($"SELECT COUNT(*) FROM governance_label"));
    }

    private static Task<JsonElement> AddAsync(TestTeam team, object label) =>
        team.SendAsync("POST", "api/guard/labels", label, HttpStatusCode.Created);

    private static async Task<List<LabelledText>> ExportAsync(TestTeam team, string set) =>
        [.. (await team.GetTextAsync($"api/guard/labels/export?set={set}")).Split('\n', StringSplitOptions.RemoveEmptyEntries)
            .Select(LabelledText.Read)];
}

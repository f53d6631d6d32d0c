using System.Net;
using System.Text.RegularExpressions;
using Gatehouse.Configuration;
using Gatehouse.Contracts;
using Gatehouse.Governance;
using Gatehouse.Tests.Host;
using Microsoft.Extensions.DependencyInjection;

namespace Gatehouse.Tests.Console;

/// <summary>Pages of the console over HTTP, as a browser without scripts uses them.</summary>
public sealed partial class PagesTests
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("0")]
    public async Task A_role_is_given_everywhere_only_by_the_word(string? team)
    {
        await using var app = await TestApp.StartAsync();
        using var admin = await app.SignInFirstAsync();

        var refused = await InviteAsync(admin, "ann@example.org", team);
        var made = await InviteAsync(admin, "bob@example.org", "everywhere");

        Assert.Contains("must be a team", refused, StringComparison.Ordinal);
        Assert.Contains("Send this link to bob@example.org", made, StringComparison.Ordinal);
        Assert.DoesNotContain("ann@example.org</td>", made, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(Role.Auditor, true)]
    [InlineData(Role.Engineer, false)]
    public async Task What_is_wrong_with_the_configuration_is_told_to_those_who_may_read_it(Role role, bool told)
    {
        await using var app = await TestApp.StartAsync();
        using var admin = await app.SignInFirstAsync();
        var people = app.Services.GetRequiredService<People>();
        var root = new Person(Guid.Empty, "test", "test", [new Membership(null, Role.Admin)]);
        var link = (await people.InviteAsync(root, new NewPerson("ann@example.org", "Ann", [new Membership(null, role)]), Ct)).Link;
        using var ann = app.Open();
        await ann.Http.SendAsync("POST", "api/session/welcome", new { token = link.Split('/')[^1], password = TestApp.Password }).JsonAsync(HttpStatusCode.OK);
        await File.WriteAllTextAsync(Path.Combine(app.DataFolder, ConfigurationSource.DefaultFile), "colour: red\n", Ct);
        await app.Services.GetRequiredService<ConfigurationState>().ReloadAsync(Ct);

        var page = await ann.Http.GetStringAsync("systems", Ct);

        Assert.Equal(told, page.Contains("is not a setting", StringComparison.Ordinal));
    }

    /// <param name="team">Left out of the form when <see langword="null"/>.</param>
    private static async Task<string> InviteAsync(TestBrowser admin, string email, string? team)
    {
        var page = await admin.Http.GetStringAsync("settings", Ct);
        var fields = new Dictionary<string, string>
        {
            ["__RequestVerificationToken"] = FormToken().Match(page).Groups[1].Value,
            ["_handler"] = "invite",
            ["Input.Email"] = email,
            ["Input.Name"] = "Ann",
            ["Grant.Role"] = "Viewer",
        };
        if (team is not null)
        {
            fields["Grant.Team"] = team;
        }

        using var form = new FormUrlEncodedContent(fields);
        using var response = await admin.Http.PostAsync("settings", form, Ct);
        return await response.Content.ReadAsStringAsync(Ct);
    }

    [GeneratedRegex("name=\"__RequestVerificationToken\" value=\"([^\"]+)\"")]
    private static partial Regex FormToken();
}

using System.Text;
using Gatehouse.Contracts;

namespace Gatehouse.Tests.House;

/// <summary><c>docs/reference/permissions.md</c> is made from <see cref="Roles"/>.</summary>
public sealed class PermissionsReferenceTests
{
    [Fact]
    public void The_document_shows_every_role_and_permission()
    {
        var roles = Enum.GetValues<Role>();
        var text = new StringBuilder()
            .AppendLine("# Roles and permissions")
            .AppendLine()
            .AppendLine("Generated from `src/Gatehouse.Contracts/People.cs`; a test fails when this file is stale. A person has a role in a team, or in every")
            .AppendLine("team of the installation. Rows of a team in which a person has no role do not exist for them: the API answers 404.")
            .AppendLine()
            .Append("| permission | ").AppendJoin(" | ", roles.Select(r => r.ToString().ToLowerInvariant())).AppendLine(" |")
            .Append("| --- |").AppendLine(string.Concat(Enumerable.Repeat(" --- |", roles.Length)));
        foreach (var permission in Enum.GetValues<Permission>())
        {
            text.Append("| ").Append(System.Text.Json.JsonNamingPolicy.SnakeCaseLower.ConvertName(permission.ToString())).Append(" | ")
                .AppendJoin(" | ", roles.Select(r => Roles.Allows(r, permission) ? "yes" : "–")).AppendLine(" |");
        }

        text.AppendLine().AppendLine("| | means |").AppendLine("| --- | --- |");
        var xml = System.Xml.Linq.XDocument.Load(Path.ChangeExtension(typeof(Roles).Assembly.Location, ".xml"));
        foreach (var name in Enum.GetNames<Role>().Select(n => $"Role.{n}")
            .Concat(Enum.GetNames<Permission>().Select(n => $"Permission.{n}")))
        {
            var member = xml.Descendants("member").Single(m => m.Attribute("name")!.Value == $"F:Gatehouse.Contracts.{name}");
            text.Append("| ").Append(System.Text.Json.JsonNamingPolicy.SnakeCaseLower.ConvertName(name.Split('.')[1])).Append(" | ")
                .Append(member.Element("summary")!.Value.Trim()).AppendLine(" |");
        }

        Golden.Check("docs/reference/permissions.md", text.ToString());
    }
}

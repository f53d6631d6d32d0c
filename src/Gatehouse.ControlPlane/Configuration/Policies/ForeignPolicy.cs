namespace Gatehouse.Configuration;

/// <summary>
/// What a policy that came over the network may not have, seen in its text before anything of it is bound: bound, a file's path would be
/// opened already.
/// </summary>
internal static class ForeignPolicy
{
    /// <param name="isKept">It is to apply to calls; else it is only checked.</param>
    /// <returns>Whether there is nothing of the kind.</returns>
    public static bool Check(string text, string file, bool isKept, List<ConfigurationError> errors)
    {
        var before = errors.Count;
        if (YamlReader.Read(file, text, []) is not { } root || root.Entries.Find(e => e.Key.Text == "rules").Value is not YamlList rules)
        {
            return true; // what is wrong with it is told when it is bound
        }

        foreach (var rule in rules.Items.OfType<YamlMapping>())
        {
            foreach (var (key, value) in rule.Entries)
            {
                if (key.Text == "schema" && value is YamlValue schema && !schema.Text.TrimStart().StartsWith('{'))
                {
                    errors.Add(new(
                        file, value.Place.Line, value.Place.Column, "A JSON Schema is not read from a file here.", "Write it out, as JSON."));
                }
                else if (isKept && (key.Text == "webhook" || (key.Text == "detect" && value is YamlValue { Text: "webhook" })))
                {
                    errors.Add(new(
                        file, key.Place.Line, key.Place.Column, "A webhook, which sends texts away, stands in a policy file.",
                        "Files are reviewed where the installation's other addresses are."));
                    break;
                }
            }
        }

        return errors.Count == before;
    }
}

namespace Gatehouse.Gateway.Conversation;

/// <summary>
/// Names of parameters and models that are reported in a header. Some come from callers, so they are cut to what a header may hold:
/// their number, their length and their characters.
/// </summary>
internal static class ParameterNames
{
    private const int MaxNames = 50;
    private const int MaxChars = 100;
    private const string More = "and more";

    /// <summary>Adds a name that the list does not hold yet; beyond 50 names, only that there are more.</summary>
    public static void AddOnce(this List<string> names, string name)
    {
        var shown = Shown(name, MaxChars);
        if (!names.Contains(shown) && names.Count <= MaxNames)
        {
            names.Add(names.Count < MaxNames ? shown : More);
        }
    }

    /// <summary>The name itself if it is short, printable ASCII, else as much of it as a header may hold.</summary>
    public static string Shown(string name, int maxChars)
    {
        if (name.Length <= maxChars && !name.AsSpan().ContainsAnyExceptInRange('!', '~') && !name.Contains(','))
        {
            return name;
        }

        return string.Create(Math.Min(name.Length, maxChars), name, static (to, from) =>
        {
            for (var i = 0; i < to.Length; i++)
            {
                to[i] = from[i] is > ' ' and < '\x7f' and not ',' || (from[i] == ' ' && i > 0) ? from[i] : '?';
            }
        });
    }
}

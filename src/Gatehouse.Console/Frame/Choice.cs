namespace Gatehouse.Console.Frame;

/// <summary>
/// Reads a value of an enum by its name, as addresses and forms carry it. Numbers and lists, which the framework would take, are none.
/// </summary>
internal static class Choice
{
    public static T? Of<T>(string? name)
        where T : struct, Enum
    {
        foreach (var value in Enum.GetValues<T>())
        {
            if (string.Equals(value.ToString(), name, StringComparison.OrdinalIgnoreCase))
            {
                return value;
            }
        }

        return null;
    }
}

namespace Gatehouse.Console.Frame;

/// <summary>Where a form leads back to: a path of this console and nothing else.</summary>
internal static class LocalPath
{
    public static string Of(string? path) =>
        path is ['/', ..] and not ['/', '/' or '\\', ..] && !path.Any(char.IsControl) ? path : "/";
}

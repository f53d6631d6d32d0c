namespace Gatehouse;

/// <summary>The door: the server and the commands of the CLI.</summary>
internal static class Program
{
    private static int Main() => 0;
}

using Gatehouse.Output;

namespace Gatehouse.Hosting;

/// <summary>What a person needs after the start.</summary>
/// <param name="Url">Where it listens.</param>
/// <param name="PublicUrl">Where people reach it: the same, or a proxy's address.</param>
/// <param name="SignInLink">Makes the first administrator; <see langword="null"/> once there is one.</param>
/// <param name="Key">The sample system's key; <see langword="null"/> without samples.</param>
internal sealed record Running(
    Uri Url, Uri PublicUrl, string Configuration, string Database, string? SignInLink, string? Key, string Model);

/// <summary>Prints <see cref="Running"/>; the line that begins with READY is last and stable, for scripts.</summary>
internal static class Welcome
{
    public static void Print(Terminal terminal, Running running)
    {
        var url = running.Url.ToString().TrimEnd('/');
        var shown = running.PublicUrl.ToString().TrimEnd('/');
        var print = terminal.Out;
        print.WriteLine();
        print.WriteLine($"Gatehouse runs on {shown}");
        print.WriteLine();
        terminal.WriteFields(
            ("Console", shown + "/"),
            ("Configuration", running.Configuration),
            ("Database", running.Database));
        if (running.SignInLink is { } link)
        {
            print.WriteLine();
            print.WriteLine("Create the first account, the administrator's (this link works once):");
            print.WriteLine($"  {link}");
        }

        if (running.Key is { } key)
        {
            print.WriteLine();
            print.WriteLine("Call a model:");
            print.WriteLine($"  curl {shown}/v1/chat/completions \\");
            print.WriteLine($"    -H 'Authorization: Bearer {key}' -H 'Content-Type: application/json' \\");
            print.WriteLine($"    -d '{{\"model\": \"{running.Model}\", \"messages\": [{{\"role\": \"user\", \"content\": \"Hello\"}}]}}'");
        }

        print.WriteLine();
        print.WriteLine($"READY {url}");
        print.Flush();
    }
}

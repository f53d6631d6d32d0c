using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;

namespace Gatehouse.EndToEnd.Tests;

/// <summary>A PostgreSQL of the test's own, which can be stopped and started again on its data.</summary>
internal sealed partial class PostgresServer : IAsyncDisposable
{
    private const int Attempts = 5;
    private const int StopSignal = 19;
    private const int ContinueSignal = 18;

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("gatehouse-postgres-");
    private readonly string _programs = FindPrograms();
    private int _port;

    private string Data => Path.Combine(_folder.FullName, "data");

    public string ConnectionString =>
        $"Host=127.0.0.1;Port={_port};Username=gatehouse;Database=postgres;Timeout=3;Maximum Pool Size=20";

    public static async Task<PostgresServer> StartNewAsync()
    {
        var server = new PostgresServer();
        if (Environment.IsPrivilegedProcess)
        {
            await server.RunAsync("chown", "postgres", server._folder.FullName); // PostgreSQL refuses to run as root
        }

        await server.AsOwnerAsync("initdb", "-D", server.Data, "-U", "gatehouse", "-A", "trust", "--no-sync", "--no-instructions");
        for (var attempt = 1; ; attempt++)
        {
            server._port = Ports.Free();
            try
            {
                await server.StartAsync();
                return server;
            }
            catch (InvalidOperationException) when (attempt < Attempts)
            {
                // Somebody took the port meanwhile.
            }
        }
    }

    public Task StartAsync() => AsOwnerAsync(
        "pg_ctl", "-D", Data, "-l", Path.Combine(Data, "log"), "-w", "-o",
        $"-c listen_addresses=127.0.0.1 -c port={_port.ToString(CultureInfo.InvariantCulture)} -c unix_socket_directories= -c fsync=off",
        "start");

    /// <summary>From the next connection on it asks everybody but its owner for a password.</summary>
    public async Task AskPasswordsAsync()
    {
        await File.WriteAllTextAsync(
            Path.Combine(Data, "pg_hba.conf"), "host all gatehouse 127.0.0.1/32 trust\nhost all all 127.0.0.1/32 scram-sha-256\n");
        await AsOwnerAsync("pg_ctl", "-D", Data, "reload");
    }

    /// <summary>Cuts all connections and ends without tidying up, as a crash does; what was committed is there after a start.</summary>
    public Task StopAsync() => AsOwnerAsync("pg_ctl", "-D", Data, "-m", "immediate", "-w", "stop");

    /// <summary>It falls silent: no process of it runs any more, connections stay, and new ones are taken by nobody.</summary>
    public void Freeze()
    {
        var server = Server();
        _ = Signal(server, StopSignal); // first, so that it makes no more
        foreach (var child in ChildrenOf(server))
        {
            _ = Signal(child, StopSignal);
        }
    }

    public void Thaw()
    {
        var server = Server();
        foreach (var child in ChildrenOf(server).Prepend(server))
        {
            _ = Signal(child, ContinueSignal);
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (File.Exists(Path.Combine(Data, "postmaster.pid")))
        {
            Thaw();
            await StopAsync();
        }

        _folder.Delete(recursive: true);
    }

    private int Server() => int.Parse(
        File.ReadLines(Path.Combine(Data, "postmaster.pid")).First(), NumberStyles.None, CultureInfo.InvariantCulture);

    private static IEnumerable<int> ChildrenOf(int parent) =>
        File.ReadAllText($"/proc/{parent}/task/{parent}/children").Split(' ', StringSplitOptions.RemoveEmptyEntries)
            .Select(id => int.Parse(id, NumberStyles.None, CultureInfo.InvariantCulture));

    [LibraryImport("libc", EntryPoint = "kill")]
    private static partial int Signal(int process, int signal);

    /// <summary>Debian keeps them out of the path, each version in a folder.</summary>
    private static string FindPrograms()
    {
        const string debian = "/usr/lib/postgresql";
        var folders = Directory.Exists(debian) ? Directory.GetDirectories(debian).Select(d => Path.Combine(d, "bin")) : [];
        return folders.Concat((Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator))
            .FirstOrDefault(d => File.Exists(Path.Combine(d, "initdb")))
            ?? throw new InvalidOperationException("PostgreSQL's programs are not installed: run ./test.sh, which installs them.");
    }

    private Task AsOwnerAsync(string program, params string[] arguments)
    {
        var path = Path.Combine(_programs, program);
        return Environment.IsPrivilegedProcess
            ? RunAsync("runuser", ["-u", "postgres", "--", path, .. arguments])
            : RunAsync(path, arguments);
    }

    private async Task RunAsync(string program, params string[] arguments)
    {
        // Without pipes: the server that pg_ctl leaves behind would keep them open.
        using var process = Process.Start(new ProcessStartInfo(program, arguments) { WorkingDirectory = _folder.FullName })!;
        await process.WaitForExitAsync();
        if (process.ExitCode != 0)
        {
            throw new InvalidOperationException($"{program} {string.Join(' ', arguments)} ended with exit code {process.ExitCode}.");
        }
    }
}

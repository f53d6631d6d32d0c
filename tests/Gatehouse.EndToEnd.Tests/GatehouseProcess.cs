using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text;
using System.Threading.Channels;

namespace Gatehouse.EndToEnd.Tests;

/// <summary>The built executable, running on a free port with a folder of its own.</summary>
internal sealed partial class GatehouseProcess : IAsyncDisposable
{
    private const int TerminateSignal = 15;
    private const int StopSignal = 19;
    private const int ContinueSignal = 18;
    private static readonly string[] FreePort = ["--address", "127.0.0.1:0"];
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private readonly Process _process;
    private readonly StringBuilder _output = new();
    private readonly Channel<string> _lines = Channel.CreateUnbounded<string>();
    private readonly Task _reading;
    private readonly bool _ownsFolder;

    private GatehouseProcess(Process process, string folder, bool ownsFolder)
    {
        _process = process;
        _ownsFolder = ownsFolder;
        Folder = folder;
        _reading = Task.WhenAll(ReadAsync(process.StandardOutput), ReadAsync(process.StandardError));
    }

    public static string Executable { get; } = Environment.GetEnvironmentVariable("GATEHOUSE_EXECUTABLE") is { Length: > 0 } set
        ? set
        : Path.Combine(Checkout, "src", "Gatehouse", "bin", "Release", "net10.0", "gatehouse");

    /// <summary>The folder of the solution.</summary>
    public static string Checkout => FindCheckout();

    /// <summary>Holds <c>gatehouse.yaml</c> and <c>data</c>.</summary>
    public string Folder { get; }

    public string ConfigurationFile => Path.Combine(Folder, "gatehouse.yaml");

    public Uri Url { get; private set; } = null!;

    /// <summary>Everything printed so far.</summary>
    public string Output
    {
        get
        {
            lock (_output)
            {
                return _output.ToString();
            }
        }
    }

    public string SampleKey => File.ReadAllText(Path.Combine(Folder, "data", "sample-key")).Trim();

    public string CliToken => File.ReadAllText(Path.Combine(Folder, "data", "cli-token")).Trim();

    public int Id => _process.Id;

    /// <param name="yaml">The configuration; <see langword="null"/> for the embedded default.</param>
    /// <param name="folder">A folder of an earlier process, to start again on its data.</param>
    public static async Task<GatehouseProcess> StartAsync(
        string? yaml = null, string? folder = null, IReadOnlyDictionary<string, string>? environment = null, params string[] flags)
    {
        var owns = folder is null;
        folder ??= Directory.CreateTempSubdirectory("gatehouse-test-").FullName;
        if (yaml is not null)
        {
            await File.WriteAllTextAsync(Path.Combine(folder, "gatehouse.yaml"), yaml);
        }

        return await BeginAsync(
            Describe(folder, environment, ["up", .. flags.Contains("--address") ? [] : FreePort, .. flags]), folder, owns);
    }

    /// <summary>Starts one that may have only so many files and sockets open.</summary>
    public static async Task<GatehouseProcess> StartLimitedAsync(int openFiles, string? yaml = null)
    {
        var folder = Directory.CreateTempSubdirectory("gatehouse-test-").FullName;
        if (yaml is not null)
        {
            await File.WriteAllTextAsync(Path.Combine(folder, "gatehouse.yaml"), yaml);
        }

        return await BeginAsync(DescribeLimited(openFiles, folder), folder, ownsFolder: true);
    }

    /// <summary>The same where it is to end by itself.</summary>
    public static async Task<CommandResult> RunLimitedAsync(int openFiles)
    {
        var folder = Directory.CreateTempSubdirectory("gatehouse-test-");
        var result = await RunAsync(DescribeLimited(openFiles, folder.FullName));
        folder.Delete(recursive: true);
        return result;
    }

    /// <summary>Runs a command to its end in a folder.</summary>
    public static async Task<CommandResult> RunAsync(
        string folder, IReadOnlyDictionary<string, string>? environment, params string[] arguments) =>
        await RunAsync(Describe(folder, environment, arguments));

    /// <summary>The same with what the modes of files allow: root may read and write whatever they say.</summary>
    public static async Task<CommandResult> RunUnprivilegedAsync(string folder, params string[] arguments)
    {
        var start = Describe(folder, null, arguments);
        return await RunAsync(Environment.IsPrivilegedProcess ? Behind(start, "setpriv", "--bounding-set=-dac_override", "--") : start);
    }

    private static async Task<CommandResult> RunAsync(ProcessStartInfo start)
    {
        using var process = Process.Start(start)!;
        var output = process.StandardOutput.ReadToEndAsync();
        var error = process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync().WaitAsync(Patience);
        return new CommandResult(process.ExitCode, await output, await error);
    }

    /// <summary>Runs a command that reads its standard input.</summary>
    public static async Task<CommandResult> PipeAsync(
        string input, string folder, IReadOnlyDictionary<string, string>? environment, params string[] arguments)
    {
        var start = Describe(folder, environment, arguments);
        start.RedirectStandardInput = true;
        using var process = Process.Start(start)!;
        var output = process.StandardOutput.ReadToEndAsync();
        var error = process.StandardError.ReadToEndAsync();
        await process.StandardInput.WriteAsync(input);
        process.StandardInput.Close();
        await process.WaitForExitAsync().WaitAsync(Patience);
        return new CommandResult(process.ExitCode, await output, await error);
    }

    /// <summary>Runs a command of the CLI in this process's folder, where it finds address and token by itself.</summary>
    public Task<CommandResult> CliAsync(params string[] arguments) => RunAsync(Folder, null, arguments);

    public HttpClient CreateClient(string? bearer = null)
    {
        var http = new HttpClient { BaseAddress = Url };
        http.DefaultRequestHeaders.Authorization = new("Bearer", bearer ?? SampleKey);
        return http;
    }

    public async Task<string> WaitForLineAsync(Func<string, bool> wanted)
    {
        using var timeout = new CancellationTokenSource(Patience);
        try
        {
            await foreach (var line in _lines.Reader.ReadAllAsync(timeout.Token))
            {
                if (wanted(line))
                {
                    return line;
                }
            }
        }
        catch (OperationCanceledException)
        {
            Kill();
            throw new TimeoutException($"gatehouse did not print the line in time:\n{Output}");
        }

        await _process.WaitForExitAsync().WaitAsync(Patience); // its output ends a moment before it does
        throw new InvalidOperationException($"gatehouse ended with exit code {_process.ExitCode}:\n{Output}");
    }

    /// <summary>SIGTERM, then the end of its drain.</summary>
    public async Task<int> StopAsync()
    {
        Terminate();
        return await EndAsync();
    }

    /// <summary>SIGSTOP: it stands still as in a machine that is suspended.</summary>
    public void Freeze() => _ = Signal(_process.Id, StopSignal);

    /// <summary>SIGCONT: it goes on where it stood.</summary>
    public void Thaw() => _ = Signal(_process.Id, ContinueSignal);

    /// <summary>SIGTERM alone.</summary>
    public void Terminate() => _ = Signal(_process.Id, TerminateSignal);

    /// <returns>The exit code, once the process is gone.</returns>
    public async Task<int> EndAsync()
    {
        await _process.WaitForExitAsync().WaitAsync(Patience);
        await _reading;
        return _process.ExitCode;
    }

    /// <summary>SIGKILL: no code of the process runs any more.</summary>
    public void Kill()
    {
        _process.Kill();
        _process.WaitForExit();
    }

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
        {
            Kill();
        }

        await _reading;
        _process.Dispose();
        if (_ownsFolder)
        {
            Directory.Delete(Folder, recursive: true);
        }
    }

    private static async Task<GatehouseProcess> BeginAsync(ProcessStartInfo start, string folder, bool ownsFolder)
    {
        var gatehouse = new GatehouseProcess(Process.Start(start)!, folder, ownsFolder);
        var ready = await gatehouse.WaitForLineAsync(line => line.StartsWith("READY ", StringComparison.Ordinal));
        gatehouse.Url = new Uri(ready["READY ".Length..].Trim());
        return gatehouse;
    }

    private static ProcessStartInfo DescribeLimited(int openFiles, string folder) =>
        Behind(Describe(folder, null, ["up", .. FreePort]), "bash", "-c", $"ulimit -n {openFiles} && exec \"$0\" \"$@\"");

    /// <summary>The same process, started by a command that its own command line is appended to.</summary>
    private static ProcessStartInfo Behind(ProcessStartInfo start, string program, params string[] arguments)
    {
        string[] command = [.. arguments, start.FileName, .. start.ArgumentList];
        start.FileName = program;
        start.ArgumentList.Clear();
        foreach (var argument in command)
        {
            start.ArgumentList.Add(argument);
        }

        return start;
    }

    private static ProcessStartInfo Describe(string folder, IReadOnlyDictionary<string, string>? environment, params string[] arguments)
    {
        var start = new ProcessStartInfo(Executable, arguments)
        {
            WorkingDirectory = folder,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach (var name in start.Environment.Keys.Where(
            k => k.EndsWith("_API_KEY", StringComparison.Ordinal) || k.StartsWith("GATEHOUSE_", StringComparison.Ordinal)).ToList())
        {
            start.Environment.Remove(name);
        }

        // Hundreds of processes live for seconds: what is compiled better meanwhile is compiled for nobody.
        start.Environment["DOTNET_TC_CallCountingDelayMs"] = "3000";
        foreach (var (name, value) in environment ?? new Dictionary<string, string>())
        {
            start.Environment[name] = value;
        }

        return start;
    }

    private static string FindCheckout()
    {
        var folder = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(folder, "Gatehouse.slnx")))
        {
            folder = Path.GetDirectoryName(folder) ?? throw new InvalidOperationException("The tests run outside the checkout.");
        }

        return folder;
    }

    private async Task ReadAsync(StreamReader from)
    {
        while (await from.ReadLineAsync() is { } line)
        {
            lock (_output)
            {
                _output.AppendLine(line);
            }

            _lines.Writer.TryWrite(line);
        }

        _lines.Writer.TryComplete();
    }

    [LibraryImport("libc", EntryPoint = "kill")]
    private static partial int Signal(int process, int signal);
}

/// <summary>How a command ended.</summary>
internal sealed record CommandResult(int ExitCode, string Output, string Error);

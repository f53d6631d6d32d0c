using System.IO.Enumeration;
using System.Security.Cryptography;
using System.Text;
using System.Threading.Channels;
using Gatehouse.Contracts;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Gatehouse.Configuration;

/// <summary>
/// Reloads the configuration when its file, or a file that it refers to, changes. The file system's events make it quick; looking
/// every two seconds makes it sure, where events do not come (network disks, mounted ConfigMaps, too many watches).
/// </summary>
internal sealed partial class ConfigurationWatcher(ConfigurationState state, TimeProvider clock, ILogger<ConfigurationWatcher> log)
    : BackgroundService
{
    private const int MaxHashedBytes = 1 << 20;
    private const int MaxLooksUntilQuiet = 40;

    private static readonly TimeSpan Look = TimeSpan.FromSeconds(2);

    /// <summary>A file that did not change for so long is written to its end.</summary>
    private static readonly TimeSpan Quiet = TimeSpan.FromMilliseconds(50);

    private readonly Channel<bool> _events = Channel.CreateBounded<bool>(
        new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });

    protected override async Task ExecuteAsync(CancellationToken stopping)
    {
        using var events = TryWatch();
        var seen = "";
        var look = Beats.NextAsync(Look, clock, stopping);
        var wake = _events.Reader.WaitToReadAsync(stopping).AsTask();
        while (!stopping.IsCancellationRequested)
        {
            await Task.WhenAny(look, wake); // the first look too: the start has just read the file
            if (look.IsCompleted)
            {
                look = Beats.NextAsync(Look, clock, stopping);
            }

            if (wake.IsCompleted)
            {
                _events.Reader.TryRead(out _);
                wake = _events.Reader.WaitToReadAsync(stopping).AsTask();
            }

            try
            {
                if (!stopping.IsCancellationRequested)
                {
                    seen = await LookAsync(seen, stopping);
                }
            }
            catch (Exception e) when (!stopping.IsCancellationRequested)
            {
                // The revision in force stays, whole; the next look tries again.
                LookFailed(e);
            }
        }
    }

    /// <returns>The stamp of the files that were read, to be given to the next look.</returns>
    private async Task<string> LookAsync(string seen, CancellationToken ct)
    {
        var stamp = Stamp();
        if (stamp == seen)
        {
            return seen;
        }

        for (var looks = 0; looks < MaxLooksUntilQuiet; looks++)
        {
            await Task.Delay(Quiet, clock, ct);
            var later = Stamp();
            if (later == stamp && !IsEmpty())
            {
                break;
            }

            stamp = later;
        }

        var files = state.Files;
        await state.ReloadAsync(ct);

        // When the reload found other files to watch, the next look begins anew, so that no change in between is missed.
        return files.SequenceEqual(state.Files) ? stamp : "";
    }

    private FileSystemWatcher? TryWatch()
    {
        var folder = Path.GetDirectoryName(state.Loader.SourcePath)!;
        try
        {
            var watcher = new FileSystemWatcher(folder) { InternalBufferSize = 8 << 10 };
            watcher.Changed += (_, e) => Happened(e);
            watcher.Created += (_, e) => Happened(e);
            watcher.Deleted += (_, e) => Happened(e);
            watcher.Renamed += (_, e) => Happened(e);
            watcher.EnableRaisingEvents = true;
            return watcher;
        }
        catch (Exception e) when (e is IOException or ArgumentException or UnauthorizedAccessException)
        {
            EventsMissing(folder, Look.TotalSeconds, e.Message);
            return null;
        }
    }

    /// <summary>
    /// Others may write to the folder all the time: a log, or the database. A mounted ConfigMap changes by its link <c>..data</c>.
    /// </summary>
    private void Happened(FileSystemEventArgs e)
    {
        if (Concerns(e.Name, e.FullPath) || (e is RenamedEventArgs renamed && Concerns(renamed.OldName, renamed.OldFullPath)))
        {
            _events.Writer.TryWrite(true);
        }
    }

    /// <summary>One of our files, one that a pattern means, or a link, behind which they may be.</summary>
    private bool Concerns(string? name, string path) =>
        name is not null
            && (name.StartsWith("..", StringComparison.Ordinal)
                || state.Files.Append(state.Loader.SourcePath).Any(
                    f => FileSystemName.MatchesSimpleExpression(Path.GetFileName(f.AsSpan()), name, ignoreCase: false))
                || new FileInfo(path).LinkTarget is not null);

    /// <summary>Whoever emptied the file is most likely about to write it: that is given a little time.</summary>
    private bool IsEmpty() => new FileInfo(state.Loader.SourcePath) is { Exists: true, Length: 0 };

    /// <summary>
    /// Changes when a file's content does: a hash of small files, length and time of large ones; for a pattern, when a file comes or goes.
    /// </summary>
    private string Stamp()
    {
        var stamp = new StringBuilder();
        foreach (var path in state.Files.Append(state.Loader.SourcePath).Distinct(StringComparer.Ordinal))
        {
            stamp.Append(path).Append('=');
            try
            {
                if (path.Contains('*', StringComparison.Ordinal))
                {
                    // A pattern: its files are stamped themselves; here it counts which there are.
                    stamp.AppendJoin('|', Directory.EnumerateFiles(Path.GetDirectoryName(path)!, Path.GetFileName(path)).Order(
                        StringComparer.Ordinal)).Append('\n');
                    continue;
                }

                // An open handle is of the file behind every link.
                using var file = File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
                var length = RandomAccess.GetLength(file);
                if (length <= MaxHashedBytes)
                {
                    var bytes = new byte[length];
                    var read = RandomAccess.Read(file, bytes, 0);
                    stamp.Append(Convert.ToHexString(SHA256.HashData(bytes.AsSpan(0, read))));
                }
                else
                {
                    stamp.Append(length).Append('@').Append(File.GetLastWriteTimeUtc(file).Ticks);
                }
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                stamp.Append(e.GetType().Name);
            }

            stamp.Append('\n');
        }

        return stamp.ToString();
    }

    [LoggerMessage(Level = LogLevel.Error, Message = "Looking at the configuration failed; the revision in force stays.")]
    private partial void LookFailed(Exception e);

    [LoggerMessage(Level = LogLevel.Warning,
        Message = "The system gives no events for {Folder}; its files are looked at every {Seconds} seconds. {Reason}")]
    private partial void EventsMissing(string folder, double seconds, string reason);
}

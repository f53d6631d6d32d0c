using Microsoft.AspNetCore.Http;

namespace Gatehouse.Gateway.Batches;

/// <summary>The paths of files and batches, where the host keeps them.</summary>
internal sealed class BatchPaths(FilesHandler files, BatchesHandler batches, MessageBatchesHandler messages)
{
    /// <returns><see langword="null"/> when the path is none of them, or the method is not for it.</returns>
    public Task? TryHandle(HttpContext http, string path) =>
        IsUnder(path, FilesHandler.Path) ? files.TryHandle(http, path)
        : IsUnder(path, BatchesHandler.Path) ? batches.TryHandle(http, path)
        : IsUnder(path, MessageBatchesHandler.Path) ? messages.TryHandle(http, path)
        : null;

    private static bool IsUnder(string path, string prefix) =>
        path.StartsWith(prefix, StringComparison.Ordinal) && (path.Length == prefix.Length || path[prefix.Length] == '/');
}

namespace Gatehouse.Governance;

/// <summary>Files that only the user who runs Gatehouse may read (mode 0600).</summary>
internal static class OwnerFile
{
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    /// <summary>Writes a file that does not exist yet, whole or not at all.</summary>
    /// <returns><see langword="false"/> when it exists.</returns>
    public static bool TryCreate(string path, string text)
    {
        var draft = Draft(path, text);
        try
        {
            File.Move(draft, path, overwrite: false);
            return true;
        }
        catch (IOException) when (File.Exists(path))
        {
            File.Delete(draft);
            return false;
        }
    }

    public static void Replace(string path, string text) => File.Move(Draft(path, text), path, overwrite: true);

    /// <returns><see langword="null"/> when there is none.</returns>
    public static async Task<string?> ReadAsync(string path, CancellationToken ct) =>
        File.Exists(path) ? (await File.ReadAllTextAsync(path, ct)).Trim() : null;

    private static string Draft(string path, string text)
    {
        var draft = $"{path}.{Guid.CreateVersion7():N}";
        var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write };
        if (!OperatingSystem.IsWindows())
        {
            options.UnixCreateMode = OwnerOnly;
        }

        using var writer = new StreamWriter(draft, options);
        writer.WriteLine(text);
        return draft;
    }
}

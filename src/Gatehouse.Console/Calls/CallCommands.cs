using System.Net;
using Gatehouse.Governance;

namespace Gatehouse.Console.Calls;

/// <summary>Commands that work as pasted.</summary>
internal static class CallCommands
{
    private const string DefaultFolder = "data";

    /// <summary>
    /// What a shell puts in for the sample key, where that works as pasted: for a reader on this machine, of an installation in the
    /// default folder. <see langword="null"/> elsewhere.
    /// </summary>
    public static string? SampleKey(string dataFolder, IPAddress? reader) =>
        reader is not null && IPAddress.IsLoopback(reader)
        && Path.GetFullPath(dataFolder) == Path.GetFullPath(DefaultFolder)
        && File.Exists(Path.Combine(dataFolder, SampleSystem.KeyFile))
            ? $"$(cat {DefaultFolder}/{SampleSystem.KeyFile})"
            : null;

    public static string Curl(string address, string key, string model) => $$"""
        curl {{address}}/v1/chat/completions \
          -H "Authorization: Bearer {{key}}" -H "Content-Type: application/json" \
          -d '{"model": "{{model}}", "messages": [{"role": "user", "content": "Hello, who are you?"}]}'
        """;
}

using System.Text.Unicode;

namespace Gatehouse.Gateway.Batches;

/// <summary>What a file is, by its first bytes, else by the ending of its name.</summary>
internal static class FileTypes
{
    private static readonly (byte[] Start, string Type)[] Known =
    [
        ([.. "%PDF-"u8], "application/pdf"), ([0x89, .. "PNG"u8], "image/png"), ([0xFF, 0xD8, 0xFF], "image/jpeg"),
        ([.. "GIF8"u8], "image/gif"),
    ];

    private static readonly Dictionary<string, string> ByEnding = new(StringComparer.OrdinalIgnoreCase)
    {
        [".csv"] = "text/csv", [".htm"] = "text/html", [".html"] = "text/html", [".md"] = "text/markdown", [".json"] = "application/json",
        [".docx"] = "application/vnd.openxmlformats-officedocument.wordprocessingml.document", [".doc"] = "application/msword",
        [".xlsx"] = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", [".xls"] = "application/vnd.ms-excel",
        [".pptx"] = "application/vnd.openxmlformats-officedocument.presentationml.presentation", [".wav"] = "audio/wav",
        [".mp3"] = "audio/mpeg",
    };

    public static string Of(string name, ReadOnlySpan<byte> bytes)
    {
        foreach (var (start, type) in Known)
        {
            if (bytes.StartsWith(start))
            {
                return type;
            }
        }

        return bytes.StartsWith("RIFF"u8) && bytes.Length > 12 && bytes[8..].StartsWith("WEBP"u8) ? "image/webp"
            : ByEnding.TryGetValue(Path.GetExtension(name), out var known) ? known
            : Utf8.IsValid(bytes) ? "text/plain"
            : "application/octet-stream";
    }
}

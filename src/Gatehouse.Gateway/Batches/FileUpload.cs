using System.Globalization;
using System.Text;
using Gatehouse.Contracts;
using Gatehouse.Gateway.Calls;
using Gatehouse.Gateway.Conversation;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.WebUtilities;
using Microsoft.Net.Http.Headers;

namespace Gatehouse.Gateway.Batches;

/// <summary>
/// Reads a form with a file and writes the file away piece by piece: memory does not grow with it. Fields may come before or behind it.
/// </summary>
internal sealed class FileUpload(IFileStore store, BatchSettings settings, TimeProvider clock)
{
    private const int MaxFieldBytes = 4096;
    private const int MaxNameChars = 255;
    private const int MaxSections = 16;
    private const int ShortestLife = 3600;
    private const int LongestLife = 30 * 24 * 3600;
    private const string Anchor = "expires_after[anchor]";
    private const string Seconds = "expires_after[seconds]";

    private static readonly string[] Purposes = [StoredFile.Batch, "user_data", "assistants", "fine-tune", "vision", "evals"];

    /// <exception cref="ProblemException">The form is not what it should be, or the file is too large.</exception>
    public async Task<StoredFile> ReceiveAsync(HttpContext http, BatchOwner owner)
    {
        RequestBody.LiftLimit(http);
        var now = clock.GetUtcNow();
        var file = new StoredFile(owner, $"file-{Guid.CreateVersion7(now):N}", "", "", 0, now, now + settings.Keep);
        var begun = false;
        try
        {
            var fields = new Dictionary<string, string>(StringComparer.Ordinal);
            var reader = new MultipartReader(Boundary(http.Request), http.Request.Body) { BodyLengthLimit = null };
            for (var sections = 0; await reader.ReadNextSectionAsync(http.RequestAborted) is { } section; sections++)
            {
                if (sections == MaxSections || !ContentDispositionHeaderValue.TryParse(section.ContentDisposition, out var disposition))
                {
                    throw Malformed("has too many parts, or a part without a name");
                }

                var name = HeaderUtilities.RemoveQuotes(disposition.Name).ToString();
                if (name != "file")
                {
                    fields[name] = await ReadFieldAsync(section.Body, name, http.RequestAborted);
                    continue;
                }

                if (begun)
                {
                    throw WireJson.Invalid("file", "appears twice");
                }

                begun = true;
                file = file with { Name = NameOf(disposition) };
                await store.BeginAsync(file, http.RequestAborted);
                file = file with { Bytes = await ReadFileAsync(section.Body, file, http.RequestAborted) };
            }

            file = file with { Purpose = PurposeOf(fields), ExpiresAt = now + LifeOf(fields) };
            if (!begun)
            {
                throw WireJson.Invalid("file", "is required: send a part of the form with that name");
            }

            await store.CompleteAsync(file, http.RequestAborted);
            return file;
        }
        catch (Exception e)
        {
            if (begun)
            {
                await store.AbandonAsync(owner, file.Id, CancellationToken.None);
            }

            if (e is InvalidDataException
                || (e is IOException && !http.RequestAborted.IsCancellationRequested && e is not BadHttpRequestException))
            {
                throw Malformed("is broken or ends too early");
            }

            throw;
        }
    }

    private async Task<long> ReadFileAsync(Stream from, StoredFile file, CancellationToken ct)
    {
        var chunk = new byte[IFileStore.MaxChunkBytes];
        long bytes = 0;
        for (var number = 0; ; number++)
        {
            var length = await from.ReadAtLeastAsync(chunk, chunk.Length, throwOnEndOfStream: false, ct);
            bytes += length;
            if (bytes > settings.MaxFileBytes)
            {
                throw new ProblemException(new Problem(
                    "file_too_large", 413,
                    $"The file is larger than {settings.MaxFileBytes} bytes, the limit of this installation (batches.max_file).")
                {
                    Field = "file",
                });
            }

            if (length > 0)
            {
                await store.AppendAsync(
                    file.Owner, file.Id, number, length == chunk.Length ? chunk : chunk[..length], settings.QuotaBytes, ct);
            }

            if (length < chunk.Length)
            {
                return bytes;
            }
        }
    }

    private static async Task<string> ReadFieldAsync(Stream from, string name, CancellationToken ct)
    {
        var bytes = new byte[MaxFieldBytes + 1];
        var length = await from.ReadAtLeastAsync(bytes, bytes.Length, throwOnEndOfStream: false, ct);
        return length <= MaxFieldBytes
            ? Encoding.UTF8.GetString(bytes, 0, length)
            : throw WireJson.Invalid(ParameterNames.Shown(name, 80), $"is longer than {MaxFieldBytes} bytes");
    }

    private static string PurposeOf(Dictionary<string, string> fields)
    {
        var allowed = string.Join(", ", Purposes.Select(p => $"'{p}'"));
        return !fields.TryGetValue("purpose", out var purpose) ? throw WireJson.Invalid("purpose", $"is required: send one of {allowed}")
            : Purposes.Contains(purpose) ? purpose
            : throw WireJson.Invalid("purpose", $"must be one of {allowed}");
    }

    private TimeSpan LifeOf(Dictionary<string, string> fields)
    {
        if (!fields.TryGetValue(Seconds, out var text))
        {
            return settings.Keep;
        }

        if (fields.GetValueOrDefault(Anchor) != "created_at")
        {
            throw WireJson.Invalid(Anchor, "must be 'created_at'");
        }

        return int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var seconds)
            ? Life(seconds, Seconds)
            : throw Wrong(Seconds);
    }

    /// <exception cref="ProblemException">It is too short or too long.</exception>
    public static TimeSpan Life(long seconds, string field) =>
        seconds is >= ShortestLife and <= LongestLife ? TimeSpan.FromSeconds(seconds) : throw Wrong(field);

    private static ProblemException Wrong(string field) =>
        WireJson.Invalid(
            field, string.Create(CultureInfo.InvariantCulture, $"must be a whole number from {ShortestLife} to {LongestLife}"));

    private static string NameOf(ContentDispositionHeaderValue disposition)
    {
        var name = (disposition.FileNameStar.HasValue ? disposition.FileNameStar : HeaderUtilities.RemoveQuotes(disposition.FileName))
            .ToString();
        name = string.Concat(name.Where(c => !char.IsControl(c) && !char.IsSurrogate(c)));
        return name.Length == 0 ? "file" : name.Length > MaxNameChars ? name[..MaxNameChars] : name;
    }

    private static string Boundary(HttpRequest request)
    {
        var boundary = MediaTypeHeaderValue.TryParse(request.ContentType, out var type)
            && type.MediaType.Equals("multipart/form-data", StringComparison.OrdinalIgnoreCase)
            ? HeaderUtilities.RemoveQuotes(type.Boundary).ToString()
            : "";
        return boundary.Length is > 0 and <= 128 ? boundary : throw Malformed("must be 'multipart/form-data' with a boundary");
    }

    private static ProblemException Malformed(string what) => new(Problem.Malformed($"The form {what}."));
}

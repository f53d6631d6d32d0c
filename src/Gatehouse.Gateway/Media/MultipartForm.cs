using System.Text;
using Gatehouse.Contracts;
using Gatehouse.Gateway.Conversation;

namespace Gatehouse.Gateway.Media;

/// <summary>One part of a form: a field, or a file when it has a file name.</summary>
/// <param name="Content">Where its content is in the body.</param>
internal readonly record struct FormPart(string Name, string? FileName, Range Content);

/// <summary>A form that came as <c>multipart/form-data</c>: where its parts are in the body. Nothing is copied.</summary>
internal sealed class MultipartForm
{
    private const int MaxParts = 128;
    private const int MaxHeadBytes = 8 << 10;

    private MultipartForm(IReadOnlyList<FormPart> parts) => Parts = parts;

    public IReadOnlyList<FormPart> Parts { get; }

    /// <summary>The field of this name, if it is there once and no file.</summary>
    /// <exception cref="ProblemException">It appears twice: we might go by the one and the provider by the other.</exception>
    public FormPart? Field(string name)
    {
        FormPart? found = null;
        foreach (var part in Parts)
        {
            if (part.Name == name)
            {
                found = found is null && part.FileName is null
                    ? part
                    : throw WireJson.Invalid(name, found is null ? "must be a field, not a file" : "appears twice");
            }
        }

        return found;
    }

    /// <exception cref="ProblemException">The body is no such form.</exception>
    public static MultipartForm Read(ReadOnlySpan<byte> body, string boundary)
    {
        var parts = new List<FormPart>();
        var delimiter = Encoding.ASCII.GetBytes("\r\n--" + boundary);
        var at = body.StartsWith(delimiter.AsSpan(2)) ? delimiter.Length - 2 : Behind(body, delimiter, 0);
        while (!body[at..].StartsWith("--"u8))
        {
            var line = body[at..].IndexOf("\r\n"u8);
            if (line < 0 || !body.Slice(at, line).Trim(" \t"u8).IsEmpty || parts.Count == MaxParts)
            {
                throw Broken();
            }

            at += line;
            var head = body[at..].IndexOf("\r\n\r\n"u8);
            if (head is < 0 or > MaxHeadBytes)
            {
                throw Broken();
            }

            var (name, fileName) = Names(Encoding.UTF8.GetString(body.Slice(at, head)));
            var start = at + head + 4;
            at = Behind(body, delimiter, start);
            parts.Add(new FormPart(name, fileName, start..(at - delimiter.Length)));
        }

        return new MultipartForm(parts);
    }

    private static int Behind(ReadOnlySpan<byte> body, ReadOnlySpan<byte> delimiter, int from) =>
        body[from..].IndexOf(delimiter) is var found and >= 0 ? from + found + delimiter.Length : throw Broken();

    private static (string Name, string? FileName) Names(string head)
    {
        foreach (var line in head.Split("\r\n"))
        {
            if (line.StartsWith("content-disposition:", StringComparison.OrdinalIgnoreCase) && Parameter(line, "name") is { } name)
            {
                return (name, Parameter(line, "filename") ?? Parameter(line, "filename*"));
            }
        }

        throw Broken();
    }

    /// <summary>The value of <c>; name="value"</c>, or without quotes.</summary>
    private static string? Parameter(string line, string name)
    {
        for (var at = 0; (at = line.IndexOf(';', at)) >= 0;)
        {
            at++;
            var rest = line.AsSpan(at).TrimStart();
            if (!rest.StartsWith(name, StringComparison.OrdinalIgnoreCase) || !rest[name.Length..].TrimStart().StartsWith("="))
            {
                continue;
            }

            var value = rest[(rest.IndexOf('=') + 1)..].TrimStart();
            if (!value.StartsWith("\""))
            {
                return (value.IndexOf(';') is var end and >= 0 ? value[..end] : value).Trim().ToString();
            }

            value = value[1..];
            return value.IndexOf('"') is var quote and >= 0 ? value[..quote].ToString() : null;
        }

        return null;
    }

    private static ProblemException Broken() =>
        new(Problem.Malformed("The form is broken: send 'multipart/form-data' as its standard has it."));
}

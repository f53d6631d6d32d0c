using System.Buffers;
using System.Globalization;
using System.Text;
using Gatehouse.Contracts;
using Gatehouse.Gateway.Calls;
using Gatehouse.Gateway.Chat;
using Gatehouse.Gateway.Conversation;
using Gatehouse.Gateway.Providers;
using Gatehouse.Gateway.Streaming;
using Microsoft.Net.Http.Headers;

namespace Gatehouse.Gateway.Media;

/// <summary>
/// OpenAI's images and audio; one for each call. Bytes pass through, to providers of OpenAI's format alone. Of a form, what the rest of the
/// gateway reads as the body is its fields as one JSON object, with the sizes of its files; the form itself stays here.
/// </summary>
internal sealed class MediaSurface(MediaKind kind, string? contentType) : OperationSurface
{
    /// <summary>Fields are cut to this in what is kept and read; they are sent on whole.</summary>
    private const int MaxFieldBytes = 64 << 10;

    /// <summary>A boundary with one of these stands in quotes.</summary>
    private static readonly SearchValues<char> Quoted = SearchValues.Create("()<>@,;:\\\"/[]?= ");

    private byte[] _form = [];
    private string _boundary = "";
    private Range _model;
    private string? _formModel;
    private byte[] _fields = [];
    private int _fileBytes;

    public override string Name => kind.Name;

    public override bool IsShared => false;

    public override bool HasOutput => true;

    public override bool MayHedge => false; // a second picture would cost as much as the first

    public override bool HasTextAnswer => kind.HasText;

    public override bool KeepsCompany => !kind.HasText; // some models of transcription stream, and some only seem to be asked

    public override int FileBytes => _fileBytes;

    public override string? ContentType => _formModel is null ? null
        : _boundary.AsSpan().ContainsAny(Quoted)
            ? $"multipart/form-data; boundary=\"{_boundary}\""
            : $"multipart/form-data; boundary={_boundary}";

    public override Problem? Peek(ReadOnlySpan<byte> body, out RequestPeek peek)
    {
        peek = default;
        try
        {
            return IsForm() ? PeekForm(body, ref peek) : PeekJson(body, ref peek);
        }
        catch (ProblemException e)
        {
            return e.Problem;
        }
    }

    public override string ModelOf(ReadOnlySpan<byte> body, in RequestPeek peek) => _formModel ?? peek.ModelText(body);

    public override ValueTask<Problem?> CompleteAsync(Call call)
    {
        if (_formModel is not null)
        {
            call.Body.Clear();
            call.Body.Write(_fields);
        }

        return default;
    }

    public override string PathAt(Attempt attempt, bool stream) =>
        attempt.Wire != WireFormat.OpenAi ? throw new ProblemException(new Problem(
            "not_offered", 400,
            $"{attempt.Settings.Name} ({attempt.Settings.Kind}) offers no {kind.What}: targets of the kinds openai, azure, openai-compatible and simulator can, and others that speak OpenAI's format."))
        : attempt.Settings.ModelInPath ? $"/deployments/{Uri.EscapeDataString(attempt.Model)}{kind.Path}"
        : kind.Path;

    public override AnswerTap NewTap(WireFormat provider) => new MediaTap(kind);

    public override bool TryPatch(Call call, Attempt attempt, IBufferWriter<byte> to, ref List<string>? dropped)
    {
        var same = ReferenceEquals(attempt.Model, call.Record.Route);
        if (_formModel is null)
        {
            return RequestPatch.TryWrite(call.Body.Span, call.Peek, same ? null : attempt.Model, null, false, to);
        }

        var form = _form.AsSpan();
        to.Write(form[.._model.Start]);
        to.Write(Encoding.UTF8.GetBytes(attempt.Model));
        to.Write(form[_model.End..]);
        return true;
    }

    public override AnswerShape ShapeOf(Call call, UpstreamAnswer answer)
    {
        var type = answer.Header("content-type");
        var events = type?.StartsWith(StreamType, StringComparison.OrdinalIgnoreCase) == true;
        return !events && call.HeadIsSent ? throw new FormatException("it is no stream, and one was asked for.")
            : events ? call.Peek.Stream ? AnswerShape.Events : throw new FormatException("it is a stream that nobody asked for.")
            : kind == MediaKind.Speech && type?.StartsWith("application/json", StringComparison.OrdinalIgnoreCase) != true
                ? AnswerShape.Bytes
            : AnswerShape.Whole; // also of models that do not stream though they are asked to
    }

    public override string TypeOf(UpstreamAnswer answer)
    {
        var type = answer.Header("content-type") ?? "";
        return PassedHeaders.CanHold(type)
            && (type.StartsWith("audio/", StringComparison.OrdinalIgnoreCase)
                || type.StartsWith("text/plain", StringComparison.OrdinalIgnoreCase)
                || type.StartsWith("text/vtt", StringComparison.OrdinalIgnoreCase)
                || type.StartsWith("application/", StringComparison.OrdinalIgnoreCase))
            ? type
            : "application/octet-stream"; // nothing that a browser would run
    }

    public override void WriteTerminator(IBufferWriter<byte> to)
    {
        // The last event is the terminator.
    }

    public override void WriteErrorEvent(Problem problem, string requestId, bool isFirst, IBufferWriter<byte> to)
    {
        to.Write("event: error\ndata: "u8);
        ChatErrors.Write(problem, requestId, to);
        to.Write("\n\n"u8);
    }

    /// <exception cref="ProblemException">The request must be a form and is none.</exception>
    private bool IsForm()
    {
        if (!MediaTypeHeaderValue.TryParse(contentType, out var type)
            || !type.MediaType.Equals("multipart/form-data", StringComparison.OrdinalIgnoreCase))
        {
            return kind.TakesForm && kind != MediaKind.Edits // edits may come as JSON too
                ? throw new ProblemException(
                    new Problem("invalid_request", 400, $"/v1{kind.Path} takes a form ('multipart/form-data') with a file."))
                : false;
        }

        _boundary = HeaderUtilities.RemoveQuotes(type.Boundary).ToString();
        return _boundary.Length is > 0 and <= 70 && PassedHeaders.CanHold(_boundary) && !_boundary.Contains('"', StringComparison.Ordinal)
            && !_boundary.Contains('\\', StringComparison.Ordinal)
            ? true
            : throw new ProblemException(Problem.Malformed("The form's boundary is missing, or is not as its standard has it."));
    }

    private Problem? PeekJson(ReadOnlySpan<byte> body, ref RequestPeek peek)
    {
        if (base.Peek(body, out peek) is { } problem)
        {
            return problem;
        }

        peek.Stream = kind == MediaKind.Speech
            ? OperationPeek.Text(body, "stream_format"u8) == "sse"
            : OperationPeek.IsOn(body, "stream"u8);
        peek.Attributes = Count(body);
        return null;
    }

    private Problem? PeekForm(ReadOnlySpan<byte> body, ref RequestPeek peek)
    {
        var form = MultipartForm.Read(body, _boundary);
        if (form.Field("model") is not { } model || Text(body, model) is not { Length: > 0 } name)
        {
            return new Problem("invalid_request", 400, "'model' is required: name a route, see GET /v1/models.") { Field = "model" };
        }

        peek.Stream = form.Field("stream") is { } stream && Text(body, stream) == "true";
        if (form.Field("n") is { } n)
        {
            var isRead = int.TryParse(Text(body, n), NumberStyles.None, CultureInfo.InvariantCulture, out var count);
            peek.Attributes = new()
            {
                [TelemetryNames.RequestChoiceCount] = (isRead ? count : AttributeSet.Unreadable).ToString(CultureInfo.InvariantCulture),
            };
        }

        _form = body.ToArray();
        (_model, _formModel) = (model.Content, name);
        _fields = Fields(body, form, out _fileBytes);
        return null;
    }

    private static Dictionary<string, string>? Count(ReadOnlySpan<byte> body)
    {
        var attributes = default(AttributeSet);
        var reader = OperationPeek.Values(body);
        while (OperationPeek.TryFind(ref reader, "n"u8))
        {
            attributes.Read(TelemetryNames.RequestChoiceCount, ref reader);
        }

        return attributes.ToDictionary();
    }

    /// <summary>The fields of a form as an object: of files, their names and sizes.</summary>
    private static byte[] Fields(ReadOnlySpan<byte> body, MultipartForm form, out int fileBytes)
    {
        fileBytes = 0;
        var to = new ArrayBufferWriter<byte>(512);
        using var json = JsonOut.Begin(to);
        json.WriteStartObject();
        foreach (var part in form.Parts)
        {
            var length = part.Content.GetOffsetAndLength(body.Length).Length;
            if (part.FileName is null)
            {
                json.WriteString(part.Name, Text(body, part));
                continue;
            }

            fileBytes += length;
            json.WriteStartObject(part.Name.StartsWith("image", StringComparison.Ordinal) ? "image" : part.Name);
            json.WriteString("filename", part.FileName);
            json.WriteNumber("bytes", length);
            json.WriteEndObject();
        }

        json.WriteEndObject();
        json.Flush();
        return to.WrittenSpan.ToArray();
    }

    private static string Text(ReadOnlySpan<byte> body, FormPart part)
    {
        var bytes = body[part.Content];
        return Encoding.UTF8.GetString(bytes[..Math.Min(bytes.Length, MaxFieldBytes)]);
    }
}

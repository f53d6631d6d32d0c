using System.Buffers;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;
using Gatehouse.Gateway.Streaming;
using Gatehouse.Guardrails;
using Gatehouse.Guardrails.Policies;

namespace Gatehouse.Gateway.Guarding;

/// <summary>
/// Guards a stream that passes through. Events keep their order; the texts in them become what may go on, and what was held back goes out
/// as an event of its own before the one that closes its text.
/// </summary>
internal sealed class GuardedRelay(StreamRelay inner, StreamTexts format, GuardSession session, AnswerTranscript? transcript = null)
    : StreamRelay
{
    private static readonly JsonDocumentOptions AsDeep = new() { MaxDepth = 128 }; // as its tap reads

    private readonly List<(TextKey Key, StreamChannel Channel)> _channels = [];
    private readonly Dictionary<TextKey, StringBuilder> _wholes = [];
    private readonly Dictionary<(int Group, int Index), string> _tools = [];
    private readonly EventTexts _texts = new();
    private readonly List<Edit> _edits = [];
    private byte[] _latest = [];
    private int _latestLength;
    private int _parts;

    public override bool Holds => _channels.Exists(static c => c.Channel.Holds);

    /// <exception cref="GuardBlockedException">The answer ends here.</exception>
    public override void Write(TapEvent kind, in SseEvent e, IBufferWriter<byte> to)
    {
        if (TryReadText(e.Data, to, out var edited))
        {
            using (edited)
            {
                inner.Write(kind, new SseEvent(e.Name, edited is null ? e.Data : edited.Span), to);
            }
        }
    }

    /// <exception cref="GuardBlockedException">The answer ends here.</exception>
    public override void Pause(IBufferWriter<byte> to)
    {
        if (_latestLength == 0)
        {
            return;
        }

        using var latest = JsonDocument.Parse(_latest.AsMemory(0, _latestLength), AsDeep);
        foreach (var (key, channel) in _channels)
        {
            WriteMore(key, channel.Pause(), latest.RootElement, to);
        }
    }

    /// <exception cref="GuardBlockedException">The answer ends here.</exception>
    public override void End(in SseEvent terminator, IBufferWriter<byte> to)
    {
        if (terminator.Data.IsEmpty || !terminator.Data.TrimStart((byte)' ').StartsWith("{"u8))
        {
            CompleteAll(to);
            inner.End(terminator, to);
            return;
        }

        TryReadText(terminator.Data, to, out var edited);
        using (edited)
        {
            inner.End(new SseEvent(terminator.Name, edited is null ? terminator.Data : edited.Span), to);
        }
    }

    private bool TryReadText(ReadOnlySpan<byte> data, IBufferWriter<byte> to, out PooledBuffer? edited)
    {
        try
        {
            return TryRead(data, to, out edited);
        }
        catch (InvalidOperationException e)
        {
            throw new FormatException("a text holds half of an escaped surrogate pair.", e);
        }
    }

    /// <param name="edited">The event's data as it goes on; <see langword="null"/>: as it came.</param>
    /// <returns><see langword="false"/> when nothing of the event goes on for now.</returns>
    private bool TryRead(ReadOnlySpan<byte> data, IBufferWriter<byte> to, out PooledBuffer? edited)
    {
        edited = null;
        if (_latest.Length < data.Length)
        {
            _latest = new byte[Math.Max(1024, data.Length * 2)];
        }

        data.CopyTo(_latest);
        _latestLength = data.Length;
        using var document = JsonDocument.Parse(_latest.AsMemory(0, _latestLength), AsDeep); // its tap has proved it
        _texts.Clear();
        _edits.Clear();
        format.Read(document.RootElement, _texts);
        foreach (var (key, name, whole) in _texts.Calls)
        {
            if (whole is null)
            {
                _tools.TryAdd(key, name);
            }
            else
            {
                transcript?.AddCall(name, whole.Value.GetRawText());
            }
        }

        var goesOn = _texts.SaysMore || _texts.Texts.Count == 0 || _texts.Closed.Count > 0 || _texts.ClosesAll;
        foreach (var text in _texts.Texts)
        {
            if (!text.Repeats)
            {
                goesOn |= Guard(text) > 0;
            }
        }

        Close(document.RootElement, to);
        if (!goesOn)
        {
            return false;
        }

        foreach (var text in _texts.Texts)
        {
            if (text.Repeats)
            {
                Repeat(text);
            }
        }

        DropShadows();
        Renumber(document.RootElement);
        if (_edits.Count > 0)
        {
            edited = new PooledBuffer(data.Length + 64);
            try
            {
                Apply(_latest.AsSpan(0, _latestLength), edited);
            }
            catch
            {
                edited.Dispose();
                throw;
            }
        }

        return true;
    }

    /// <returns>How much of the text goes on now.</returns>
    private int Guard(in EventText text)
    {
        var channel = ChannelOf(text);
        var piece = text.Value.GetString()!;
        var guarded = channel.Write(piece);
        if (!string.Equals(guarded, piece, StringComparison.Ordinal))
        {
            _edits.Add(Edit.Text(OffsetOf(text.Value), text.Value.GetRawTextLength(), guarded));
        }

        Remember(text.Key, guarded);
        return guarded.Length;
    }

    /// <summary>What comes again comes as it was let go; what never came in pieces is checked whole.</summary>
    private void Repeat(in EventText text)
    {
        string? whole;
        if (_wholes.TryGetValue(text.Key, out var known))
        {
            whole = known.ToString();
        }
        else
        {
            var value = text.Value.GetString()!;
            var about = new GuardedText(
                text.IsArguments ? DetectionSide.ToolCall : DetectionSide.Output, _parts++, IsJson: text.IsArguments);
            whole = transcript is null ? session.Check(value, about) : transcript.Checked(() => session.Check(value, about));
            if (session.IsBlocked)
            {
                throw new GuardBlockedException();
            }

            whole = session.HasPseudonyms ? session.Restore(whole ?? value, about) : whole;
        }

        if (whole is not null)
        {
            _edits.Add(Edit.Text(OffsetOf(text.Value), text.Value.GetRawTextLength(), whole));
        }
    }

    /// <summary>Lets go of what is held of texts that get no more, before the event that says so.</summary>
    private void Close(JsonElement latest, IBufferWriter<byte> to)
    {
        if (!_texts.ClosesAll && _texts.Closed.Count == 0)
        {
            return;
        }

        foreach (var (key, channel) in _channels)
        {
            if (!_texts.ClosesAll && !_texts.Closed.Contains(key.Group))
            {
                continue;
            }

            var rest = channel.Complete();
            if (rest.Length == 0)
            {
                continue;
            }

            Remember(key, rest);
            if (!AppendToPiece(key, rest))
            {
                WriteEvent(key, rest, latest, to);
            }
        }
    }

    /// <summary>An event that brings the last piece of a text with what closes it takes the rest along.</summary>
    private bool AppendToPiece(TextKey key, string rest)
    {
        foreach (var text in _texts.Texts)
        {
            if (text.Repeats || text.Key != key)
            {
                continue;
            }

            var at = OffsetOf(text.Value);
            var known = _edits.FindIndex(e => e.Start == at);
            var before = known < 0 ? text.Value.GetString()! : _edits[known].Value;
            var edit = Edit.Text(at, text.Value.GetRawTextLength(), before + rest);
            if (known < 0)
            {
                _edits.Add(edit);
            }
            else
            {
                _edits[known] = edit;
            }

            return true;
        }

        return false;
    }

    private void CompleteAll(IBufferWriter<byte> to)
    {
        if (_latestLength == 0)
        {
            return;
        }

        using var latest = JsonDocument.Parse(_latest.AsMemory(0, _latestLength), AsDeep);
        foreach (var (key, channel) in _channels)
        {
            WriteMore(key, channel.Complete(), latest.RootElement, to);
        }
    }

    private void WriteMore(TextKey key, string text, JsonElement latest, IBufferWriter<byte> to)
    {
        if (text.Length > 0)
        {
            Remember(key, text);
            WriteEvent(key, text, latest, to);
        }
    }

    private void WriteEvent(TextKey key, string text, JsonElement latest, IBufferWriter<byte> to)
    {
        using var data = new PooledBuffer(256);
        format.WriteMore(key, text, latest, data);
        if (format.NextNumber() is { } number)
        {
            using var numbered = new PooledBuffer(data.Length + 16);
            using var document = JsonDocument.Parse(data.Memory, AsDeep);
            var old = document.RootElement.TryGetProperty("sequence_number", out var value) ? value : default;
            if (old.ValueKind == JsonValueKind.Number)
            {
                var at = Offset(data.Span, old);
                numbered.Write(data.Span[..at]);
                Encoding.UTF8.GetBytes(number.ToString(System.Globalization.CultureInfo.InvariantCulture), numbered);
                numbered.Write(data.Span[(at + old.GetRawTextLength())..]);
                inner.Write(TapEvent.Content, new SseEvent(format.EventName(key), numbered.Span), to);
                return;
            }
        }

        inner.Write(TapEvent.Content, new SseEvent(format.EventName(key), data.Span), to);
    }

    private void Renumber(JsonElement root)
    {
        if (root.TryGetProperty("sequence_number", out var number) && format.NextNumber() is { } next)
        {
            _edits.Add(new Edit(
                OffsetOf(number), number.GetRawTextLength(), next.ToString(System.Globalization.CultureInfo.InvariantCulture),
                IsText: false));
        }
    }

    private void DropShadows()
    {
        foreach (var shadow in _texts.Shadows)
        {
            _edits.Add(new Edit(
                OffsetOf(shadow), shadow.GetRawTextLength(), shadow.ValueKind == JsonValueKind.Array ? "[]" : "null", IsText: false));
        }
    }

    private void Apply(ReadOnlySpan<byte> data, PooledBuffer to)
    {
        _edits.Sort(static (a, b) => a.Start.CompareTo(b.Start));
        var at = 0;
        foreach (var edit in _edits)
        {
            to.Write(data[at..edit.Start]);
            if (edit.IsText)
            {
                to.Write("\""u8);
                JsonTextEdits.WriteEscaped(edit.Value, to);
                to.Write("\""u8);
            }
            else
            {
                Encoding.UTF8.GetBytes(edit.Value, to);
            }

            at = edit.Start + edit.Length;
        }

        to.Write(data[at..]);
    }

    private StreamChannel ChannelOf(in EventText text)
    {
        foreach (var (key, channel) in _channels)
        {
            if (key == text.Key)
            {
                return channel;
            }
        }

        var made = new StreamChannel(
            session, text.IsArguments ? DetectionSide.ToolCall : DetectionSide.Output, _parts, text.IsArguments, text.IsThinking,
            transcript);
        transcript?.Refuses |= text.Key.Name.EndsWith("refusal", StringComparison.Ordinal);
        if (text.IsArguments && _tools.TryGetValue((text.Key.Group, text.Key.Index), out var tool))
        {
            transcript?.NameTool(_parts, tool);
        }

        _parts++;
        _channels.Add((text.Key, made));
        return made;
    }

    /// <summary>Only formats that say texts again need to know them.</summary>
    private void Remember(TextKey key, string text)
    {
        if (format is ResponsesStreamTexts)
        {
            (CollectionsMarshal.GetValueRefOrAddDefault(_wholes, key, out _) ??= new StringBuilder()).Append(text);
        }
    }

    private int OffsetOf(JsonElement value) => Offset(_latest, value);

    private static int Offset(ReadOnlySpan<byte> document, JsonElement value) => (int)Unsafe.ByteOffset(
        ref MemoryMarshal.GetReference(document), ref MemoryMarshal.GetReference(JsonMarshal.GetRawUtf8Value(value)));

    /// <param name="IsText">It stands in quotes.</param>
    private readonly record struct Edit(int Start, int Length, string Value, bool IsText)
    {
        public static Edit Text(int start, int length, string value) => new(start, length, value, IsText: true);
    }
}

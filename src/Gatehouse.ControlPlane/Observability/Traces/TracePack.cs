using System.Buffers;
using System.Buffers.Binary;
using System.Globalization;
using System.Text;
using Gatehouse.Contracts;
using Gatehouse.Gateway.Journal;

namespace Gatehouse.Observability.Traces;

/// <summary>
/// Traces of many calls in one document: a version byte, the texts, the places of providers, then for each call its id, a length and what
/// <see cref="TraceDocument"/> holds of it, with texts by number. Whole numbers are LEB128. What the guards found ends a call, and is only
/// there when a policy applied. Stored documents load for ever: a change of the format is a new version.
/// </summary>
internal static class TracePack
{
    /// <summary>More calls make another pack: whoever asks for one trace reads a whole pack.</summary>
    public const int MaxCalls = 512;

    private const byte Version = 1;
    private const int SpanIdBytes = 8;
    private const byte Shadow = 1;
    private const byte Excepted = 2;
    private const double ScoreSteps = 1000;
    private static readonly SearchValues<char> Digits = SearchValues.Create("0123456789abcdef");

    /// <exception cref="FormatException">The bytes are no pack.</exception>
    /// <returns><see langword="null"/> when the call is not in it.</returns>
    public static TraceDocument? Find(ReadOnlySpan<byte> pack, Guid id)
    {
        var from = new Reader(pack);
        if (from.Byte() != Version)
        {
            throw new FormatException("A stored pack of traces has an unknown version.");
        }

        var texts = new string[from.Count()];
        for (var i = 0; i < texts.Length; i++)
        {
            texts[i] = from.Text();
        }

        var places = new Dictionary<string, ProviderPlace>(StringComparer.Ordinal);
        for (var i = from.Count(); i > 0; i--)
        {
            var name = texts[from.Count()];
            places[name] = new ProviderPlace(texts[from.Count()], texts[from.Count()], from.Count());
        }

        for (var i = from.Count(); i > 0; i--)
        {
            var found = from.Id() == id;
            var length = from.Count();
            if (found)
            {
                return ReadTrace(new Reader(from.Take(length)), texts, places);
            }

            from.Take(length);
        }

        return null;
    }

    private static TraceDocument ReadTrace(Reader from, string[] texts, Dictionary<string, ProviderPlace> places)
    {
        var span = from.SpanId(texts) ?? "";
        var parent = from.SpanId(texts);
        var dropped = new string[from.Count()];
        for (var i = 0; i < dropped.Length; i++)
        {
            dropped[i] = texts[from.Count()];
        }

        var attributes = new Dictionary<string, string>(StringComparer.Ordinal);
        for (var i = from.Count(); i > 0; i--)
        {
            attributes[texts[from.Count()]] = texts[from.Count()];
        }

        var attempts = new CallAttempt[from.Count()];
        for (var i = 0; i < attempts.Length; i++)
        {
            attempts[i] = ReadAttempt(ref from, texts);
        }

        var used = places.Where(p => attempts.Any(a => a.Provider == p.Key)).ToDictionary(StringComparer.Ordinal);
        return new TraceDocument(span, parent, attempts, dropped, attributes, used)
        {
            Guard = from.IsAtEnd ? null : ReadGuard(ref from, texts),
        };
    }

    private static CallAttempt ReadAttempt(ref Reader from, string[] texts) => new(
        texts[from.Count()],
        texts[from.Count()],
        from.Number(),
        from.Optional(),
        from.Optional(),
        from.Number(),
        (int)from.Number(),
        from.OptionalText(texts),
        from.OptionalText(texts),
        ReadUsage(ref from),
        ReadCost(ref from));

    private static GuardReport ReadGuard(ref Reader from, string[] texts)
    {
        var (policy, revision) = (texts[from.Count()], texts[from.Count()]);
        var verdict = (GuardVerdict)from.Count();
        var (input, output) = (from.Number(), from.Number());
        var failure = from.OptionalText(texts);
        var findings = new GuardFinding[from.Count()];
        for (var i = 0; i < findings.Length; i++)
        {
            var (side, detector, type) = (texts[from.Count()], texts[from.Count()], texts[from.Count()]);
            var (rule, action, marks) = (texts[from.Count()], texts[from.Count()], from.Byte());
            findings[i] = new GuardFinding(
                side, detector, type, rule, action, (marks & Shadow) != 0, (marks & Excepted) != 0, (int)from.Number(),
                from.Number() / ScoreSteps, (int)from.Number(), (int)from.Number(), (int)from.Number());
        }

        return new GuardReport(policy, revision, verdict, findings, input, output, failure);
    }

    private static TokenUsage? ReadUsage(ref Reader from)
    {
        var mask = from.Number(); // 0: none; else bit 9, and one bit for each bucket that is not zero
        if (mask == 0)
        {
            return null;
        }

        Span<long> buckets = stackalloc long[9];
        for (var i = 0; i < buckets.Length; i++)
        {
            buckets[i] = (mask & (1 << i)) != 0 ? from.Number() : 0;
        }

        return new TokenUsage(
            buckets[0], buckets[1], buckets[2], buckets[3], buckets[4], buckets[5], buckets[6], buckets[7], buckets[8]);
    }

    private static decimal? ReadCost(ref Reader from) => from.Optional() is { } nanos ? Nanos.ToUsd(nanos) : null;

    /// <summary>Gathers the traces of one pack.</summary>
    public sealed class Builder
    {
        private readonly Dictionary<string, int> _numbers = new(StringComparer.Ordinal);
        private readonly List<string> _texts = []; // by number
        private readonly List<(string Name, ProviderPlace Place)> _places = [];
        private readonly HashSet<string> _placed = new(StringComparer.Ordinal);
        private readonly Writer _calls = new();
        private readonly Writer _call = new();
        private readonly Writer _attributes = new();
        private readonly Writer _pack = new();
        private Dictionary<string, string>? _attributesOf; // of the call before: records that are read share what is the same
        private (string Text, int Number) _provider; // of the attempt before
        private (string Text, int Number) _model;

        public int Count { get; private set; }

        /// <summary>Begins another pack, in the same memory.</summary>
        public void Clear()
        {
            _numbers.Clear();
            _texts.Clear();
            _places.Clear();
            _placed.Clear();
            _calls.Clear();
            _attributesOf = null;
            _provider = _model = default;
            Count = 0;
        }

        public void Add(CallRecord record, Func<string, ProviderPlace?> placeOf)
        {
            _call.Clear();
            if (record.TryGetSpan(out var span))
            {
                WriteSpan(span);
            }
            else
            {
                WriteSpanId(record.SpanId);
            }

            WriteSpanId(record.ParentSpanId);
            _call.Number(record.DroppedParameters.Count);
            foreach (var parameter in record.DroppedParameters)
            {
                _call.Number(NumberOf(parameter));
            }

            WriteAttributes(record.RequestAttributes);
            _call.Number(record.Attempts.Count);
            foreach (var attempt in record.Attempts)
            {
                WriteAttempt(attempt, placeOf);
            }

            if (record.Guard is { } guard)
            {
                WriteGuard(guard);
            }

            _calls.Id(record.Id);
            _calls.Number(_call.Written.Length);
            _calls.Bytes(_call.Written);
            Count++;
        }

        /// <returns>The pack; valid until the next is begun.</returns>
        public ReadOnlySpan<byte> Build()
        {
            _call.Clear();
            _call.Number(_places.Count);
            foreach (var (name, place) in _places)
            {
                _call.Number(NumberOf(name));
                _call.Number(NumberOf(place.Kind));
                _call.Number(NumberOf(place.Host));
                _call.Number(place.Port);
            }

            _pack.Clear();
            _pack.Byte(Version);
            _pack.Number(_texts.Count);
            foreach (var text in _texts)
            {
                _pack.Text(text);
            }

            _pack.Bytes(_call.Written);
            _pack.Number(Count);
            _pack.Bytes(_calls.Written);
            return _pack.Written;
        }

        private void WriteAttributes(Dictionary<string, string>? attributes)
        {
            if (attributes is null)
            {
                _call.Number(0);
                return;
            }

            if (!ReferenceEquals(attributes, _attributesOf))
            {
                _attributesOf = attributes;
                _attributes.Clear();
                _attributes.Number(attributes.Count);
                foreach (var (name, value) in attributes)
                {
                    _attributes.Number(NumberOf(name));
                    _attributes.Number(NumberOf(value));
                }
            }

            _call.Bytes(_attributes.Written);
        }

        private void WriteAttempt(CallAttempt attempt, Func<string, ProviderPlace?> placeOf)
        {
            if (!ReferenceEquals(attempt.Provider, _provider.Text))
            {
                _provider = (attempt.Provider, NumberOf(attempt.Provider));
                if (_placed.Add(attempt.Provider) && placeOf(attempt.Provider) is { } place)
                {
                    _places.Add((attempt.Provider, place));
                }
            }

            if (!ReferenceEquals(attempt.Model, _model.Text))
            {
                _model = (attempt.Model, NumberOf(attempt.Model));
            }

            _call.Number(_provider.Number);
            _call.Number(_model.Number);
            _call.Number(attempt.StartMicros);
            _call.Optional(attempt.HeadersMicros);
            _call.Optional(attempt.FirstByteMicros);
            _call.Number(attempt.EndMicros);
            _call.Number(attempt.Status);
            _call.Number(attempt.ErrorCode is null ? 0 : NumberOf(attempt.ErrorCode) + 1);
            _call.Number(attempt.Error is null ? 0 : NumberOf(attempt.Error) + 1);
            WriteUsage(attempt.Usage);
            _call.Optional(attempt.CostUsd is { } usd ? Nanos.FromUsd(usd) : null);
        }

        private void WriteGuard(GuardReport guard)
        {
            _call.Number(NumberOf(guard.Policy));
            _call.Number(NumberOf(guard.Revision));
            _call.Number((int)guard.Verdict);
            _call.Number(guard.InputMicros);
            _call.Number(guard.OutputMicros);
            _call.Number(guard.Failure is null ? 0 : NumberOf(guard.Failure) + 1);
            _call.Number(guard.Findings.Count);
            foreach (var finding in guard.Findings)
            {
                _call.Number(NumberOf(finding.Side));
                _call.Number(NumberOf(finding.Detector));
                _call.Number(NumberOf(finding.Type));
                _call.Number(NumberOf(finding.Rule));
                _call.Number(NumberOf(finding.Action));
                _call.Byte((byte)((finding.Shadow ? Shadow : 0) | (finding.Excepted ? Excepted : 0)));
                _call.Number(finding.Count);
                _call.Number((long)Math.Round(finding.Score * ScoreSteps));
                _call.Number(finding.Part);
                _call.Number(finding.Start);
                _call.Number(finding.Length);
            }
        }

        private void WriteUsage(TokenUsage? reported)
        {
            if (reported is not { } usage)
            {
                _call.Number(0);
                return;
            }

            ReadOnlySpan<long> buckets =
            [
                usage.UncachedInput, usage.CacheRead, usage.CacheWrite, usage.CacheWriteLong, usage.Output, usage.Reasoning,
                usage.AudioInput,
                usage.ImageInput, usage.AudioOutput,
            ];
            var mask = 1L << buckets.Length;
            for (var i = 0; i < buckets.Length; i++)
            {
                mask |= buckets[i] != 0 ? 1L << i : 0;
            }

            _call.Number(mask);
            foreach (var bucket in buckets)
            {
                if (bucket != 0)
                {
                    _call.Number(bucket);
                }
            }
        }

        /// <summary>Eight bytes behind a 1 where it is what it should be; else a text by number plus 2, or 0 for none.</summary>
        private void WriteSpanId(string? id)
        {
            if (id is null)
            {
                _call.Number(0);
            }
            else if (id.Length == SpanIdBytes * 2 && !id.AsSpan().ContainsAnyExcept(Digits)
                && ulong.TryParse(id, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var value))
            {
                WriteSpan(value);
            }
            else
            {
                _call.Number(NumberOf(id) + 2);
            }
        }

        private void WriteSpan(ulong span)
        {
            _call.Number(1);
            _call.Fixed(span);
        }

        private int NumberOf(string text)
        {
            if (!_numbers.TryGetValue(text, out var number))
            {
                _numbers.Add(text, number = _texts.Count);
                _texts.Add(text);
            }

            return number;
        }
    }

    private sealed class Writer
    {
        private byte[] _bytes = new byte[256];
        private int _length;

        public ReadOnlySpan<byte> Written => _bytes.AsSpan(0, _length);

        public void Clear() => _length = 0;

        public void Byte(byte value) => Take(1)[0] = value;

        public void Id(Guid id) => id.TryWriteBytes(Take(16), bigEndian: true, out _);

        public void Fixed(ulong value) => BinaryPrimitives.WriteUInt64BigEndian(Take(SpanIdBytes), value);

        /// <summary>Negative numbers take ten bytes: there should be none.</summary>
        public void Number(long value)
        {
            Reach(10);
            var rest = (ulong)value;
            for (; rest >= 0x80; rest >>= 7)
            {
                _bytes[_length++] = (byte)(rest | 0x80);
            }

            _bytes[_length++] = (byte)rest;
        }

        /// <summary>0 for none, else the number plus one.</summary>
        public void Optional(long? value) => Number(value is { } number ? number + 1 : 0);

        public void Bytes(ReadOnlySpan<byte> bytes) => bytes.CopyTo(Take(bytes.Length));

        public void Text(string text)
        {
            var bytes = Encoding.UTF8.GetByteCount(text);
            Number(bytes);
            Encoding.UTF8.GetBytes(text, Take(bytes));
        }

        private Span<byte> Take(int bytes)
        {
            Reach(bytes);
            _length += bytes;
            return _bytes.AsSpan(_length - bytes, bytes);
        }

        private void Reach(int bytes)
        {
            if (_bytes.Length - _length < bytes)
            {
                Array.Resize(ref _bytes, Math.Max(_bytes.Length * 2, _length + bytes));
            }
        }
    }

    private ref struct Reader(ReadOnlySpan<byte> bytes)
    {
        private ReadOnlySpan<byte> _rest = bytes;

        public readonly bool IsAtEnd => _rest.IsEmpty;

        public byte Byte() => Take(1)[0];

        public Guid Id() => new(Take(16), bigEndian: true);

        public long Number()
        {
            ulong value = 0;
            for (var shift = 0; shift < 64; shift += 7)
            {
                var next = Byte();
                value |= (ulong)(next & 0x7F) << shift;
                if (next < 0x80)
                {
                    return (long)value;
                }
            }

            throw new FormatException("A number of a stored pack of traces is longer than 64 bits.");
        }

        /// <summary>A length, an index or a small number: never more than the bytes of a pack.</summary>
        public int Count() =>
            Number() is >= 0 and <= 1 << 24 and var count ? (int)count : throw new FormatException("A stored pack of traces is damaged.");

        public long? Optional() => Number() is not 0 and var number ? number - 1 : null;

        public string? OptionalText(string[] texts) => Count() is not 0 and var number ? texts[number - 1] : null;

        public string? SpanId(string[] texts) => Count() switch
        {
            0 => null,
            1 => Convert.ToHexStringLower(Take(SpanIdBytes)),
            var number => texts[number - 2],
        };

        public string Text() => Encoding.UTF8.GetString(Take(Count()));

        public ReadOnlySpan<byte> Take(int count)
        {
            if (count > _rest.Length)
            {
                throw new FormatException("A stored pack of traces is cut off.");
            }

            var taken = _rest[..count];
            _rest = _rest[count..];
            return taken;
        }
    }
}

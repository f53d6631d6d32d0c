using System.Buffers.Binary;
using System.Diagnostics.CodeAnalysis;
using System.Runtime.InteropServices;
using System.Text;
using Gatehouse.Contracts;

namespace Gatehouse.Gateway.Journal;

/// <summary>
/// A <see cref="CallRecord"/> as bytes: a version byte, then the fields in a fixed order. Whole numbers are zigzag varints, a text is its
/// length plus one (0: <see langword="null"/>) and UTF-8, a decimal keeps its scale. A new field goes to the end under a new version; every
/// version that was ever written is read for ever.
/// </summary>
internal static class CallRecordFormat
{
    /// <summary>The version written.</summary>
    public const byte Version = 4;

    /// <summary>Longer texts are cut: a record must always fit into a segment, whatever a client or a provider sent.</summary>
    public const int MaxTextChars = 1024;

    /// <summary>Texts that are names are cut sooner, in lists: there may be many.</summary>
    public const int MaxNameChars = 256;

    /// <summary>Longer lists are cut.</summary>
    public const int MaxItems = 128;

    /// <summary>Price tiers nest no deeper than this; deeper ones are left out.</summary>
    private const int MaxTierDepth = 2;

    private const int SpanDigits = 16;
    private const int IdDigits = 32;
    private const int MaxMadeBytes = 36; // of an id's digits with what stands before them

    /// <summary>Writes into <paramref name="buffer"/>, which grows when it must.</summary>
    /// <returns>The number of bytes written.</returns>
    public static int Write(CallRecord record, ref byte[] buffer)
    {
        var to = new Writer(buffer);
        to.Byte(Version);
        to.Guid(record.Id);
        to.Text(record.RequestId);
        to.Text(record.TraceId);
        WriteSpan(ref to, record);
        to.Text(record.ParentSpanId);
        to.Number(record.StartedAtMicros);
        to.Guid(record.TeamId);
        to.Guid(record.SystemId);
        to.Guid(record.KeyId);
        to.Byte((byte)record.Environment);
        to.Text(record.Surface);
        to.Text(record.Route);
        to.Text(record.Provider);
        to.Text(record.Model);
        to.Text(record.AnsweredModel);
        to.Flag(record.Streamed);
        to.Number(record.Status);
        to.Byte((byte)record.Outcome);
        to.Text(record.ErrorCode);
        to.Text(record.ErrorMessage);
        to.Text(record.FinishReason);
        WriteUsage(ref to, record.Usage);
        to.Optional(record.CostNanos);
        to.Text(record.PriceRevision);
        WritePrice(ref to, record.Price, 0);
        to.Text(record.ConfigurationRevision);
        to.Number(record.DurationMicros);
        to.Optional(record.FirstByteMicros);
        to.Number(record.OwnMicros);
        WriteTexts(ref to, record.DroppedParameters);
        WriteAttempts(ref to, record.Attempts);
        WriteAttributes(ref to, record.RequestAttributes);
        WriteAttemptCosts(ref to, record.Attempts); // since version 2
        to.Optional(record.ChargedNanos); // since version 3
        to.Text(record.EndUser);
        to.Number(0); // the run of the node, which nobody ever read
        to.Text(record.ServiceTier);
        WriteKinds(ref to, record.Usage);
        for (var i = 0; i < Math.Min(record.Attempts.Count, MaxItems); i++)
        {
            WriteKinds(ref to, record.Attempts[i].Usage);
        }

        WriteKinds(ref to, record.Price, 0);
        to.Byte((byte)record.Cache); // since version 4
        to.Optional(record.SavedNanos);
        WriteUsage(ref to, record.Saved);
        WriteKinds(ref to, record.Saved);
        WriteGuard(ref to, record.Guard);
        buffer = to.Buffer;
        return to.Length;
    }

    /// <exception cref="JournalVersionException">A newer Gatehouse wrote the record.</exception>
    /// <exception cref="FormatException">The bytes are no record.</exception>
    /// <param name="names">What thousands of records repeat; <see langword="null"/> makes each text anew.</param>
    /// <param name="into">A record that nobody uses any more; <see langword="null"/> makes one.</param>
    public static CallRecord Read(ReadOnlySpan<byte> bytes, NameCache? names = null, CallRecord? into = null)
    {
        var from = new Reader(bytes, names);
        var version = from.Byte();
        if (version > Version)
        {
            throw new JournalVersionException(
                $"The journal holds a call record of version {version}; this Gatehouse reads up to version {Version}. Start the newer release again.");
        }

        if (version == 0)
        {
            throw new FormatException("A call record of version 0 was never written.");
        }

        var attempts = names?.Attempts ?? [];
        var record = into ?? new CallRecord();
        record.Id = from.Guid();
        record.RequestId = from.TextUnlessDigits(CallRecord.RequestIdPrefix, record.Id);
        record.TraceId = from.TextUnlessDigits("", record.Id);
        ReadSpan(ref from, record);
        record.ParentSpanId = from.Text();
        record.StartedAtMicros = from.Number();
        record.TeamId = from.Guid();
        record.SystemId = from.Guid();
        record.KeyId = from.Guid();
        record.Environment = (SystemEnvironment)from.Byte();
        record.Surface = from.Name() ?? "";
        record.Route = from.Name() ?? "";
        record.Provider = from.Name();
        record.Model = from.Name();
        record.AnsweredModel = from.Name();
        record.Streamed = from.Flag();
        record.Status = (int)from.Number();
        record.Outcome = (CallOutcome)from.Byte();
        record.ErrorCode = from.Name();
        record.ErrorMessage = from.Name();
        record.FinishReason = from.Name();
        record.Usage = ReadUsage(ref from);
        record.CostNanos = from.Optional();
        record.PriceRevision = from.Name();
        record.Price = Repeated(ref from, names?.Price, null, static (ref from, _) => ReadPrice(ref from, 0));
        record.ConfigurationRevision = from.Name() ?? "";
        record.DurationMicros = from.Number();
        record.FirstByteMicros = from.Optional();
        record.OwnMicros = from.Number();
        record.DroppedParameters = ReadTexts(ref from);
        ReadAttempts(ref from, attempts);
        record.RequestAttributes = Repeated(ref from, names?.Attributes, null, static (ref from, _) => ReadAttributes(ref from));
        Forget(record);
        if (version >= 2)
        {
            ReadAttemptCosts(ref from, attempts);
        }

        if (version >= 3)
        {
            record.ChargedNanos = from.Optional();
            record.EndUser = from.Text() ?? "";
            _ = from.Number();
            record.ServiceTier = from.Name();
            record.Usage = ReadKinds(ref from, record.Usage);
            foreach (ref var attempt in CollectionsMarshal.AsSpan(attempts))
            {
                attempt.Usage = ReadKinds(ref from, attempt.Usage);
            }

            record.Price = record.Price is null
                ? null
                : Repeated(ref from, names?.WholePrice, record.Price, static (ref from, price) => ReadKinds(ref from, (Price)price!));
        }

        if (version >= 4)
        {
            record.Cache = (CacheUse)from.Byte();
            record.SavedNanos = from.Optional();
            record.Saved = ReadKinds(ref from, ReadUsage(ref from));
            record.Guard = ReadGuard(ref from);
        }

        record.Attempts.Clear();
        foreach (ref var attempt in CollectionsMarshal.AsSpan(attempts))
        {
            record.Attempts.Add(attempt.Whole());
        }

        return record;
    }

    /// <summary>What older versions do not have.</summary>
    private static void Forget(CallRecord record)
    {
        (record.ChargedNanos, record.EndUser, record.ServiceTier) = (null, "", null);
        (record.Cache, record.SavedNanos, record.Saved, record.Guard) = (CacheUse.None, null, null, null);
    }

    private static void WriteSpan(ref Writer to, CallRecord record)
    {
        if (record.TryGetSpan(out var span))
        {
            to.Digits(span);
        }
        else
        {
            to.Text(record.SpanId);
        }
    }

    private static void ReadSpan(ref Reader from, CallRecord record)
    {
        if (from.TryDigits(out var span))
        {
            record.SetSpan(span);
        }
        else
        {
            record.SpanId = from.Text() ?? "";
        }
    }

    /// <summary>A part that is mostly the same as in the record before: then the same object stands for it.</summary>
    /// <param name="from">Parts end by themselves: what begins with the bytes of one, is that one.</param>
    /// <param name="last">Of the record before.</param>
    /// <param name="about">What the part adds to.</param>
    private static T? Repeated<T>(ref Reader from, LastRead<T>? last, object? about, ReadPart<T> read)
        where T : class
    {
        if (last is null)
        {
            return read(ref from, about);
        }

        if (ReferenceEquals(last.About, about) && from.TrySkip(last.Bytes))
        {
            return last.Value;
        }

        var rest = from.Rest;
        var value = read(ref from, about);
        last.Keep(rest[..^from.Rest.Length], about, value);
        return value;
    }

    private static void WriteUsage(ref Writer to, TokenUsage? usage)
    {
        to.Flag(usage.HasValue);
        if (usage is { } tokens)
        {
            to.Number(tokens.UncachedInput);
            to.Number(tokens.CacheRead);
            to.Number(tokens.CacheWrite);
            to.Number(tokens.CacheWriteLong);
            to.Number(tokens.Output);
            to.Number(tokens.Reasoning);
        }
    }

    private static TokenUsage? ReadUsage(ref Reader from) => from.Flag()
        ? new TokenUsage(from.Number(), from.Number(), from.Number(), from.Number(), from.Number(), from.Number())
        : null;

    /// <summary>Tokens of sound and pictures, since version 3.</summary>
    private static void WriteKinds(ref Writer to, TokenUsage? usage)
    {
        if (usage is { } tokens)
        {
            to.Number(tokens.AudioInput);
            to.Number(tokens.ImageInput);
            to.Number(tokens.AudioOutput);
        }
    }

    private static TokenUsage? ReadKinds(ref Reader from, TokenUsage? usage) => usage is { } tokens
        ? tokens with { AudioInput = from.Number(), ImageInput = from.Number(), AudioOutput = from.Number() }
        : null;

    /// <summary>Prices of sound and pictures, since version 3: of the price, then of its tiers, in their order.</summary>
    private static void WriteKinds(ref Writer to, Price? price, int depth)
    {
        if (price is null)
        {
            return;
        }

        to.Optional(price.AudioInput);
        to.Optional(price.ImageInput);
        to.Optional(price.AudioOutput);
        for (var i = 0; i < (depth < MaxTierDepth ? Math.Min(price.Tiers.Count, MaxItems) : 0); i++)
        {
            WriteKinds(ref to, price.Tiers[i].Price, depth + 1);
        }
    }

    private static Price? ReadKinds(ref Reader from, Price? price)
    {
        if (price is null)
        {
            return null;
        }

        var read = price with { AudioInput = from.OptionalDecimal(), ImageInput = from.OptionalDecimal(),
            AudioOutput = from.OptionalDecimal() };
        if (price.Tiers.Count == 0)
        {
            return read;
        }

        var tiers = new PriceTier[price.Tiers.Count];
        for (var i = 0; i < tiers.Length; i++)
        {
            tiers[i] = price.Tiers[i] with { Price = ReadKinds(ref from, price.Tiers[i].Price)! };
        }

        return read with { Tiers = tiers };
    }

    private static void WritePrice(ref Writer to, Price? price, int depth)
    {
        to.Flag(price is not null);
        if (price is null)
        {
            return;
        }

        to.Decimal(price.Input);
        to.Decimal(price.Output);
        to.Optional(price.CacheRead);
        to.Optional(price.CacheWrite);
        to.Optional(price.CacheWriteLong);
        to.Optional(price.Reasoning);
        var tiers = depth < MaxTierDepth ? Math.Min(price.Tiers.Count, MaxItems) : 0;
        to.Number(tiers);
        for (var i = 0; i < tiers; i++)
        {
            to.Number(price.Tiers[i].AboveInputTokens);
            WritePrice(ref to, price.Tiers[i].Price, depth + 1);
        }
    }

    private static Price? ReadPrice(ref Reader from, int depth)
    {
        if (!from.Flag())
        {
            return null;
        }

        var price = new Price(
            from.Decimal(), from.Decimal(), from.OptionalDecimal(), from.OptionalDecimal(), from.OptionalDecimal(), from.OptionalDecimal());
        var count = from.Count();
        if (count == 0)
        {
            return price;
        }

        if (depth == MaxTierDepth)
        {
            throw new FormatException("Price tiers nest too deep.");
        }

        var tiers = new PriceTier[count];
        for (var i = 0; i < count; i++)
        {
            tiers[i] = new PriceTier(
                from.Number(), ReadPrice(ref from, depth + 1) ?? throw new FormatException("A price tier has no price."));
        }

        return price with { Tiers = tiers };
    }

    private static void WriteTexts(ref Writer to, IReadOnlyList<string> texts)
    {
        var count = Math.Min(texts.Count, MaxItems);
        to.Number(count);
        for (var i = 0; i < count; i++)
        {
            to.Name(texts[i]);
        }
    }

    private static string[] ReadTexts(ref Reader from)
    {
        var texts = from.Count() is var count and > 0 ? new string[count] : [];
        for (var i = 0; i < texts.Length; i++)
        {
            texts[i] = from.Name() ?? "";
        }

        return texts;
    }

    private static void WriteAttempts(ref Writer to, List<CallAttempt> attempts)
    {
        var count = Math.Min(attempts.Count, MaxItems);
        to.Number(count);
        for (var i = 0; i < count; i++)
        {
            var attempt = attempts[i];
            to.Name(attempt.Provider);
            to.Name(attempt.Model);
            to.Number(attempt.StartMicros);
            to.Optional(attempt.HeadersMicros);
            to.Optional(attempt.FirstByteMicros);
            to.Number(attempt.EndMicros);
            to.Number(attempt.Status);
            to.Name(attempt.ErrorCode);
            to.Text(attempt.Error);
        }
    }

    private static void ReadAttempts(ref Reader from, List<AttemptDraft> attempts)
    {
        attempts.Clear();
        var count = from.Count();
        for (var i = 0; i < count; i++)
        {
            attempts.Add(new AttemptDraft
            {
                Provider = from.Name() ?? "",
                Model = from.Name() ?? "",
                StartMicros = from.Number(),
                HeadersMicros = from.Optional(),
                FirstByteMicros = from.Optional(),
                EndMicros = from.Number(),
                Status = (int)from.Number(),
                ErrorCode = from.Name(),
                Error = from.Name(),
            });
        }
    }

    private static void WriteAttemptCosts(ref Writer to, List<CallAttempt> attempts)
    {
        for (var i = 0; i < Math.Min(attempts.Count, MaxItems); i++)
        {
            WriteUsage(ref to, attempts[i].Usage);
            to.Optional(attempts[i].CostUsd);
        }
    }

    private static void ReadAttemptCosts(ref Reader from, List<AttemptDraft> attempts)
    {
        foreach (ref var attempt in CollectionsMarshal.AsSpan(attempts))
        {
            attempt.Usage = ReadUsage(ref from);
            attempt.CostUsd = from.OptionalDecimal();
        }
    }

    private static void WriteAttributes(ref Writer to, Dictionary<string, string>? attributes)
    {
        to.Flag(attributes is not null);
        if (attributes is null)
        {
            return;
        }

        var count = Math.Min(attributes.Count, MaxItems);
        to.Number(count);
        foreach (var (name, value) in attributes)
        {
            if (count-- == 0)
            {
                break;
            }

            to.Name(name);
            to.Name(value);
        }
    }

    private static Dictionary<string, string>? ReadAttributes(ref Reader from)
    {
        if (!from.Flag())
        {
            return null;
        }

        var count = from.Count();
        var attributes = new Dictionary<string, string>(count, StringComparer.Ordinal);
        for (var i = 0; i < count; i++)
        {
            attributes[from.Name() ?? ""] = from.Name() ?? "";
        }

        return attributes;
    }

    /// <summary>What the guards found. Scores are thousandths.</summary>
    private static void WriteGuard(ref Writer to, GuardReport? guard)
    {
        to.Flag(guard is not null);
        if (guard is null)
        {
            return;
        }

        to.Text(guard.Policy);
        to.Text(guard.Revision);
        to.Byte((byte)guard.Verdict);
        to.Number(guard.InputMicros);
        to.Number(guard.OutputMicros);
        to.Text(guard.Failure);
        var count = Math.Min(guard.Findings.Count, MaxItems);
        to.Number(count);
        for (var i = 0; i < count; i++)
        {
            var finding = guard.Findings[i];
            to.Name(finding.Side);
            to.Name(finding.Detector);
            to.Name(finding.Type);
            to.Name(finding.Rule);
            to.Name(finding.Action);
            to.Flag(finding.Shadow);
            to.Flag(finding.Excepted);
            to.Number(finding.Count);
            to.Number((long)Math.Round(finding.Score * 1000));
            to.Number(finding.Part);
            to.Number(finding.Start);
            to.Number(finding.Length);
        }
    }

    private static GuardReport? ReadGuard(ref Reader from)
    {
        if (!from.Flag())
        {
            return null;
        }

        var report = new GuardReport(
            from.Text() ?? "", from.Text() ?? "", (GuardVerdict)from.Byte(), [], from.Number(), from.Number(), from.Text());
        var findings = new GuardFinding[from.Count()];
        for (var i = 0; i < findings.Length; i++)
        {
            findings[i] = new GuardFinding(
                from.Text() ?? "", from.Text() ?? "", from.Text() ?? "", from.Text() ?? "", from.Text() ?? "", from.Flag(), from.Flag(),
                (int)from.Number(), from.Number() / 1000.0, (int)from.Number(), (int)from.Number(), (int)from.Number());
        }

        return report with { Findings = findings };
    }

    private delegate T? ReadPart<T>(ref Reader from, object? about);

    private ref struct Writer(byte[] buffer)
    {
        public byte[] Buffer = buffer;

        public int Length;

        public void Byte(byte value)
        {
            Ensure(1);
            Buffer[Length++] = value;
        }

        public void Flag(bool value) => Byte(value ? (byte)1 : (byte)0);

        public void Guid(Guid value)
        {
            Ensure(16);
            value.TryWriteBytes(Buffer.AsSpan(Length), bigEndian: true, out _);
            Length += 16;
        }

        public void Number(long value)
        {
            Ensure(10);
            var rest = (ulong)((value << 1) ^ (value >> 63));
            while (rest >= 0x80)
            {
                Buffer[Length++] = (byte)(rest | 0x80);
                rest >>= 7;
            }

            Buffer[Length++] = (byte)rest;
        }

        public void Optional(long? value)
        {
            Flag(value.HasValue);
            if (value is { } number)
            {
                Number(number);
            }
        }

        public void Decimal(decimal value)
        {
            Ensure(16);
            Span<int> parts = stackalloc int[4];
            decimal.GetBits(value, parts);
            for (var i = 0; i < 4; i++)
            {
                BinaryPrimitives.WriteInt32LittleEndian(Buffer.AsSpan(Length + (i * 4)), parts[i]);
            }

            Length += 16;
        }

        public void Optional(decimal? value)
        {
            Flag(value.HasValue);
            if (value is { } amount)
            {
                Decimal(amount);
            }
        }

        /// <summary>The text of 16 digits.</summary>
        public void Digits(ulong value)
        {
            Number(SpanDigits + 1);
            Ensure(SpanDigits);
            Span<byte> bytes = stackalloc byte[sizeof(ulong)];
            BinaryPrimitives.WriteUInt64BigEndian(bytes, value);
            Convert.TryToHexStringLower(bytes, Buffer.AsSpan(Length), out var written);
            Length += written;
        }

        public void Text(string? value) => Text(value, MaxTextChars);

        public void Name(string? value) => Text(value, MaxNameChars);

        private void Text(string? value, int maxChars)
        {
            if (value is null)
            {
                Number(0);
                return;
            }

            var chars = value.AsSpan(0, Math.Min(value.Length, maxChars));
            var bytes = Encoding.UTF8.GetByteCount(chars);
            Number(bytes + 1);
            Ensure(bytes);
            Length += Encoding.UTF8.GetBytes(chars, Buffer.AsSpan(Length));
        }

        private void Ensure(int bytes)
        {
            if (Buffer.Length - Length < bytes)
            {
                Array.Resize(ref Buffer, Math.Max(Buffer.Length * 2, Length + bytes));
            }
        }
    }

    private ref struct Reader(ReadOnlySpan<byte> bytes, NameCache? names)
    {
        private ReadOnlySpan<byte> _rest = bytes;

        public readonly ReadOnlySpan<byte> Rest => _rest;

        public bool TrySkip(scoped ReadOnlySpan<byte> expected)
        {
            if (expected.IsEmpty || !_rest.StartsWith(expected))
            {
                return false;
            }

            _rest = _rest[expected.Length..];
            return true;
        }

        public byte Byte() => Take(1)[0];

        public bool Flag() => Byte() switch
        {
            0 => false,
            1 => true,
            _ => Fail<bool>("A flag is neither 0 nor 1."),
        };

        public Guid Guid() => new(Take(16), bigEndian: true);

        public long Number()
        {
            ulong value = 0;
            for (var shift = 0; shift < 64; shift += 7)
            {
                var part = Byte();
                value |= (ulong)(part & 0x7F) << shift;
                if (part < 0x80)
                {
                    return (long)(value >> 1) ^ -(long)(value & 1);
                }
            }

            return Fail<long>("A number is longer than 64 bits.");
        }

        public long? Optional() => Flag() ? Number() : null;

        /// <summary>The length of a list: never more than could be there, so that damage cannot ask for gigabytes.</summary>
        public int Count()
        {
            var count = Number();
            return count is >= 0 and <= MaxItems ? (int)count : Fail<int>("A list is longer than any that is written.");
        }

        public decimal Decimal()
        {
            var bytes = Take(16);
            Span<int> parts = stackalloc int[4];
            for (var i = 0; i < 4; i++)
            {
                parts[i] = BinaryPrimitives.ReadInt32LittleEndian(bytes[(i * 4)..]);
            }

            try
            {
                return new decimal(parts);
            }
            catch (ArgumentException e)
            {
                throw new FormatException("The bytes are no decimal.", e);
            }
        }

        public decimal? OptionalDecimal() => Flag() ? Decimal() : null;

        public string? Text()
        {
            var length = Number();
            return length switch
            {
                0 => null,
                > 0 when length - 1 <= _rest.Length => Encoding.UTF8.GetString(Take((int)(length - 1))),
                _ => Fail<string>("A text is longer than its record."),
            };
        }

        /// <returns><see langword="null"/> where the text is the prefix and the digits of the id.</returns>
        public string? TextUnlessDigits(string prefix, Guid id)
        {
            Span<byte> made = stackalloc byte[1 + MaxMadeBytes];
            made[0] = (byte)((prefix.Length + IdDigits + 1) << 1); // its length as a number
            var length = 1 + Encoding.ASCII.GetBytes(prefix, made[1..]);
            id.TryFormat(made[length..], out _, "N");
            return TrySkip(made[..(length + IdDigits)]) ? null : Text() ?? "";
        }

        /// <returns><see langword="false"/>, with nothing read, where no text of 16 lower-case digits comes next.</returns>
        public bool TryDigits(out ulong value)
        {
            value = 0;
            if (_rest.Length <= SpanDigits || _rest[0] != (SpanDigits + 1) << 1)
            {
                return false;
            }

            foreach (var digit in _rest.Slice(1, SpanDigits))
            {
                if (!char.IsAsciiHexDigitLower((char)digit))
                {
                    return false;
                }

                value = (value << 4) | (uint)(digit <= '9' ? digit - '0' : digit - 'a' + 10);
            }

            _rest = _rest[(SpanDigits + 1)..];
            return true;
        }

        /// <summary>A text that many records have.</summary>
        public string? Name()
        {
            var length = Number();
            return length switch
            {
                0 => null,
                > 0 when length - 1 <= _rest.Length => names is null
                    ? Encoding.UTF8.GetString(Take((int)(length - 1)))
                    : names.TextOf(Take((int)(length - 1))),
                _ => Fail<string>("A text is longer than its record."),
            };
        }

        private ReadOnlySpan<byte> Take(int count)
        {
            if (count > _rest.Length)
            {
                Fail<byte>("The record ends too early.");
            }

            var taken = _rest[..count];
            _rest = _rest[count..];
            return taken;
        }

        [DoesNotReturn]
        private static T Fail<T>(string message) => throw new FormatException(message);
    }
}

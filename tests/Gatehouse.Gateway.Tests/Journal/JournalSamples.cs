using System.Text.Json;
using Gatehouse.Contracts;
using Gatehouse.Gateway.Journal;

namespace Gatehouse.Gateway.Tests.Journal;

/// <summary>Call records for the journal's tests, and their text for comparing.</summary>
internal static class JournalSamples
{
    /// <summary>Every field has a value that is not its default.</summary>
    public static CallRecord Full() => new()
    {
        Id = new Guid("01890a5d-ac96-774b-bcce-b302099a8057"),
        RequestId = "req_1",
        TraceId = "4bf92f3577b34da6a3ce929d0e0e4736",
        SpanId = "00f067aa0ba902b7",
        ParentSpanId = "b7ad6b7169203331",
        StartedAtMicros = 1_790_000_000_123_456,
        TeamId = new Guid("01890a5d-0000-7000-8000-000000000001"),
        SystemId = new Guid("01890a5d-0000-7000-8000-000000000002"),
        KeyId = new Guid("01890a5d-0000-7000-8000-000000000003"),
        Environment = SystemEnvironment.Production,
        Surface = "messages",
        Route = "grün",
        Provider = "openai",
        Model = "gpt-5",
        AnsweredModel = "gpt-5-2026-01-01",
        Streamed = true,
        Status = 502,
        Outcome = CallOutcome.Failed,
        ErrorCode = "upstream_failed",
        ErrorMessage = "Every target failed.",
        FinishReason = "length",
        Usage = new TokenUsage(1, 2, 3, 4, 5, long.MaxValue, 11, 12, 13),
        ServiceTier = "flex",
        CostNanos = -1,
        ChargedNanos = 9,
        EndUser = "ann",
        Cache = CacheUse.Partial,
        SavedNanos = 31,
        Saved = new TokenUsage(32, 33, 34, 35, 36, 37, 38, 39, 40),
        PriceRevision = "2026-11-01",
        Price = new Price(0.00000125m, 0.00001m, 0.000000125m, 0.0000015m, 0.000002m, 0.000010m)
        {
            Tiers = [new PriceTier(200_000, new Price(0.0000025m, 0.000015m))],
        },
        ConfigurationRevision = "r7",
        DurationMicros = 1_234_567,
        FirstByteMicros = 400_000,
        OwnMicros = 321,
        DroppedParameters = ["logit_bias", "seed"],
        Attempts =
        [
            new CallAttempt("openai", "gpt-5", 10, null, null, 5_000, 0, "connect_timeout", "No connection."),
            new CallAttempt("azure", "gpt-5", 5_100, 6_000, 6_100, 9_000, 200, null, null, new TokenUsage(1, 2, 3, 4, 5, 6), 0.000000007m),
        ],
        RequestAttributes = new Dictionary<string, string> { ["gen_ai.request.temperature"] = "0.7", ["gen_ai.request.seed"] = "1" },
        Guard = new GuardReport(
            "standard", "1f2e3d4c5b", GuardVerdict.Redacted,
            [
                new GuardFinding("input", "pii", "CREDIT_CARD", "cards", "redact", false, false, 2, 0.995, 1, 17, 19),
                new GuardFinding("output", "secrets", "SECRET", "keys", "block", true, true, 1, 0.6, 0, 3, 40),
            ],
            31, 12, "A guard failed."),
    };

    /// <summary>Takes out what version 4 added.</summary>
    public static void BeforeVersion4(CallRecord record) =>
        (record.Cache, record.SavedNanos, record.Saved, record.Guard) = (CacheUse.None, null, null, null);

    /// <summary>Takes out what version 3 added, and what came later.</summary>
    public static void BeforeVersion3(CallRecord record)
    {
        BeforeVersion4(record);
        (record.ChargedNanos, record.EndUser, record.ServiceTier) = (null, "", null);
        record.Usage = record.Usage!.Value with { AudioInput = 0, ImageInput = 0, AudioOutput = 0 };
    }

    public static CallRecord Small(int number) => new() { Id = Guid.CreateVersion7(), RequestId = $"req_{number}", Status = 200 };

    /// <summary>Anything that the fields can hold, the same for the same seed.</summary>
    public static CallRecord Any(Random random) => new()
    {
        Id = AnyGuid(random),
        RequestId = AnyText(random),
        TraceId = AnyText(random),
        SpanId = AnyText(random),
        ParentSpanId = MaybeText(random),
        StartedAtMicros = AnyNumber(random),
        TeamId = AnyGuid(random),
        SystemId = AnyGuid(random),
        KeyId = AnyGuid(random),
        Environment = (SystemEnvironment)random.Next(3),
        Surface = AnyText(random),
        Route = AnyText(random),
        Provider = MaybeText(random),
        Model = MaybeText(random),
        AnsweredModel = MaybeText(random),
        Streamed = Coin(random),
        Status = random.Next(-1, 1000),
        Outcome = (CallOutcome)random.Next(4),
        ErrorCode = MaybeText(random),
        ErrorMessage = MaybeText(random),
        FinishReason = MaybeText(random),
        Usage = Coin(random)
            ? new TokenUsage(AnyNumber(random), AnyNumber(random), AnyNumber(random), AnyNumber(random), AnyNumber(random),
                AnyNumber(random),
                AnyNumber(random), AnyNumber(random), AnyNumber(random))
            : null,
        CostNanos = MaybeNumber(random),
        ChargedNanos = MaybeNumber(random),
        EndUser = AnyText(random),
        Cache = (CacheUse)random.Next(6),
        SavedNanos = MaybeNumber(random),
        Saved = Coin(random) ? new TokenUsage(AnyNumber(random), 1, 2, 3, AnyNumber(random), 5, 6, AnyNumber(random), 8) : null,
        ServiceTier = MaybeText(random),
        PriceRevision = MaybeText(random),
        Price = Coin(random) ? AnyPrice(random, 0) : null,
        ConfigurationRevision = AnyText(random),
        DurationMicros = AnyNumber(random),
        FirstByteMicros = MaybeNumber(random),
        OwnMicros = AnyNumber(random),
        DroppedParameters = [.. Enumerable.Range(0, random.Next(4)).Select(_ => AnyText(random))],
        Attempts =
        [
            .. Enumerable.Range(0, random.Next(4)).Select(_ => new CallAttempt(
                AnyText(random), AnyText(random), AnyNumber(random), MaybeNumber(random), MaybeNumber(random), AnyNumber(random),
                random.Next(600), MaybeText(random), MaybeText(random),
                Coin(random) ? new TokenUsage(AnyNumber(random), 1, 2, 3, 4, AnyNumber(random)) : null,
                MaybeDecimal(random))),
        ],
        RequestAttributes = Coin(random)
            ? Enumerable.Range(0, random.Next(5)).ToDictionary(i => $"{i}{AnyText(random)}", _ => AnyText(random))
            : null,
        Guard = Coin(random)
            ? new GuardReport(
                AnyText(random), AnyText(random), (GuardVerdict)(random.Next(7) * 10),
                [
                    .. Enumerable.Range(0, random.Next(3)).Select(_ => new GuardFinding(
                        AnyText(random), AnyText(random), AnyText(random), AnyText(random), AnyText(random), Coin(random), Coin(random),
                        random.Next(), random.Next(1001) / 1000.0, random.Next(), random.Next(), random.Next())),
                ],
                AnyNumber(random), AnyNumber(random), MaybeText(random))
            : null,
    };

    public static string Text(CallRecord record) => JsonSerializer.Serialize(record);

    public static CallRecord RoundTrip(CallRecord record)
    {
        var buffer = new byte[1];
        var length = CallRecordFormat.Write(record, ref buffer);
        return CallRecordFormat.Read(buffer.AsSpan(0, length));
    }

    private static Price AnyPrice(Random random, int depth) =>
        new(AnyDecimal(random), AnyDecimal(random), MaybeDecimal(random), MaybeDecimal(random), MaybeDecimal(random), MaybeDecimal(random),
            MaybeDecimal(random), MaybeDecimal(random), MaybeDecimal(random))
        {
            Tiers = depth < 2 ? [
                .. Enumerable.Range(0, random.Next(3)).Select(_ => new PriceTier(AnyNumber(random), AnyPrice(random, depth + 1)))] : [],
        };

    private static bool Coin(Random random) => random.Next(2) == 0;

    private static long AnyNumber(Random random) => random.Next(5) switch
    {
        0 => 0,
        1 => long.MinValue,
        2 => long.MaxValue,
        3 => random.Next(-200, 200),
        _ => random.NextInt64(long.MinValue, long.MaxValue),
    };

    private static long? MaybeNumber(Random random) => Coin(random) ? AnyNumber(random) : null;

    private static decimal AnyDecimal(Random random) =>
        new(random.Next(), random.Next(), random.Next(), Coin(random), (byte)random.Next(29));

    private static decimal? MaybeDecimal(Random random) => Coin(random) ? AnyDecimal(random) : null;

    private static string AnyText(Random random) =>
        string.Concat(Enumerable.Range(0, random.Next(20)).Select(_ => char.ConvertFromUtf32(random.Next(3) switch
        {
            0 => random.Next(0, 0x80),
            1 => random.Next(0x80, 0xD800),
            _ => random.Next(0x10000, 0x110000),
        })));

    private static string? MaybeText(Random random) => Coin(random) ? AnyText(random) : null;

    private static Guid AnyGuid(Random random)
    {
        Span<byte> bytes = stackalloc byte[16];
        random.NextBytes(bytes);
        return new Guid(bytes);
    }
}

/// <summary>A directory of the test's own, gone at its end.</summary>
internal sealed class TemporaryDirectory : IDisposable
{
    public string Path { get; } = Directory.CreateTempSubdirectory("gatehouse-journal-").FullName;

    public void Dispose() => Directory.Delete(Path, recursive: true);
}

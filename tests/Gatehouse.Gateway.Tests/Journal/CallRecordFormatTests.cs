using FsCheck;
using FsCheck.Fluent;
using Gatehouse.Contracts;
using Gatehouse.Gateway.Journal;

namespace Gatehouse.Gateway.Tests.Journal;

public sealed class CallRecordFormatTests
{
    private const string Version1 =
        "AQGJCl2slndLvM6zAgmagFcMcmVxXzFCNGJmOTJmMzU3N2IzNGRhNmEzY2U5MjlkMGUwZTQ3MzYiMDBmMDY3YWEwYmE5MDJiNyJiN2FkNmI3MT" +
        "Y5MjAzMzMxgIm+otv/rQYBiQpdAABwAIAAAAAAAAABAYkKXQAAcACAAAAAAAAAAgGJCl0AAHAAgAAAAAAAAAMCEm1lc3NhZ2VzDGdyw7xuDm9w" +
        "ZW5haQxncHQtNSJncHQtNS0yMDI2LTAxLTAxAewHAiB1cHN0cmVhbV9mYWlsZWQqRXZlcnkgdGFyZ2V0IGZhaWxlZC4ObGVuZ3RoAQIEBggK/v" +
        "//////////AQEBFjIwMjYtMTEtMDEBfQAAAAAAAAAAAAAAAAAIAAEAAAAAAAAAAAAAAAAABQABfQAAAAAAAAAAAAAAAAAJAAEPAAAAAAAAAAAA" +
        "AAAAAAcAAQIAAAAAAAAAAAAAAAAABgABCgAAAAAAAAAAAAAAAAAGAAKAtRgBGQAAAAAAAAAAAAAAAAAHAA8AAAAAAAAAAAAAAAAABgAAAAAAAA" +
        "ZyN47algEBgOowggUEFmxvZ2l0X2JpYXMKc2VlZAQOb3BlbmFpDGdwdC01FAAAkE4AIGNvbm5lY3RfdGltZW91dB5ObyBjb25uZWN0aW9uLgxh" +
        "enVyZQxncHQtNdhPAeBdAahf0IwBkAMAAAEENmdlbl9haS5yZXF1ZXN0LnRlbXBlcmF0dXJlCDAuNyhnZW5fYWkucmVxdWVzdC5zZWVkBDE=";

    private const string Version2 =
        "AgGJCl2slndLvM6zAgmagFcMcmVxXzFCNGJmOTJmMzU3N2IzNGRhNmEzY2U5MjlkMGUwZTQ3MzYiMDBmMDY3YWEwYmE5MDJiNyJiN2FkNmI3MTY5" +
        "MjAzMzMxgIm+otv/rQYBiQpdAABwAIAAAAAAAAABAYkKXQAAcACAAAAAAAAAAgGJCl0AAHAAgAAAAAAAAAMCEm1lc3NhZ2VzDGdyw7xuDm9wZW5h" +
        "aQxncHQtNSJncHQtNS0yMDI2LTAxLTAxAewHAiB1cHN0cmVhbV9mYWlsZWQqRXZlcnkgdGFyZ2V0IGZhaWxlZC4ObGVuZ3RoAQIEBggK/v//////" +
        "////AQEBFjIwMjYtMTEtMDEBfQAAAAAAAAAAAAAAAAAIAAEAAAAAAAAAAAAAAAAABQABfQAAAAAAAAAAAAAAAAAJAAEPAAAAAAAAAAAAAAAAAAcA" +
        "AQIAAAAAAAAAAAAAAAAABgABCgAAAAAAAAAAAAAAAAAGAAKAtRgBGQAAAAAAAAAAAAAAAAAHAA8AAAAAAAAAAAAAAAAABgAAAAAAAAZyN47algEB" +
        "gOowggUEFmxvZ2l0X2JpYXMKc2VlZAQOb3BlbmFpDGdwdC01FAAAkE4AIGNvbm5lY3RfdGltZW91dB5ObyBjb25uZWN0aW9uLgxhenVyZQxncHQt" +
        "NdhPAeBdAahf0IwBkAMAAAEENmdlbl9haS5yZXF1ZXN0LnRlbXBlcmF0dXJlCDAuNyhnZW5fYWkucmVxdWVzdC5zZWVkBDEAAAECBAYICgwBBwAA" +
        "AAAAAAAAAAAAAAAJAA==";

    private const string Version3 =
        "AwGJCl2slndLvM6zAgmagFcMcmVxXzFCNGJmOTJmMzU3N2IzNGRhNmEzY2U5MjlkMGUwZTQ3MzYiMDBmMDY3YWEwYmE5MDJiNyJiN2FkNmI3MTY5MjAz" +
        "MzMxgIm+otv/rQYBiQpdAABwAIAAAAAAAAABAYkKXQAAcACAAAAAAAAAAgGJCl0AAHAAgAAAAAAAAAMCEm1lc3NhZ2VzDGdyw7xuDm9wZW5haQxncHQt" +
        "NSJncHQtNS0yMDI2LTAxLTAxAewHAiB1cHN0cmVhbV9mYWlsZWQqRXZlcnkgdGFyZ2V0IGZhaWxlZC4ObGVuZ3RoAQIEBggK/v//////////AQEBFjIw" +
        "MjYtMTEtMDEBfQAAAAAAAAAAAAAAAAAIAAEAAAAAAAAAAAAAAAAABQABfQAAAAAAAAAAAAAAAAAJAAEPAAAAAAAAAAAAAAAAAAcAAQIAAAAAAAAAAAAA" +
        "AAAABgABCgAAAAAAAAAAAAAAAAAGAAKAtRgBGQAAAAAAAAAAAAAAAAAHAA8AAAAAAAAAAAAAAAAABgAAAAAAAAZyN47algEBgOowggUEFmxvZ2l0X2Jp" +
        "YXMKc2VlZAQOb3BlbmFpDGdwdC01FAAAkE4AIGNvbm5lY3RfdGltZW91dB5ObyBjb25uZWN0aW9uLgxhenVyZQxncHQtNdhPAeBdAahf0IwBkAMAAAEE" +
        "Nmdlbl9haS5yZXF1ZXN0LnRlbXBlcmF0dXJlCDAuNyhnZW5fYWkucmVxdWVzdC5zZWVkBDEAAAECBAYICgwBBwAAAAAAAAAAAAAAAAAJAAESCGFubg4K" +
        "ZmxleBYYGgAAAAAAAAAAAA==";

    private const string Version4 =
        "BAGJCl2slndLvM6zAgmagFcMcmVxXzFCNGJmOTJmMzU3N2IzNGRhNmEzY2U5MjlkMGUwZTQ3MzYiMDBmMDY3YWEwYmE5MDJiNyJiN2FkNmI3MTY5MjAz" +
        "MzMxgIm+otv/rQYBiQpdAABwAIAAAAAAAAABAYkKXQAAcACAAAAAAAAAAgGJCl0AAHAAgAAAAAAAAAMCEm1lc3NhZ2VzDGdyw7xuDm9wZW5haQxncHQt" +
        "NSJncHQtNS0yMDI2LTAxLTAxAewHAiB1cHN0cmVhbV9mYWlsZWQqRXZlcnkgdGFyZ2V0IGZhaWxlZC4ObGVuZ3RoAQIEBggK/v//////////AQEBFjIw" +
        "MjYtMTEtMDEBfQAAAAAAAAAAAAAAAAAIAAEAAAAAAAAAAAAAAAAABQABfQAAAAAAAAAAAAAAAAAJAAEPAAAAAAAAAAAAAAAAAAcAAQIAAAAAAAAAAAAA" +
        "AAAABgABCgAAAAAAAAAAAAAAAAAGAAKAtRgBGQAAAAAAAAAAAAAAAAAHAA8AAAAAAAAAAAAAAAAABgAAAAAAAAZyN47algEBgOowggUEFmxvZ2l0X2Jp" +
        "YXMKc2VlZAQOb3BlbmFpDGdwdC01FAAAkE4AIGNvbm5lY3RfdGltZW91dB5ObyBjb25uZWN0aW9uLgxhenVyZQxncHQtNdhPAeBdAahf0IwBkAMAAAEE" +
        "Nmdlbl9haS5yZXF1ZXN0LnRlbXBlcmF0dXJlCDAuNyhnZW5fYWkucmVxdWVzdC5zZWVkBDEAAAECBAYICgwBBwAAAAAAAAAAAAAAAAAJAAESCGFubgAK" +
        "ZmxleBYYGgAAAAAAAAAAAAUBPgFAQkRGSEpMTlABEnN0YW5kYXJkFjFmMmUzZDRjNWIyPhggQSBndWFyZCBmYWlsZWQuBAxpbnB1dAhwaWkYQ1JFRElU" +
        "X0NBUkQMY2FyZHMOcmVkYWN0AAAExg8CIiYOb3V0cHV0EHNlY3JldHMOU0VDUkVUCmtleXMMYmxvY2sBAQKwCQAGUA==";

    [Fact]
    public void Every_field_survives()
    {
        var record = JournalSamples.Full();

        Assert.Equal(JournalSamples.Text(record), JournalSamples.Text(JournalSamples.RoundTrip(record)));
    }

    [Fact]
    public void A_sample_with_every_field_set_leaves_no_property_at_its_default()
    {
        var full = JournalSamples.Full();
        var empty = new CallRecord();

        var unset = typeof(CallRecord).GetProperties().Where(p => Equals(p.GetValue(full), p.GetValue(empty))).Select(p => p.Name);

        Assert.Empty(unset);
    }

    [Fact]
    public void Any_record_survives()
    {
        var seeds = ArbMap.Default.ArbFor<int>();

        Prop.ForAll(seeds, seed =>
        {
            var record = JournalSamples.Any(new Random(seed));
            return JournalSamples.Text(record) == JournalSamples.Text(JournalSamples.RoundTrip(record));
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(1000));
    }

    [Fact]
    public void A_record_that_was_used_before_is_as_a_new_one()
    {
        var seeds = ArbMap.Default.ArbFor<(int Before, int Now)>();

        Prop.ForAll(seeds, seed =>
        {
            var used = JournalSamples.Any(new Random(seed.Before));
            var record = JournalSamples.Any(new Random(seed.Now));
            var buffer = new byte[16];
            var length = CallRecordFormat.Write(record, ref buffer);
            var read = CallRecordFormat.Read(buffer.AsSpan(0, length), new NameCache(), used);
            return JournalSamples.Text(read) == JournalSamples.Text(record);
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(1000));
    }

    [Theory]
    [InlineData(Version1)]
    [InlineData(Version2)]
    [InlineData(Version3)]
    public void An_older_record_takes_nothing_from_the_one_that_was_there(string stored)
    {
        var bytes = Convert.FromBase64String(stored);

        Assert.Equal(
            JournalSamples.Text(CallRecordFormat.Read(bytes)),
            JournalSamples.Text(CallRecordFormat.Read(bytes, null, JournalSamples.Full())));
    }

    [Fact]
    public void Ids_that_follow_from_the_call_s_id_are_told_from_those_that_were_given()
    {
        var id = Guid.CreateVersion7();
        var made = new CallRecord { Id = id, RequestId = "req_" + id.ToString("N"), TraceId = id.ToString("N") };
        made.SetSpan(0xF0);
        var given = new CallRecord { Id = id, RequestId = "mine", TraceId = new string('a', 32), SpanId = "00000000000000F0" };

        var (readMade, readGiven) = (JournalSamples.RoundTrip(made), JournalSamples.RoundTrip(given));

        Assert.Equal((null, null), (readMade.GivenRequestId(), readMade.GivenTraceId()));
        Assert.Equal((made.RequestId, made.TraceId, "00000000000000f0"), (readMade.RequestId, readMade.TraceId, readMade.SpanId));
        Assert.Equal((null, null), (readMade.GivenRequestId(), readMade.GivenTraceId())); // also once somebody has asked
        Assert.True(readMade.TryGetSpan(out var span));
        Assert.Equal(0xF0ul, span);
        Assert.Equal(("mine", given.TraceId, given.SpanId), (readGiven.GivenRequestId(), readGiven.GivenTraceId(), readGiven.SpanId));
        Assert.False(readGiven.TryGetSpan(out _));
    }

    [Fact]
    public void Any_damage_is_a_format_error_or_another_record_and_never_anything_worse()
    {
        var cases = ArbMap.Default.ArbFor<(int Seed, NonNegativeInt At, byte To)>();

        Prop.ForAll(cases, damage =>
        {
            var buffer = new byte[16];
            var length = CallRecordFormat.Write(JournalSamples.Any(new Random(damage.Seed)), ref buffer);
            buffer[damage.At.Get % length] = damage.To;
            try
            {
                CallRecordFormat.Read(buffer.AsSpan(0, length - (damage.Seed & 1)));
            }
            catch (Exception e) when (e is FormatException or JournalVersionException)
            {
                // The two answers that the journal expects.
            }
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(3000));
    }

    [Fact]
    public void A_newer_version_is_named_and_says_what_to_do()
    {
        var buffer = new byte[16];
        var length = CallRecordFormat.Write(JournalSamples.Full(), ref buffer);
        buffer[0] = CallRecordFormat.Version + 1;

        var error = Assert.Throws<JournalVersionException>(() => CallRecordFormat.Read(buffer.AsSpan(0, length)));

        Assert.Contains($"version {CallRecordFormat.Version + 1}", error.Message, StringComparison.Ordinal);
        Assert.Contains("newer release", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Version_1_is_read_for_ever()
    {
        var record = CallRecordFormat.Read(Convert.FromBase64String(Version1));

        var full = JournalSamples.Full();
        full.Attempts = [.. full.Attempts.Select(a => a with { Usage = null, CostUsd = null })];
        JournalSamples.BeforeVersion3(full);
        Assert.Equal(JournalSamples.Text(full), JournalSamples.Text(record));
    }

    [Fact]
    public void Version_2_is_read_for_ever()
    {
        var record = CallRecordFormat.Read(Convert.FromBase64String(Version2));

        var full = JournalSamples.Full();
        JournalSamples.BeforeVersion3(full);
        Assert.Equal(JournalSamples.Text(full), JournalSamples.Text(record));
    }

    [Fact]
    public void Version_3_is_read_for_ever()
    {
        var record = CallRecordFormat.Read(Convert.FromBase64String(Version3));

        var full = JournalSamples.Full();
        JournalSamples.BeforeVersion4(full);
        Assert.Equal(JournalSamples.Text(full), JournalSamples.Text(record));
    }

    [Fact]
    public void Version_4_is_read_for_ever()
    {
        var record = CallRecordFormat.Read(Convert.FromBase64String(Version4));

        Assert.Equal(JournalSamples.Text(JournalSamples.Full()), JournalSamples.Text(record));
    }

    [Fact]
    public void A_change_of_what_is_written_gets_a_new_version_and_a_sample_of_its_own()
    {
        var buffer = new byte[16];
        var length = CallRecordFormat.Write(JournalSamples.Full(), ref buffer);

        Assert.Equal(4, CallRecordFormat.Version);
        Assert.Equal(Version4, Convert.ToBase64String(buffer, 0, length));
    }

    [Fact]
    public void The_largest_record_fits_into_a_default_segment()
    {
        var text = new string('界', 100_000);
        var record = new CallRecord
        {
            ErrorMessage = text,
            DroppedParameters = [.. Enumerable.Repeat(text, 1000)],
            Attempts = [.. Enumerable.Repeat(new CallAttempt(text, text, 1, 2, 3, 4, 500, text, text), 1000)],
            RequestAttributes = Enumerable.Range(0, 1000).ToDictionary(i => i + text, _ => text),
            Guard = new GuardReport(
                text, text, GuardVerdict.Flagged,
                [.. Enumerable.Repeat(new GuardFinding(text, text, text, text, text, false, false, 1, 0.5, 1, 2, 3), 1000)], 1, 2, text),
        };
        var buffer = new byte[16];

        var length = CallRecordFormat.Write(record, ref buffer);

        Assert.InRange(length, 1, new CallJournalOptions { Directory = "" }.SegmentBytes - 4096);
        Assert.Equal(CallRecordFormat.MaxTextChars, CallRecordFormat.Read(buffer.AsSpan(0, length)).ErrorMessage!.Length);
    }
}

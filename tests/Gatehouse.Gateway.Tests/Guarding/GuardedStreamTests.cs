using System.Text;
using System.Text.Json;
using Gatehouse.Contracts;
using Gatehouse.Gateway.Guarding;
using Gatehouse.Gateway.Providers;
using Gatehouse.Gateway.Routing;
using Gatehouse.Gateway.Tests.Calls;
using Gatehouse.Guardrails;
using Gatehouse.Guardrails.Pii;
using Gatehouse.Guardrails.Policies;
using Texts = Gatehouse.Gateway.Tests.Calls.Wire;

namespace Gatehouse.Gateway.Tests.Guarding;

/// <summary>Streams of every format, passed through and translated, with a card number and an address cut over their events.</summary>
public sealed class GuardedStreamTests
{
    private const string Said = "Sure: the card is 4111 1111 1111 1111, and the address is maria.lopez@example.com. Anything else?";
    private const string Heard = "Sure: the card is [CREDIT_CARD], and the address is [EMAIL_ADDRESS]. Anything else?";
    private static readonly CancellationToken Ct = TestContext.Current.CancellationToken;

    public static TheoryData<string, string, string> Formats => new()
    {
        { "/v1/chat/completions", """{"model":"fast","stream":true,"messages":[{"role":"user","content":"Hi"}]}""", "openai" },
        { "/v1/chat/completions", """{"model":"fast","stream":true,"max_tokens":99,"messages":[{"role":"user","content":"Hi"}]}""",
            "anthropic" },
        { "/v1/chat/completions", """{"model":"fast","stream":true,"messages":[{"role":"user","content":"Hi"}]}""", "gemini" },
        { "/v1/messages", """{"model":"fast","stream":true,"max_tokens":99,"messages":[{"role":"user","content":"Hi"}]}""", "anthropic" },
        { "/v1/messages", """{"model":"fast","stream":true,"max_tokens":99,"messages":[{"role":"user","content":"Hi"}]}""", "openai" },
        { "/v1beta/models/fast:streamGenerateContent?alt=sse", """{"contents":[{"role":"user","parts":[{"text":"Hi"}]}]}""", "gemini" },
        { "/v1beta/models/fast:streamGenerateContent", """{"contents":[{"role":"user","parts":[{"text":"Hi"}]}]}""", "gemini" },
        { "/v1/completions", """{"model":"fast","stream":true,"prompt":"Hi"}""", "openai" },
        { "/v1/responses", """{"model":"fast","stream":true,"input":"Hi"}""", "openai" },
    };

    [Theory]
    [MemberData(nameof(Formats))]
    public async Task What_is_cut_over_events_is_redacted_and_everything_else_arrives_in_order(string path, string body, string provider)
    {
        for (var size = 1; size <= 64; size *= 3)
        {
            await using var player = new WirePlayer(e => e.StreamAsync(Stream(provider, Cut(Said, size))));
            await using var gateway = await StartAsync(player, provider, Redact());

            using var response = await gateway.PostAsync(path, body, ct: Ct);
            var answer = await response.Content.ReadAsStringAsync(Ct);

            Assert.Equal(200, (int)response.StatusCode);
            Assert.Equal(Heard, TextOf(answer));
            Assert.DoesNotContain("1111", Answers.ButIds(answer));
            var record = Assert.Single(gateway.Records());
            Assert.Equal(CallOutcome.Ok, record.Outcome);
            Assert.Equal(GuardVerdict.Redacted, record.Guard!.Verdict);
            Assert.Equal(2, record.Guard.Findings.Sum(f => f.Count));
        }
    }

    [Theory]
    [MemberData(nameof(Formats))]
    public async Task A_stream_that_waits_for_a_webhook_says_what_it_decides_however_it_is_cut(string path, string body, string provider)
    {
        for (var size = 1; size <= 64; size *= 5)
        {
            await using var player = new WirePlayer(e => e.StreamAsync(Stream(provider, Cut(Said, size))));
            await using var hook = new WirePlayer(e => e.AnswerAsync(
                200, """{"verdict":"finding","spans":[{"start":0,"end":4,"replacement":"\"Well\""}]}"""));
            var rule = Policy.Rule(GuardDetector.Webhook, GuardAction.Redact, DetectionSide.Output) with
            {
                PlugIn = new PlugIn(PlugInShape.Webhook) { Url = hook.BaseUrl, Secret = "0123456789abcdef" },
            };
            await using var gateway = await StartAsync(
                player, provider, Policy.Table(Policy.Pii(GuardAction.Redact, PiiTypes.Card, PiiTypes.Email), rule));

            using var response = await gateway.PostAsync(path, body, ct: Ct);
            var answer = await response.Content.ReadAsStringAsync(Ct);

            Assert.Equal(200, (int)response.StatusCode);
            Assert.Equal(Heard.Replace("Sure", "\"Well\"", StringComparison.Ordinal), TextOf(answer));
            Assert.Equal(Heard, JsonDocument.Parse(hook.Last.Body).RootElement.GetProperty("text").GetString());
            Assert.Equal(3, Assert.Single(gateway.Records()).Guard!.Findings.Sum(f => f.Count));
        }
    }

    [Theory]
    [MemberData(nameof(Formats))]
    public async Task A_block_in_mid_stream_ends_it_with_an_error_and_is_settled(string path, string body, string provider)
    {
        const string Long =
            "This much is harmless, and it is so long that the client has certainly seen the beginning of it already by now. ";
        var seen = new TaskCompletionSource();
        await using var player = new WirePlayer(async e =>
        {
            await e.BeginStreamAsync();
            await e.EventsAsync(Stream(provider, Cut(Long + Long, 5), end: false));
            await seen.Task.WaitAsync(TestContext.Current.CancellationToken);
            await e.EventsAsync(Stream(provider, Cut(Said, 5), begin: false));
            await e.EndStreamAsync();
        });
        await using var gateway = await StartAsync(player, provider, Policy.Table(Policy.Pii(GuardAction.Block, PiiTypes.Card)));

        using var response = await gateway.PostAsync(path, body, ct: Ct);
        seen.SetResult();
        var answer = await response.Content.ReadAsStringAsync(Ct);

        Assert.Equal(200, (int)response.StatusCode);
        Assert.StartsWith("This much is harmless", TextOf(answer));
        Assert.DoesNotContain("4111", Answers.ButIds(answer));
        Assert.Contains("rule 'pii-block'", answer.Replace("\\u0027", "'", StringComparison.Ordinal));
        var record = Assert.Single(gateway.Records());
        Assert.Equal(CallOutcome.Failed, record.Outcome);
        Assert.Equal("guard_blocked", record.ErrorCode);
        Assert.Equal(GuardVerdict.Blocked, record.Guard!.Verdict);
    }

    [Fact]
    public async Task A_block_before_anything_went_out_is_a_status()
    {
        await using var player = new WirePlayer(e => e.StreamAsync(Stream("openai", [Said])));
        await using var gateway = await StartAsync(player, "openai", Policy.Table(Policy.Pii(GuardAction.Block, PiiTypes.Card)));

        using var response = await gateway.ChatAsync(Texts.StreamRequest);

        Assert.Equal(400, (int)response.StatusCode);
        Assert.Contains("guard_blocked", await response.Content.ReadAsStringAsync(Ct));
    }

    [Fact]
    public async Task What_may_go_on_does_when_the_provider_pauses()
    {
        var paused = new TaskCompletionSource();
        await using var player = new WirePlayer(async e =>
        {
            await e.BeginStreamAsync();
            await e.EventsAsync(Stream("openai", ["Good morning, dear reader: 4111 11"], end: false));
            await paused.Task.WaitAsync(TestContext.Current.CancellationToken);
            await e.EventsAsync(Stream("openai", ["11 1111 1111."], begin: false));
            await e.EndStreamAsync();
        });
        await using var gateway = await StartAsync(player, "openai", Redact());

        using var response = await gateway.ChatAsync(Texts.StreamRequest);
        using var reader = new StreamReader(await response.Content.ReadAsStreamAsync(Ct));
        var seen = new StringBuilder();
        while (!seen.ToString().Contains("dear", StringComparison.Ordinal))
        {
            seen.AppendLine(await reader.ReadLineAsync(Ct));
        }

        Assert.DoesNotContain("4111", Answers.ButIds(seen.ToString()));
        paused.SetResult();
        seen.Append(await reader.ReadToEndAsync(Ct));
        Assert.Equal("Good morning, dear reader: [CREDIT_CARD].", TextOf(seen.ToString()));
    }

    /// <summary>A provider that sends a word every few milliseconds never pauses; its first words once waited for 64 characters.</summary>
    [Fact]
    public async Task What_is_held_goes_on_after_the_hold_time_when_the_provider_goes_on_word_by_word()
    {
        var (clock, next, last) = (new ManualClock(), new TaskCompletionSource(), new TaskCompletionSource());
        await using var player = new WirePlayer(async e =>
        {
            await e.BeginStreamAsync();
            await e.EventsAsync(Stream("openai", ["Good morning,"], end: false));
            await next.Task.WaitAsync(TestContext.Current.CancellationToken);
            await e.EventsAsync(Stream("openai", [" dear reader: 4111 11"], begin: false, end: false));
            await last.Task.WaitAsync(TestContext.Current.CancellationToken);
            await e.EventsAsync(Stream("openai", ["11 1111 1111."], begin: false));
            await e.EndStreamAsync();
        });
        await using var gateway = await TestGateway.StartAsync([TestGateway.RouteTo(player)], clock, policies: Redact());

        var pending = gateway.ChatAsync(Texts.StreamRequest);
        await clock.ArmedAsync(TimeSpan.FromMilliseconds(50));
        clock.Advance(TimeSpan.FromMilliseconds(30));
        next.SetResult();
        await clock.ArmedAsync(TimeSpan.FromMilliseconds(20));
        Assert.False(clock.ArmedAsync(TimeSpan.FromMilliseconds(50)).IsCompleted); // the first one is over
        clock.Advance(TimeSpan.FromMilliseconds(20));
        using var response = await pending;
        using var reader = new StreamReader(await response.Content.ReadAsStreamAsync(Ct));
        var seen = new StringBuilder();
        while (!seen.ToString().Contains("dear", StringComparison.Ordinal))
        {
            seen.AppendLine(await reader.ReadLineAsync(Ct));
        }

        Assert.DoesNotContain("4111", Answers.ButIds(seen.ToString()));
        last.SetResult();
        seen.Append(await reader.ReadToEndAsync(Ct));
        Assert.Equal("Good morning, dear reader: [CREDIT_CARD].", TextOf(seen.ToString()));
    }

    /// <summary>While a slow client took what a pause had released, the provider's time once ran out.</summary>
    [Fact]
    public async Task The_time_that_a_client_takes_for_what_a_pause_released_is_not_the_providers()
    {
        var (clock, gate, taken) = (new ManualClock(), new ClientGate(isOpen: true), new TaskCompletionSource());
        await using var player = new WirePlayer(async e =>
        {
            await e.BeginStreamAsync();
            await e.EventsAsync(Stream("openai", ["Good morning, dear reader"], end: false));
            await taken.Task.WaitAsync(TestContext.Current.CancellationToken);
            await e.EventsAsync(Stream("openai", [" of mine."], begin: false));
            await e.EndStreamAsync();
        });
        var route = TestGateway.RouteTo(player) with { IdleTimeout = TimeSpan.FromSeconds(9) };
        await using var gateway = await TestGateway.StartAsync([route], clock, listen: gate.Listen, policies: Redact());

        var pending = gateway.ChatAsync(Texts.StreamRequest);
        var hold = TimeSpan.FromMilliseconds(50);
        await clock.ArmedAsync(hold);
        gate.Close();
        clock.Advance(hold);
        await gate.Waiting;
        clock.Advance(TimeSpan.FromSeconds(10));
        gate.Open();
        using var response = await pending;
        taken.SetResult();

        Assert.Equal("Good morning, dear reader of mine.", TextOf(await response.Content.ReadAsStringAsync(Ct)));
        Assert.Equal(CallOutcome.Ok, Assert.Single(gateway.Records()).Outcome);
    }

    [Fact]
    public async Task A_block_found_in_a_pause_ends_the_read_under_way_and_the_connection()
    {
        var closed = new TaskCompletionSource();
        await using var player = new WirePlayer(async e =>
        {
            await e.BeginStreamAsync();
            await e.EventsAsync(Stream("openai", ["4111111111111111 it is, ann"], end: false));
            await e.ClosedByGatewayAsync();
            closed.SetResult();
        });
        await using var gateway = await StartAsync(player, "openai", Policy.Table(Policy.Pii(GuardAction.Block, PiiTypes.Card)));

        using var response = await gateway.ChatAsync(Texts.StreamRequest);

        var answer = await response.Content.ReadAsStringAsync(Ct);
        Assert.DoesNotContain("4111", Answers.ButIds(answer));
        Assert.Contains("guard_blocked", answer);
        await closed.Task.WaitAsync(Ct);
        Assert.Equal("guard_blocked", Assert.Single(gateway.Records()).ErrorCode);
    }

    [Fact]
    public async Task Pseudonyms_come_back_in_a_stream_however_it_is_cut()
    {
        await using var player = new WirePlayer(
            e => e.StreamAsync(Stream("openai", Cut("Hello <PERSON_1>, I wrote to <EMAIL_ADDRESS_1> as you asked.", 3))));
        await using var gateway = await StartAsync(
            player, "openai", Policy.Table(Policy.Pii(GuardAction.Pseudonymise, PiiTypes.Email, PiiTypes.Person)));

        using var response = await gateway.ChatAsync(
            """{"model":"fast","stream":true,"messages":[{"role":"user","content":"My name is Maria Lopez and my address is maria.lopez@example.com"}]}""");
        var answer = await response.Content.ReadAsStringAsync(Ct);

        Assert.DoesNotContain("Lopez", player.Last.Body);
        Assert.Equal("Hello Maria Lopez, I wrote to maria.lopez@example.com as you asked.", TextOf(answer));
    }

    private static PolicyTable Redact() => Policy.Table(Policy.Pii(GuardAction.Redact, PiiTypes.Card, PiiTypes.Email));

    private static Task<TestGateway> StartAsync(WirePlayer player, string provider, PolicyTable policies)
    {
        var wire = provider switch { "anthropic" => WireFormat.Anthropic, "gemini" => WireFormat.Gemini, _ => WireFormat.OpenAi };
        return TestGateway.StartAsync(
            [new Route("fast", [new Target(TestGateway.Http("p", player, wire), "m")]) { AttemptsPerTarget = 1 }], policies: policies);
    }

    private static List<string> Cut(string text, int size) => [.. text.Chunk(size).Select(c => new string(c))];

    private static string Stream(string provider, IEnumerable<string> pieces, bool begin = true, bool end = true)
    {
        var stream = new StringBuilder();
        var (first, last) = provider switch
        {
            "anthropic" => (Texts.MessageStart + Texts.BlockStart, Texts.BlockStop + Texts.MessageDelta + Texts.MessageStop),
            "gemini" => ("", Texts.GeminiEnd.Replace("\"!\"", "\"\"", StringComparison.Ordinal)),
            _ => (Texts.Role, Texts.Finish + Texts.Usage + Texts.Done),
        };
        stream.Append(begin ? first : "");
        foreach (var piece in pieces)
        {
            stream.Append(provider switch
            {
                "anthropic" => Texts.BlockDelta.Replace("Hello", piece, StringComparison.Ordinal),
                "gemini" => Texts.GeminiHello.Replace("Hello", piece, StringComparison.Ordinal),
                _ => Texts.Hello.Replace("Hello", piece, StringComparison.Ordinal),
            });
        }

        return stream.Append(end ? last : "").ToString();
    }

    /// <summary>The text that a client of any of the formats puts together.</summary>
    private static string TextOf(string stream)
    {
        var text = new StringBuilder();
        if (stream.StartsWith('['))
        {
            foreach (var item in JsonDocument.Parse(stream).RootElement.EnumerateArray())
            {
                Add(item, text);
            }

            return text.ToString();
        }

        foreach (var line in stream.Split('\n').Where(l => l.StartsWith("data: {", StringComparison.Ordinal)))
        {
            Add(JsonDocument.Parse(line[6..]).RootElement, text);
        }

        return text.ToString();
    }

    private static void Add(JsonElement e, StringBuilder text)
    {
        if (e.TryGetProperty("choices", out var choices) && choices.ValueKind == JsonValueKind.Array)
        {
            foreach (var choice in choices.EnumerateArray())
            {
                text.Append(choice.TryGetProperty("text", out var old) ? old.GetString()
                    : choice.GetProperty("delta").TryGetProperty("content", out var content) ? content.GetString() : "");
            }
        }
        else if (e.TryGetProperty("candidates", out var candidates))
        {
            foreach (var part in candidates.EnumerateArray()
                .SelectMany(c => c.TryGetProperty("content", out var content)
                    ? content.GetProperty("parts").EnumerateArray().ToArray()
                    : []))
            {
                text.Append(part.GetProperty("text").GetString());
            }
        }
        else if (e.TryGetProperty("delta", out var delta))
        {
            text.Append(delta.ValueKind == JsonValueKind.String
                ? delta.GetString()
                : delta.TryGetProperty("text", out var piece) ? piece.GetString() : "");
        }
    }
}

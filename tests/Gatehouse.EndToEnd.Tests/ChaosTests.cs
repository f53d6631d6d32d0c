using System.Globalization;
using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Gatehouse.Load;

namespace Gatehouse.EndToEnd.Tests;

/// <summary>Whatever a provider does to its socket: a clear error or the answer, bounded memory, and nothing left of the call.</summary>
public sealed class ChaosTests
{
    private const int AtOnce = 16;

    /// <summary>140 before, and four answers of 64 MB or sixteen events of 16; the rest is for what is smaller.</summary>
    private const long MostMegabytes = 600;

    /// <summary>What is left of it all once it is over: 180 to 190, of which nothing is an answer.</summary>
    private const long LeftMegabytes = 300;

    /// <summary>64 for what is large; a third of the rest is pages of files, which the kernel takes back when it needs them.</summary>
    private const long SmallContainerMegabytes = 320;

    /// <summary>Three quarters of 256 MB, which the runtime takes for its heap there; hexadecimal, as it reads it.</summary>
    private const string HeapOfSmallContainer = "C000000";

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Every_call_ends_clearly_and_leaves_neither_memory_nor_connections_nor_reservations()
    {
        await using var upstream = new ChaosUpstream(0);
        await using var gatehouse = await GatehouseProcess.StartAsync(Yaml(upstream));
        await gatehouse.AdminAsync("POST", "api/budgets", new { name = "all", team = "sample", limit_usd = 1000m, period = "month" });
        using var http = gatehouse.CreateClient();
        http.Timeout = TimeSpan.FromSeconds(60);
        await CallAsync(http, "good");
        var descriptors = Descriptors(gatehouse.Id);

        foreach (var (kind, isAnswered) in ChaosUpstream.Kinds)
        {
            var texts = await Task.WhenAll(Enumerable.Range(0, AtOnce).Select(_ => CallAsync(http, kind)));
            Assert.All(texts, text => Check(kind, isAnswered, text));
        }

        Assert.InRange(Megabytes(gatehouse.Id, "VmHWM:"), 100, MostMegabytes);
        Assert.InRange(Megabytes(gatehouse.Id, "VmRSS:"), 100, LeftMegabytes);
        await UntilAsync(
            () => Task.FromResult(upstream.Open <= AtOnce && Descriptors(gatehouse.Id) <= descriptors + (3 * AtOnce)),
            () => $"{upstream.Open} connections to the provider, {Descriptors(gatehouse.Id)} descriptors of {descriptors}");
        await UntilAsync(async () =>
            (await gatehouse.AdminAsync("GET", "api/budgets")).GetProperty("items")[0].GetProperty("reserved_usd").GetDecimal() == 0,
            () => "reserved");
        Check("good", true, await CallAsync(http, "good"));
        var doctor = await gatehouse.CliAsync("doctor", "--ledger");
        Assert.True(doctor.ExitCode == 0, doctor.Output);
    }

    [Fact]
    public async Task Large_answers_that_little_memory_cannot_hold_are_refused_and_the_process_lives()
    {
        await using var upstream = new ChaosUpstream(0);
        await using var gatehouse = await GatehouseProcess.StartAsync(
            Yaml(upstream), environment: new Dictionary<string, string> { ["DOTNET_GCHeapHardLimit"] = HeapOfSmallContainer });
        using var http = gatehouse.CreateClient();
        http.Timeout = TimeSpan.FromSeconds(60);

        foreach (var kind in (string[])["huge-chunked", "stream-endless-line"])
        {
            var texts = await Task.WhenAll(Enumerable.Range(0, AtOnce).Select(_ => CallAsync(http, kind)));
            Assert.All(texts, text => Check(kind, false, text));
        }

        Assert.InRange(Megabytes(gatehouse.Id, "VmHWM:"), 100, SmallContainerMegabytes);
        Check("good", true, await CallAsync(http, "good"));
    }

    private static string Yaml(ChaosUpstream upstream) =>
        $$"""
        providers:
          chaos: { kind: openai-compatible, base_url: "http://127.0.0.1:{{upstream.Port}}/v1", api_key: none, breaker: { enabled: false } }
        routes:
          "*":
            attempts: 1
            timeouts: { first_byte: 4s, idle: 4s }
            targets: [{ provider: chaos, model: "*" }]
        prices:
          models:
        {{string.Concat(ChaosUpstream.Kinds.Keys.Select(kind => $"    chaos/{kind}: {{ input: 1, output: 10 }}\n"))}}
        """;

    private static void Check(string kind, bool isAnswered, (HttpStatusCode Status, string Text) got)
    {
        var isStream = kind.StartsWith("stream", StringComparison.Ordinal);
        if (isAnswered)
        {
            Assert.True(got.Status == HttpStatusCode.OK, $"{kind}: {got.Status} {got.Text}");
            Assert.True(isStream ? got.Text.EndsWith("data: [DONE]\n\n", StringComparison.Ordinal)
                : got.Text.Contains("An answer.", StringComparison.Ordinal), $"{kind}: {got.Text}");
            return;
        }

        // Before anything went out the status says it; after that the last event does.
        var error = got.Status == HttpStatusCode.OK ? LastEvent(got.Text) : got.Text;
        Assert.True(
            got.Status is HttpStatusCode.OK ? isStream : (int)got.Status is 502 or 503 or 504,
            $"{kind}: {got.Status} {Short(got.Text)}");
        Assert.True(error.StartsWith("{\"error\"", StringComparison.Ordinal), $"{kind}: {got.Status} {Short(got.Text)}");
        var message = JsonElement.Parse(error).GetProperty("error").GetProperty("message").GetString();
        Assert.True(message is { Length: > 20 }, $"{kind}: {Short(got.Text)}");
    }

    private static string LastEvent(string text)
    {
        text = text.Replace("data: [DONE]\n\n", "", StringComparison.Ordinal);
        var at = text.LastIndexOf("data: ", StringComparison.Ordinal);
        Assert.True(at >= 0, Short(text));
        return text[(at + 6)..].Trim();
    }

    private static string Short(string text) => text.Length > 500 ? text[..500] : text;

    private static async Task<(HttpStatusCode Status, string Text)> CallAsync(HttpClient http, string kind)
    {
        using var response = await http.PostAsJsonAsync(
            "v1/chat/completions",
            new
            {
                model = kind, stream = kind.StartsWith("stream", StringComparison.Ordinal), max_tokens = 20,
                messages = new[] { new { role = "user", content = "Hello" } },
            },
            Ct);
        return (response.StatusCode, await response.Content.ReadAsStringAsync(Ct));
    }

    private static int Descriptors(int process) => Directory.GetFiles($"/proc/{process}/fd").Length;

    /// <param name="of">The highest there was, or what there is.</param>
    private static long Megabytes(int process, string of)
    {
        var line = File.ReadLines($"/proc/{process}/status").First(l => l.StartsWith(of, StringComparison.Ordinal));
        return long.Parse(line[of.Length..^2], CultureInfo.InvariantCulture) >> 10; // "  137580 kB"
    }

    private static async Task UntilAsync(Func<Task<bool>> holds, Func<string> found)
    {
        var began = TimeProvider.System.GetTimestamp();
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(50));
        while (!await holds())
        {
            Assert.True(TimeProvider.System.GetElapsedTime(began) < TimeSpan.FromSeconds(30), found());
            await timer.WaitForNextTickAsync(Ct);
        }
    }
}

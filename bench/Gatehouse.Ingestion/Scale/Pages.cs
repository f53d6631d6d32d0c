using System.Globalization;
using System.Net;
using System.Text.Json;

namespace Gatehouse.Ingestion.Scale;

/// <summary>Asks for everything that reads calls, over HTTP, and times it: the whole answer, not the statement alone.</summary>
internal sealed class Pages(string only, Func<double> cpuMillis)
{
    private const int Times = 5;
    private const double Most = 200;

    private readonly List<string> _slow = [];
    private readonly List<double> _medians = [];
    private readonly List<double> _cpu = [];

    public async Task AskAsync(string who, HttpClient http)
    {
        var now = TimeProvider.System.GetUtcNow();
        var first = await JsonAsync(http, "api/calls?limit=50");
        var calls = first.GetProperty("calls");
        var (call, system) = (calls[20].GetProperty("id").GetGuid(), calls[20].GetProperty("system_id").GetGuid());
        var request = calls[20].GetProperty("request_id").GetString()!;
        var trace = calls[20].GetProperty("trace_id").GetString()!;
        var middle = Guid.CreateVersion7(now.AddDays(-15));
        var edge = Guid.CreateVersion7(now.AddDays(-29));

        foreach (var (range, span) in ((string, TimeSpan)[])[
            ("1h", TimeSpan.FromHours(1)), ("24h", TimeSpan.FromHours(24)), ("7d", TimeSpan.FromDays(7)), ("30d", TimeSpan.FromDays(30))])
        {
            var from = Uri.EscapeDataString((now - span).ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture));
            var step = Observability.TrafficQueries.StepFor(now - span, now);
            var word = step.TotalDays >= 1 ? "1d" : step.TotalHours >= 1 ? $"{step.TotalHours:0}h" : $"{step.TotalMinutes:0}m";
            await TimeAsync(who, http, $"/?range={range}");
            await TimeAsync(who, http, $"/calls?range={range}");
            await TimeAsync(who, http, $"/calls?range={range}&system={system}");
            await TimeAsync(who, http, $"/calls?range={range}&environment=development");
            await TimeAsync(who, http, $"/calls?range={range}&model=gpt-5-mini");
            await TimeAsync(who, http, $"/calls?range={range}&provider=anthropic&outcome=failed");
            await TimeAsync(who, http, $"/calls?range={range}&outcome=failed");
            await TimeAsync(who, http, $"/calls?range={range}&error=rate_limit");
            await TimeAsync(who, http, $"/calls?range={range}&route=(unknown)");
            await TimeAsync(who, http, $"/calls?range={range}&unpriced=true");
            await TimeAsync(who, http, $"/calls?range={range}&cached=true");
            await TimeAsync(who, http, $"/calls?range={range}&search=overloaded");
            await TimeAsync(who, http, $"/calls?range={range}&search=gpt-5");
            await TimeAsync(who, http, $"/calls?range={range}&search=no-such-word");
            await TimeAsync(who, http, $"/systems?range={range}");
            await TimeAsync(who, http, $"/systems/{system}?range={range}");
            await TimeAsync(who, http, $"/providers?range={range}");
            await TimeAsync(who, http, $"/routes?range={range}");
            await TimeAsync(who, http, $"/budgets?range={range}");
            await TimeAsync(who, http, $"/guards?range={range}");
            await TimeAsync(who, http, $"/api/traffic?from={from}&step={word}");
            await TimeAsync(who, http, $"/api/traffic?from={from}&step={word}&environment=production");
            foreach (var dimension in (string[])["system", "environment", "route", "provider", "model", "error"])
            {
                await TimeAsync(who, http, $"/api/traffic/by/{dimension}?from={from}");
            }

            await TimeAsync(who, http, $"/api/guard/activity?from={from}");
            await TimeAsync(who, http, $"/api/guard/samples?from={from}&limit=10");
            await TimeAsync(who, http, $"/api/calls?from={from}&guard=redacted");
            await TimeAsync(who, http, $"/api/prices/spending?from={(now - span).UtcDateTime:yyyy-MM-dd}&to={now.UtcDateTime:yyyy-MM-dd}");
        }

        foreach (var path in (string[])[
            "/api/calls", "/api/calls?limit=500", $"/api/calls?before={middle}", $"/api/calls?before={edge}&limit=500",
            $"/api/calls?system={system}&before={middle}", $"/api/calls?outcome=failed&before={edge}", $"/api/calls?search={request}",
            $"/api/calls?search={trace}", $"/api/calls?search={request[..Math.Min(14, request.Length)]}", 
            "/api/calls?search=order-0000beef", "/api/calls?search=overloaded",
            "/api/calls?search=no-such-word", "/api/calls?search=deadbeef", "/api/calls?route=made-up-77", "/api/calls?model=nobody",
            $"/api/calls/{call}", $"/calls/{call}", "/api/budgets", "/api/reviews", "/api/incidents", "/reviews", "/incidents", "/batches",
            "/api/providers", "/api/systems", "/api/audit", "/settings", "/settings/audit",
            $"/palette/results?search={request[..Math.Min(20, request.Length)]}"])
        {
            await TimeAsync(who, http, path);
        }
    }

    public void Sum()
    {
        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"{_medians.Count} addresses: half of them within {Middle(_medians):0} ms and {Middle(_cpu):0} ms of processor time, the slowest {_medians.Max():0} and {_cpu.Max():0}"));
        Console.WriteLine($"{_slow.Count} take more than 200 ms of processor time");
        _slow.ForEach(Console.WriteLine);
    }

    private static double Middle(List<double> values) => values.Order().ElementAt(values.Count / 2);

    private static async Task<JsonElement> JsonAsync(HttpClient http, string path) => JsonElement.Parse(await http.GetStringAsync(path));

    private async Task TimeAsync(string who, HttpClient http, string path)
    {
        if (!path.Contains(only, StringComparison.Ordinal))
        {
            return;
        }

        var times = new List<double>();
        var (status, bytes, cpu) = (HttpStatusCode.OK, 0, 0.0);
        for (var i = 0; i <= Times; i++)
        {
            cpu = i == 1 ? cpuMillis() : cpu; // the first compiles and fills caches
            var started = TimeProvider.System.GetTimestamp();
            using var answer = await http.GetAsync(path);
            bytes = (await answer.Content.ReadAsByteArrayAsync()).Length;
            var took = TimeProvider.System.GetElapsedTime(started).TotalMilliseconds;
            status = answer.StatusCode;
            if (i > 0 || took > 10_000)
            {
                times.Add(took);
            }

            if (took > 10_000)
            {
                break;
            }
        }

        cpu = times.Count < Times ? times[0] : (cpuMillis() - cpu) / Times;
        times.Sort();
        var median = times[times.Count / 2];
        var line = string.Create(
            CultureInfo.InvariantCulture,
            $"{median,6:0} {times[^1],9:0} {cpu,9:0}  {who,-6}  {(status == HttpStatusCode.OK ? "" : (int)status + " ")}{path}  {bytes / 1024} KB");
        Console.WriteLine(line);
        _medians.Add(median);
        _cpu.Add(cpu);
        if (cpu > Most)
        {
            _slow.Add(line);
        }
    }
}

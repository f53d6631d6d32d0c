using System.Diagnostics;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json;

namespace Gatehouse.Ingestion.Scale;

/// <summary>A real server on a folder of its own, with people, teams, systems and keys.</summary>
internal sealed class Installation(string folder, string executable) : IAsyncDisposable
{
    private const string Password = "correct horse battery staple 77";
    private Process? _server;

    public Uri Url { get; private set; } = null!;

    public async Task StartAsync()
    {
        var start = new ProcessStartInfo(executable, ["up", "--address", "127.0.0.1:0", "--no-sample", "--log-level", "warning"])
        {
            WorkingDirectory = folder,
            RedirectStandardOutput = true,
        };
        _server = Process.Start(start)!;
        while (await _server.StandardOutput.ReadLineAsync() is { } line)
        {
            if (line.StartsWith("READY ", StringComparison.Ordinal))
            {
                Url = new Uri(line["READY ".Length..].Trim());
                _ = _server.StandardOutput.ReadToEndAsync();
                return;
            }
        }

        throw new InvalidOperationException("The server ended before it was ready.");
    }

    public async Task StopAsync()
    {
        if (_server is { } server)
        {
            Process.Start("kill", ["-TERM", server.Id.ToString(System.Globalization.CultureInfo.InvariantCulture)]).WaitForExit();
            await server.WaitForExitAsync();
            server.Dispose();
            _server = null;
        }
    }

    /// <summary>
    /// Processor time so far of the server and of PostgreSQL's sessions on its database: what an answer takes where nothing else runs, on
    /// a machine where much does.
    /// </summary>
    public double CpuMillis()
    {
        var ticks = TicksOf(_server!.Id);
        foreach (var folder in Directory.EnumerateDirectories("/proc"))
        {
            if (int.TryParse(Path.GetFileName(folder), out var id)
                && CommandOf(folder) is var command && command.StartsWith("postgres:", StringComparison.Ordinal)
                && command.Contains($" {ScaleTrial.Name} ", StringComparison.Ordinal))
            {
                ticks += TicksOf(id);
            }
        }

        return ticks * 10.0; // a hundredth of a second each
    }

    /// <summary>The command line's own access: an administrator of all teams.</summary>
    public HttpClient Api() => Client(new SocketsHttpHandler(), File.ReadAllText(Path.Combine(folder, "data", "cli-token")).Trim());

    /// <summary>Signs a person in, as a browser does.</summary>
    public async Task<HttpClient> SignInAsync(string email)
    {
        var http = Client(new SocketsHttpHandler { CookieContainer = new CookieContainer(), AllowAutoRedirect = false }, null);
        (await http.PostAsJsonAsync("api/session", new { email, password = Password })).EnsureSuccessStatusCode();
        return http;
    }

    /// <summary>Six teams with seven systems each, which have a key in production and one in development.</summary>
    public async Task<List<FilledSystem>> RegisterAsync()
    {
        using var api = Api();
        var systems = new List<FilledSystem>();
        for (var t = 0; t < 6; t++)
        {
            await PostAsync(api, "api/teams", new { name = $"team-{t}" });
            for (var s = 0; s < 7; s++)
            {
                var system = await PostAsync(
                    api, "api/systems", new { team = $"team-{t}", name = $"system-{t}{s}", purpose = "Measured.", owner = "Bench" });
                var keys = new List<Guid>();
                foreach (var environment in (string[])["production", "development"])
                {
                    var key = await PostAsync(
                        api, $"api/systems/{system.GetProperty("id").GetGuid()}/keys", new { environment, name = environment });
                    keys.Add(key.GetProperty("key").GetProperty("id").GetGuid());
                }

                systems.Add(new FilledSystem(system.GetProperty("team_id").GetGuid(), system.GetProperty("id").GetGuid(), keys));
            }
        }

        await InviteAsync(api, "admin@example.com", null);
        await InviteAsync(api, "member@example.com", systems[0].TeamId);

        // One of each team after the other, so that the busiest systems are not all of one team.
        return [.. systems.Select((s, i) => (System: s, At: (i % 7 * 6) + (i / 7))).OrderBy(s => s.At).Select(s => s.System)];
    }

    public async ValueTask DisposeAsync() => await StopAsync();

    public static async Task<JsonElement> PostAsync(HttpClient http, string path, object body)
    {
        using var answer = await http.PostAsJsonAsync(path, body);
        var text = await answer.Content.ReadAsStringAsync();
        return answer.IsSuccessStatusCode
            ? JsonElement.Parse(text)
            : throw new InvalidOperationException($"POST {path}: {(int)answer.StatusCode} {text}");
    }

    private static long TicksOf(int process)
    {
        try
        {
            var fields = File.ReadAllText($"/proc/{process}/stat").Split(") ")[^1].Split(' ');
            return long.Parse(fields[11], System.Globalization.CultureInfo.InvariantCulture)
                + long.Parse(fields[12], System.Globalization.CultureInfo.InvariantCulture);
        }
        catch (IOException)
        {
            return 0; // it ended meanwhile
        }
    }

    private static string CommandOf(string folder)
    {
        try
        {
            return File.ReadAllText(Path.Combine(folder, "cmdline")).Replace('\0', ' ') + " ";
        }
        catch (IOException)
        {
            return "";
        }
    }

    private async Task InviteAsync(HttpClient api, string email, Guid? team)
    {
        var invited = await PostAsync(
            api, "api/people",
            new { email, name = email, memberships = new[] { new { team_id = team, role = team is null ? "admin" : "engineer" } } });
        using var http = Client(new SocketsHttpHandler(), null);
        await PostAsync(
            http, "api/session/welcome", new { token = invited.GetProperty("link").GetString()!.Split('/')[^1], password = Password });
    }

    private HttpClient Client(SocketsHttpHandler handler, string? token)
    {
        var http = new HttpClient(handler) { BaseAddress = Url, Timeout = TimeSpan.FromMinutes(5) };
        http.DefaultRequestHeaders.Add("Origin", Url.GetLeftPart(UriPartial.Authority));
        http.DefaultRequestHeaders.Authorization = token is null ? null : new AuthenticationHeaderValue("Bearer", token);
        return http;
    }
}

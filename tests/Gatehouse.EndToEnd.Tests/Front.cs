using System.Diagnostics;
using System.Net.Sockets;

namespace Gatehouse.EndToEnd.Tests;

/// <summary>nginx before the nodes, configured as the guide says.</summary>
internal sealed class Front : IAsyncDisposable
{
    private readonly string _scratch;
    private readonly Process _nginx;

    private Front(Uri url, string scratch, Process nginx) => (Url, _scratch, _nginx) = (url, scratch, nginx);

    public Uri Url { get; }

    /// <summary>What nginx says of calls that did not get through.</summary>
    public string Errors => File.ReadAllText(Path.Combine(_scratch, "error.log"));

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    public static async Task<Front> StartAsync(IReadOnlyList<GatehouseProcess> nodes)
    {
        var url = new Uri($"http://127.0.0.1:{Ports.Free()}/");
        var scratch = Directory.CreateTempSubdirectory("gatehouse-nginx-").FullName;
        var paths = string.Concat(((string[])["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]).Select(
            kind => $"{kind}_temp_path {scratch}/{kind};\n"));
        var servers = string.Concat(nodes.Select(n => $"server {n.Url.Authority} max_fails=1 fail_timeout=1s;\n"));
        await File.WriteAllTextAsync(
            Path.Combine(scratch, "nginx.conf"),
            $$"""
            daemon off;
            pid {{scratch}}/nginx.pid;
            error_log {{scratch}}/error.log warn;
            events { }
            http {
              access_log off;
              {{paths}}
              upstream gatehouse {
                {{servers}}
                keepalive 32;
              }
              server {
                listen {{url.Authority}};
                location / {
                  proxy_pass http://gatehouse;
                  proxy_http_version 1.1;
                  proxy_set_header Connection "";
                  proxy_buffering off;
                  proxy_read_timeout 600s;
                  proxy_next_upstream error timeout;
                }
              }
            }
            """,
            Ct);
        var start = new ProcessStartInfo("nginx", ["-c", Path.Combine(scratch, "nginx.conf")]) { RedirectStandardError = true };
        start.Environment["PATH"] += ":/usr/sbin";
        var front = new Front(url, scratch, Process.Start(start)!);
        await Wait.UntilAsync(front.ListensAsync);
        return front;
    }

    public async ValueTask DisposeAsync()
    {
        _nginx.Kill(entireProcessTree: true);
        await _nginx.WaitForExitAsync();
        _nginx.Dispose();
        Directory.Delete(_scratch, recursive: true);
    }

    private async Task<bool> ListensAsync()
    {
        using var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
        try
        {
            await socket.ConnectAsync(Url.Host, Url.Port, Ct);
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }
}

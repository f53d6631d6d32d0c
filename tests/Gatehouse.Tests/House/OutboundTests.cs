using System.Text.RegularExpressions;

namespace Gatehouse.Tests.House;

/// <summary>Whatever sends a request goes by the rules of outbound requests.</summary>
public sealed partial class OutboundTests
{
    /// <summary>
    /// The rules themselves; the way through a proxy, which applies them; the look for an Ollama on this machine; the listener; the command
    /// line, which goes where its user says.
    /// </summary>
    private static readonly string[] Known =
    [
        "src/Gatehouse.Gateway/Outbound/", "src/Gatehouse.Gateway/Providers/ProxiedUpstream.cs",
        "src/Gatehouse.Gateway/Providers/Connections/ConnectionPool.cs",
        "src/Gatehouse.ControlPlane/Configuration/Diagnosis/DoctorEdges.cs", "src/Gatehouse/Hosting/OllamaProbe.cs",
        "src/Gatehouse/Hosting/Server.cs", "src/Gatehouse/Hosting/KestrelLimits.cs", "src/Gatehouse/Client/",
        "src/Gatehouse/Commands/PolicyCommands.cs",
    ];

    [Fact]
    public void No_client_or_socket_is_made_past_the_rules()
    {
        var made = Repository.Files(".cs")
            .Where(f => Repository.Relative(f).StartsWith("src/", StringComparison.Ordinal)
                && !Known.Any(k => Repository.Relative(f).StartsWith(k, StringComparison.Ordinal)))
            .Where(f => Maker().IsMatch(File.ReadAllText(f)))
            .Select(Repository.Relative);

        Assert.Empty(made);
    }

    [GeneratedRegex(@"new (HttpClient|HttpMessageInvoker|SocketsHttpHandler|HttpClientHandler|TcpClient|Socket|WebClient|ClientWebSocket)\b|Dns\.GetHost")]
    private static partial Regex Maker();
}

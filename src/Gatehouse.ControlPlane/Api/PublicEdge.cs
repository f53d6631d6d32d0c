using System.Net;

namespace Gatehouse.Api;

/// <summary>How clients reach Gatehouse: the address that they use, and the proxies that pass on their requests.</summary>
/// <param name="Url"><see langword="null"/> when nothing is known but where Gatehouse listens.</param>
/// <param name="Proxies">Only what these say about a client's address and scheme is believed.</param>
public sealed record PublicEdge(Uri? Url, IReadOnlyList<IPNetwork> Proxies)
{
    /// <summary>Clients reach Gatehouse where it listens.</summary>
    public static readonly PublicEdge Direct = new(null, []);

    public bool IsHttps => Url?.Scheme == Uri.UriSchemeHttps;

    /// <summary>Whether an address says who a client is. A loopback address or a proxy's stands for all who come through it.</summary>
    public bool IsClient(IPAddress address)
    {
        var plain = address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address;
        return !IPAddress.IsLoopback(plain) && !Proxies.Any(network => network.Contains(plain));
    }
}

using System.Net;

namespace Gatehouse.Configuration;

/// <summary>Reads <c>server.trusted_proxies</c>: addresses and networks, such as <c>127.0.0.1, 10.0.0.0/8</c>.</summary>
public static class TrustedProxies
{
    public static bool TryParse(string text, out IReadOnlyList<IPNetwork> networks)
    {
        var parts = text.Split(',', StringSplitOptions.TrimEntries);
        var found = new List<IPNetwork>(parts.Length);
        foreach (var part in parts)
        {
            if (IPAddress.TryParse(part, out var address))
            {
                found.Add(new IPNetwork(address, address.GetAddressBytes().Length * 8));
            }
            else if (IPNetwork.TryParse(part, out var network))
            {
                found.Add(network);
            }
        }

        networks = found;
        return found.Count == parts.Length;
    }
}

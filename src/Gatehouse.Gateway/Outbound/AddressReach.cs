using System.Net;
using System.Net.Sockets;

namespace Gatehouse.Gateway.Outbound;

/// <summary>Who may be behind an address.</summary>
internal enum AddressReach
{
    Public,

    /// <summary>This machine, or a network that is not the internet.</summary>
    Private,

    /// <summary>Where clouds keep the credentials of their machines, and what is no address of one machine: nobody's provider.</summary>
    Never,
}

/// <summary>Tells addresses apart, also those that carry an IPv4 address within.</summary>
internal static class AddressReaches
{
    private static readonly IPNetwork[] Nobody = Networks(
        "169.254.0.0/16", "fe80::/10", // link-local; 169.254.169.254 is most clouds' metadata
        "fd00:ec2::254/128", "fd20:ce::254/128", "100.100.100.200/32", "192.0.0.192/32", "168.63.129.16/32", // metadata elsewhere
        "224.0.0.0/4", "240.0.0.0/4", "ff00::/8");

    private static readonly IPNetwork[] Inner = Networks(
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24", "192.168.0.0/16",
        "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24",
        "::/128", "::1/128", "fc00::/7", "fec0::/10", "2001:db8::/32", "2001::/32", "100::/64");

    private static readonly IPNetwork Translated = IPNetwork.Parse("64:ff9b::/96");
    private static readonly IPNetwork TranslatedLocally = IPNetwork.Parse("64:ff9b:1::/48");
    private static readonly IPNetwork Compatible = IPNetwork.Parse("::/96");
    private static readonly IPNetwork SixToFour = IPNetwork.Parse("2002::/16");

    public static AddressReach Of(IPAddress address)
    {
        var plain = Within(address);
        return IsIn(Nobody, plain) ? AddressReach.Never
            : IsIn(Inner, plain) || TranslatedLocally.Contains(plain) ? AddressReach.Private
            : AddressReach.Public;
    }

    /// <summary>The IPv4 address that an IPv6 one stands for, where it does.</summary>
    private static IPAddress Within(IPAddress address)
    {
        if (address.AddressFamily != AddressFamily.InterNetworkV6)
        {
            return address;
        }

        var plain = address.ScopeId == 0 ? address : new IPAddress(address.GetAddressBytes());
        var bytes = plain.GetAddressBytes();
        if (plain.IsIPv4MappedToIPv6 || Translated.Contains(plain)
            || (Compatible.Contains(plain) && bytes.AsSpan(12).ContainsAnyExcept((byte)0) && !IPAddress.IsLoopback(plain)))
        {
            return new IPAddress(bytes.AsSpan(12));
        }

        return SixToFour.Contains(plain) ? new IPAddress(bytes.AsSpan(2, 4)) : plain;
    }

    private static bool IsIn(IPNetwork[] networks, IPAddress address)
    {
        foreach (var network in networks)
        {
            if (network.Contains(address))
            {
                return true;
            }
        }

        return false;
    }

    private static IPNetwork[] Networks(params string[] networks) => [.. networks.Select(n => IPNetwork.Parse(n))];
}

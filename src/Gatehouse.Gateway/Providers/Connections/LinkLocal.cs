using System.Net;
using System.Net.Sockets;

namespace Gatehouse.Gateway.Providers.Connections;

/// <summary>Link-local addresses are refused: clouds keep the credentials of their machines there.</summary>
internal static class LinkLocal
{
    /// <exception cref="UpstreamException">It is one.</exception>
    public static void Refuse(IPAddress address, string host)
    {
        if (Is(address))
        {
            throw new UpstreamException(
                UpstreamFailure.NotAllowed, $"{host} is a link-local address, where clouds keep their machine credentials.");
        }
    }

    private static bool Is(IPAddress address)
    {
        var plain = address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address;
        Span<byte> bytes = stackalloc byte[16];
        return plain.IsIPv6LinkLocal
            || (plain.AddressFamily == AddressFamily.InterNetwork && plain.TryWriteBytes(bytes, out _) && bytes[0] == 169 && bytes[1] == 254);
    }
}

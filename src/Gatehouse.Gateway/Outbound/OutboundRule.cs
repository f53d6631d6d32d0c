using System.Net;
using System.Net.Sockets;
using Gatehouse.Gateway.Providers;

namespace Gatehouse.Gateway.Outbound;

/// <summary>Finds the addresses of a name, as DNS does.</summary>
public delegate Task<IPAddress[]> ResolveHost(string host, CancellationToken ct);

/// <summary>
/// Where requests of our own may go. It is asked with every new connection, after DNS, and the connection is made to the very addresses
/// that it gave: a name that answers otherwise the next time gains nothing.
/// </summary>
public sealed class OutboundRule
{
    private readonly bool _allowsPrivate;
    private readonly string _setting;
    private readonly ResolveHost _resolve;

    private OutboundRule(bool allowsPrivate, string setting, ResolveHost? resolve)
    {
        _allowsPrivate = allowsPrivate;
        _setting = setting;
        _resolve = resolve ?? Dns.GetHostAddressesAsync;
    }

    /// <summary>
    /// For what the operator runs beside Gatehouse: a vault, a collector, a proxy. Private addresses are where these live.
    /// </summary>
    public static OutboundRule Infrastructure { get; } = new(true, "", null);

    /// <summary>
    /// For a provider: private addresses only where its settings say so, or where its address is written as one (<c>http://10.0.0.7/v1</c>,
    /// <c>http://localhost:11434</c>), which nobody does by accident.
    /// </summary>
    /// <param name="resolve"><see langword="null"/>: DNS.</param>
    public static OutboundRule Of(ProviderSettings settings, ResolveHost? resolve = null) => new(
        settings.AllowPrivate ?? IsWrittenAsPrivate(settings.BaseUrl), $"'allow_private: true' in 'providers.{settings.Name}'", resolve);

    /// <summary>For a webhook that guards: private addresses as for a provider.</summary>
    public static OutboundRule OfWebhook(Uri address, bool? allowsPrivate) => new(
        allowsPrivate ?? IsWrittenAsPrivate(address), "'allow_private: true' in the rule's 'webhook'", null);

    /// <summary>Whether an address names this machine or a private address without any DNS.</summary>
    public static bool IsWrittenAsPrivate(Uri address) =>
        Literal(address.IdnHost) is { } literal
            ? AddressReaches.Of(literal) == AddressReach.Private
            : address.IdnHost.Equals("localhost", StringComparison.OrdinalIgnoreCase)
                || address.IdnHost.EndsWith(".localhost", StringComparison.OrdinalIgnoreCase);

    /// <summary>Whether an address is written as one that no rule allows.</summary>
    public static bool IsNeverAllowed(Uri address) =>
        Literal(address.IdnHost) is { } literal && AddressReaches.Of(literal) == AddressReach.Never;

    /// <returns>The addresses to connect to, those that are refused left out; never empty.</returns>
    /// <exception cref="UpstreamException">None of them is allowed.</exception>
    /// <exception cref="SocketException">The name does not resolve.</exception>
    public async ValueTask<IPAddress[]> ResolveAsync(string host, CancellationToken ct)
    {
        var found = Literal(host) is { } literal ? [literal] : await _resolve(host, ct);
        var allowed = Array.FindAll(found, IsAllowed);
        if (allowed.Length == 0)
        {
            throw found.Length == 0 ? new SocketException((int)SocketError.HostNotFound) : Refused(host, found);
        }

        return allowed;
    }

    /// <exception cref="UpstreamException">The host is written as an address that is not allowed; of a name nothing is known
    /// here.</exception>
    internal void CheckLiteral(string host)
    {
        if (Literal(host) is { } literal && !IsAllowed(literal))
        {
            throw Refused(host, [literal]);
        }
    }

    private bool IsAllowed(IPAddress address) => AddressReaches.Of(address) switch
    {
        AddressReach.Public => true,
        AddressReach.Private => _allowsPrivate,
        _ => false,
    };

    private UpstreamException Refused(string host, IPAddress[] found) => new(
        UpstreamFailure.NotAllowed,
        Array.Exists(found, static a => AddressReaches.Of(a) == AddressReach.Private)
            ? $"{host} is at a private address, and {_setting} is not there to allow it."
            : $"{host} is at a link-local or metadata address, where clouds keep their machine credentials: no setting allows it.");

    private static IPAddress? Literal(string host) => IPAddress.TryParse(host.Trim('[', ']'), out var address) ? address : null;
}

using System.Diagnostics.CodeAnalysis;
using Gatehouse.Gateway.Routing;

namespace Gatehouse.Gateway.Calls;

/// <summary>
/// The last good key of a connection. The server hands out the same string again when a connection repeats a header, so that a look at two
/// references replaces the key's hash. Belongs to one connection, whose requests come one after another; forgets when the table changes.
/// </summary>
internal sealed class KnownKey
{
    private KeyTable? _keys;
    private string? _header;
    private int _length;
    private Principal? _principal;

    /// <param name="header">The value that the key was read from: the same object as last time, or it is not known.</param>
    public bool TryFind(KeyTable keys, string header, int length, [NotNullWhen(true)] out Principal? principal)
    {
        principal = ReferenceEquals(_keys, keys) && ReferenceEquals(_header, header) && _length == length ? _principal : null;
        return principal is not null;
    }

    public void Keep(KeyTable keys, string header, int length, Principal principal) =>
        (_keys, _header, _length, _principal) = (keys, header, length, principal);
}

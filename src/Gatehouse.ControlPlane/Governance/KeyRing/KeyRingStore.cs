using System.Collections.Immutable;
using System.Xml.Linq;
using Gatehouse.Storage;
using Microsoft.AspNetCore.DataProtection.Repositories;

namespace Gatehouse.Governance;

/// <summary>
/// The key ring of Data Protection, kept in table <c>governance_ring_key</c>, so that a session that one node began holds on all. Data
/// Protection asks for it while requests wait, and nothing may block there: it answers from memory, which <see cref="KeyRingWorker"/>
/// keeps.
/// </summary>
/// <param name="kept">The keys that this node kept, for while the database is away.</param>
internal sealed class KeyRingStore(Database db, IReadOnlyList<string> kept, TimeProvider clock) : IXmlRepository
{
    private ImmutableList<XElement> _keys = [.. kept.Select(k => XElement.Parse(k))];
    private XElement? _made;

    public IReadOnlyCollection<XElement> GetAllElements() => _keys;

    /// <summary>Keeps it for <see cref="SaveAsync"/>: only the worker makes keys.</summary>
    public void StoreElement(XElement element, string friendlyName) => _made = element;

    public async Task ReadAsync(CancellationToken ct) => _keys = [.. (await ReadAsync(db, ct)).Select(k => XElement.Parse(k))];

    /// <summary>The keys as they are stored: encrypted, in the order in which they were made.</summary>
    public static Task<List<string>> ReadAsync(Database db, CancellationToken ct) =>
        db.QueryAsync($"SELECT xml FROM governance_ring_key ORDER BY number", row => row.Text(0), ct);

    /// <summary>
    /// Takes the next place of the ring for the key just made. Where another node was quicker its key stays and ours is forgotten, so that
    /// all nodes begin with the same one.
    /// </summary>
    public async Task SaveAsync(CancellationToken ct)
    {
        if (Interlocked.Exchange(ref _made, null) is { } key)
        {
            await db.ExecuteAsync(
                $"""
                INSERT INTO governance_ring_key (number, xml, made_at)
                VALUES ({(long)_keys.Count + 1}, {key.ToString(SaveOptions.DisableFormatting)}, {clock.GetUtcNow()})
                ON CONFLICT (number) DO NOTHING
                """,
                ct);
        }

        await ReadAsync(ct);
    }
}

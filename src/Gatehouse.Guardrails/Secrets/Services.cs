using System.Collections.Frozen;
using Gatehouse.Guardrails.Pii.Names;

namespace Gatehouse.Guardrails.Secrets;

/// <summary>Names of services that give out keys without a prefix of their own.</summary>
internal static class Services
{
    private const int MaxName = 32;

    private static readonly FrozenSet<string>.AlternateLookup<ReadOnlySpan<char>> Names =
        Gazetteer.Lines("services.txt").ToFrozenSet(StringComparer.OrdinalIgnoreCase).GetAlternateLookup<ReadOnlySpan<char>>();

    public static bool Has(ReadOnlySpan<char> name) => name.Length is >= 4 and <= MaxName && Names.Contains(name);
}

using System.Text.Json;
using Gatehouse.Contracts;
using Gatehouse.Gateway.Conversation;

namespace Gatehouse.Gateway.Providers;

/// <summary>
/// Reads the counts of one usage object. A report with a count that cannot be true is none: as a number it would be charged, and one that
/// is too low would keep a hard budget from closing.
/// </summary>
internal struct UsageCounts
{
    /// <summary>No real call comes near; at the highest price that is taken, such a count costs a million dollars.</summary>
    public const long Most = 100_000_000;

    private bool _any;
    private bool _broken;

    /// <summary>A count was read, and none that cannot be true.</summary>
    public readonly bool AreReadable => _any && !_broken;

    /// <summary>Takes the place of what was reported before, unless the object holds no count at all.</summary>
    public readonly TokenUsage? Else(TokenUsage? earlier, in TokenUsage read) => _broken ? null : _any ? read : earlier;

    /// <summary>Reads the value of the property the reader stands at; <c>null</c> counts as absent.</summary>
    public long Read(ref Utf8JsonReader reader)
    {
        reader.Read();
        if (reader.TokenType == JsonTokenType.Null)
        {
            return 0;
        }

        if (reader.TokenType != JsonTokenType.Number)
        {
            reader.Skip();
            _broken = true;
            return 0;
        }

        return Taken(reader.TryGetDouble(out var count) ? count : -1);
    }

    /// <summary>The same of a property, which may be missing.</summary>
    public long Read(JsonElement parent, string name) => !WireJson.TryGet(parent, name, out var value) ? 0
        : Taken(value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out var count) ? count : -1);

    private long Taken(double count)
    {
        var isCount = count is >= 0 and <= Most;
        _any |= isCount;
        _broken |= !isCount;
        return isCount ? (long)count : 0;
    }
}

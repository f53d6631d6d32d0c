using System.Numerics;
using System.Runtime.InteropServices;
using System.Text;
using Gatehouse.Contracts;

namespace Gatehouse.Gateway.Journal;

/// <summary>
/// What records repeat, made once: reading a record is mostly making the same dozen strings, and what is made again lives until the ledger
/// has it, which makes collections move it. Each slot keeps the last text that fell into it. For one thread at a time.
/// </summary>
internal sealed class NameCache
{
    private const int Slots = 1024;

    /// <summary>Longer ones are messages, not names.</summary>
    private const int MaxBytes = 128;

    private readonly (byte[] Bytes, string Text)[] _slots = new (byte[], string)[Slots];

    public LastRead<Price> Price { get; } = new();

    /// <summary>With what later versions of the format added.</summary>
    public LastRead<Price> WholePrice { get; } = new();

    public LastRead<Dictionary<string, string>> Attributes { get; } = new();

    /// <summary>Of the record that is being read.</summary>
    public List<AttemptDraft> Attempts { get; } = [];

    public string TextOf(ReadOnlySpan<byte> bytes)
    {
        if (bytes.IsEmpty || bytes.Length > MaxBytes)
        {
            return Encoding.UTF8.GetString(bytes);
        }

        ref var slot = ref _slots[Hash(bytes) % Slots];
        if (slot.Text is null || !bytes.SequenceEqual(slot.Bytes))
        {
            slot = (bytes.ToArray(), Encoding.UTF8.GetString(bytes));
        }

        return slot.Text;
    }

    private static uint Hash(ReadOnlySpan<byte> bytes)
    {
        var crc = (uint)bytes.Length;
        foreach (var word in MemoryMarshal.Cast<byte, ulong>(bytes))
        {
            crc = BitOperations.Crc32C(crc, word);
        }

        foreach (var last in bytes[(bytes.Length & ~7)..])
        {
            crc = BitOperations.Crc32C(crc, last);
        }

        return crc;
    }
}

using System.Numerics;
using System.Runtime.InteropServices;
using System.Text;

namespace Gatehouse.Gateway.Calls;

/// <summary>
/// Texts that calls repeat, names above all, made once and not for each call. Each slot keeps the last text that fell into it. For one
/// thread at a time.
/// </summary>
internal sealed class RepeatedTexts(int slots)
{
    /// <summary>Longer ones are messages, not names.</summary>
    private const int MaxBytes = 128;

    private const int SlotsOfThread = 128;

    [ThreadStatic]
    private static RepeatedTexts? t_here;

    private readonly (byte[] Bytes, string Text)[] _slots = new (byte[], string)[slots];

    /// <summary>This thread's own; not to be kept over a wait.</summary>
    public static RepeatedTexts Here => t_here ??= new RepeatedTexts(SlotsOfThread);

    /// <param name="bytes">UTF-8; what is not is replaced.</param>
    public string TextOf(ReadOnlySpan<byte> bytes)
    {
        if (bytes.IsEmpty || bytes.Length > MaxBytes)
        {
            return Encoding.UTF8.GetString(bytes);
        }

        ref var slot = ref _slots[Hash(bytes) % (uint)_slots.Length];
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

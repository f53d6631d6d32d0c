using System.Buffers;

namespace Gatehouse.Gateway.Polling;

/// <summary>A piece of pooled memory in a row of such, filled from <see cref="Start"/> to <see cref="End"/>.</summary>
internal sealed class Block : ReadOnlySequenceSegment<byte>
{
    private IMemoryOwner<byte>? _owner;

    public int Start { get; set; }

    public int End { get; private set; }

    public Block? Following => (Block?)Next;

    public int Room => Whole.Length - End;

    public int Filled => End - Start;

    public Memory<byte> Free => Whole[End..];

    public ReadOnlySpan<byte> Held => Whole.Span[Start..End];

    private Memory<byte> Whole { get; set; }

    public void Open(IMemoryOwner<byte> owner)
    {
        _owner = owner;
        Whole = owner.Memory;
        Start = End = 0;
        Memory = default;
        RunningIndex = 0;
    }

    public void Fill(int bytes)
    {
        End += bytes;
        Memory = Whole[..End];
    }

    public void Append(Block next)
    {
        next.RunningIndex = RunningIndex + End;
        Next = next;
    }

    /// <summary>Gives the memory back; the block may be opened again.</summary>
    public void Close()
    {
        _owner?.Dispose();
        _owner = null;
        Whole = default;
        Memory = default;
        Next = null;
    }
}

using System.Reflection.Emit;
using System.Reflection.Metadata;

namespace Gatehouse.Tests.House;

/// <summary>How many bytes follow an IL instruction, from the runtime's own table of instructions.</summary>
internal static class IlOperands
{
    /// <summary>A metadata token follows.</summary>
    public const int Token = -1;

    /// <summary>A jump table follows: a count, then so many offsets.</summary>
    public const int Switch = -2;

    private static readonly Dictionary<ushort, int> Sizes = typeof(OpCodes).GetFields()
        .Select(f => (OpCode)f.GetValue(null)!)
        .ToDictionary(o => (ushort)o.Value, o => Size(o.OperandType));

    public static int SizeOf(ILOpCode opcode) => Sizes[(ushort)opcode];

    private static int Size(OperandType type) => type switch
    {
        OperandType.InlineNone => 0,
        OperandType.ShortInlineBrTarget or OperandType.ShortInlineI or OperandType.ShortInlineVar => 1,
        OperandType.InlineVar => 2,
        OperandType.InlineI8 or OperandType.InlineR => 8,
        OperandType.InlineSwitch => Switch,
        OperandType.InlineField or OperandType.InlineMethod or OperandType.InlineTok or OperandType.InlineType => Token,
        _ => 4, // branches, 32-bit numbers, strings and stand-alone signatures
    };
}

namespace Gatehouse.Guardrails;

/// <summary>Where a text stands in a call: it decides how far the text is trusted.</summary>
public enum DetectionSide
{
    /// <summary>What the caller sends to the model.</summary>
    Input,

    /// <summary>What the model answers.</summary>
    Output,

    /// <summary>The arguments of a tool that the model wants called.</summary>
    ToolCall,

    /// <summary>What a tool gave back: untrusted.</summary>
    ToolResult,

    /// <summary>A document or chunk that was retrieved: untrusted.</summary>
    Retrieved,
}

/// <summary>What a detector knows about the text besides the text.</summary>
public readonly record struct DetectionContext(DetectionSide Side)
{
    /// <summary>The text comes from neither the caller nor the model, so instructions in it are not to be followed.</summary>
    public bool IsUntrusted => Side is DetectionSide.ToolResult or DetectionSide.Retrieved;
}

/// <summary>Finds one family of things in a text. Pure, thread-safe, linear in the text's length, no allocation on a clean text.</summary>
public interface IDetector
{
    DetectorKind Kind { get; }

    /// <summary>
    /// Adds what it finds; offsets count UTF-16 units from the start of <paramref name="text"/>. Adds in any order, without overlaps of its
    /// own.
    /// </summary>
    void Find(ReadOnlySpan<char> text, in DetectionContext context, FindingList findings);
}

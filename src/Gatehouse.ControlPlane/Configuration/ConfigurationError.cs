namespace Gatehouse.Configuration;

/// <summary>One thing that is wrong with the configuration, where it is, and how to mend it. Never holds the value of a secret.</summary>
/// <param name="File"><see langword="null"/> when the configuration did not come from a file.</param>
/// <param name="Line">From 1; 0 when the error has no place in the file.</param>
/// <param name="Column">From 1; 0 when the error has no place in the file.</param>
/// <param name="Suggestion">What to write in its place, or <see langword="null"/>.</param>
public sealed record ConfigurationError(string? File, int Line, int Column, string Message, string? Suggestion = null)
{
    /// <summary>The error on one line, as compilers print it: <c>gatehouse.yaml:12:5: message suggestion</c>.</summary>
    public override string ToString()
    {
        var place = Line > 0 ? $"{File ?? "configuration"}:{Line}:{Column}: " : $"{File ?? "configuration"}: ";
        return Suggestion is null ? place + Message : $"{place}{Message} {Suggestion}";
    }
}

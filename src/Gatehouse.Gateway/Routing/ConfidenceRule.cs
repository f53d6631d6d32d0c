namespace Gatehouse.Gateway.Routing;

/// <summary>When a whole answer is worth so little that a route which falls back on low confidence asks its next target.</summary>
/// <param name="Refusals">A refusal, said in words or by the format, is not worth much.</param>
/// <param name="Grounding">The least support, from 0 to 1, that the answer must have in the texts of the request; <see langword="null"/>:
/// it is not measured.</param>
/// <param name="Judge">The route that is asked for a verdict; <see langword="null"/>: none is.</param>
/// <param name="Verdict">The least verdict, from 0 to 1.</param>
public sealed record ConfidenceRule(bool Refusals, double? Grounding, string? Judge, double Verdict)
{
    public static readonly ConfidenceRule Default = new(true, null, null, 0.5);
}

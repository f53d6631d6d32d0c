namespace Gatehouse.Guardrails.Schema;

/// <summary>One way in which a JSON text does not fit its schema.</summary>
/// <param name="Path">JSON Pointer of the value, empty for the root.</param>
/// <param name="Keyword">The keyword of the schema that is not met.</param>
/// <param name="Message">One sentence that a model can act on.</param>
public sealed record SchemaError(string Path, string Keyword, string Message);

namespace Gatehouse.Contracts;

/// <summary>An expected failure in the caller's vocabulary. Bugs are not problems: let them throw.</summary>
/// <param name="Code">Stable, snake_case, documented; clients branch on it.</param>
/// <param name="Status">HTTP status used when the problem reaches the wire.</param>
/// <param name="Message">One sentence that says what to change. Never contains secrets or prompts.</param>
public sealed record Problem(string Code, int Status, string Message)
{
    /// <summary>The field of the request that is wrong, or <see langword="null"/> when it is not one field.</summary>
    public string? Field { get; init; }

    public static Problem Invalid(string field, string rule) => new("invalid_field", 422, $"'{field}' {rule}.") { Field = field };

    public static Problem Malformed(string message) => new("malformed_body", 400, message);

    public static Problem Unauthenticated(string message) => new("unauthenticated", 401, message);

    public static Problem Forbidden(string message) => new("forbidden", 403, message);

    /// <summary>Also the answer for rows of another team: existence is not revealed.</summary>
    public static Problem NotFound(string what, string name) => new("not_found", 404, $"There is no {what} '{name}' that you may see.");

    public static Problem Conflict(string what, string name) =>
        new("conflict", 409, $"A {what} named '{name}' exists already; choose another name.");
}

/// <summary>Carries a <see cref="Contracts.Problem"/> out of deep code; mapped to HTTP, CLI and console text in one place each.</summary>
public sealed class ProblemException(Problem problem) : Exception(problem.Message)
{
    public Problem Problem { get; } = problem;
}

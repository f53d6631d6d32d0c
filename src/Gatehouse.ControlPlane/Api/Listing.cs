namespace Gatehouse.Api;

/// <summary>Rows of a list.</summary>
/// <param name="Next">What to pass as <c>before</c> for the rows that follow; <see langword="null"/> at the end.</param>
public sealed record Listing<T>(IReadOnlyList<T> Items, string? Next = null);

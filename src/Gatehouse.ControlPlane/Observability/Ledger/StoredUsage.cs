using Gatehouse.Contracts;
using Gatehouse.Storage;

namespace Gatehouse.Observability.Ledger;

/// <summary>The tokens of a row of the ledger.</summary>
internal static class StoredUsage
{
    /// <param name="column">Where <c>uncached_input_tokens</c> to <c>reasoning_tokens</c> begin.</param>
    /// <param name="kinds">Where <c>audio_input_tokens</c>, <c>image_input_tokens</c> and <c>audio_output_tokens</c> begin.</param>
    /// <returns><see langword="null"/> when the provider reported none.</returns>
    public static TokenUsage? Read(Row row, int column, int kinds) => row.IsNull(column)
        ? null
        : new TokenUsage(
            row.Long(column), row.Long(column + 1), row.Long(column + 2), row.Long(column + 3), row.Long(column + 4), row.Long(column + 5),
            row.LongOrNull(kinds) ?? 0, row.LongOrNull(kinds + 1) ?? 0, row.LongOrNull(kinds + 2) ?? 0);
}

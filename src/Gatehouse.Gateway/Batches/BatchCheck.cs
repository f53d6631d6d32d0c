using System.Globalization;
using Gatehouse.Gateway.Conversation;

namespace Gatehouse.Gateway.Batches;

/// <summary>Proves the input of a batch before anything of it runs.</summary>
internal static class BatchCheck
{
    private const int MaxErrors = 100;

    /// <returns>How many items there are, or what is wrong.</returns>
    public static async Task<(int Total, List<BatchError> Errors)> ReadAsync(
        Batch batch, IAsyncEnumerable<BatchLine> lines, BatchSettings settings, CancellationToken ct)
    {
        var words = BatchWords.Of(batch.Format);
        var (total, errors, ids) = (0, new List<BatchError>(), new HashSet<string>(StringComparer.Ordinal));
        await foreach (var line in lines.WithCancellation(ct))
        {
            total++;
            if (words.Read(batch, line, out var error) is { } item && !ids.Add(item.CustomId))
            {
                error = new BatchError(
                    "duplicate_custom_id",
                    $"The custom_id '{ParameterNames.Shown(item.CustomId, 80)}' for this request is a duplicate of another request. The custom_id parameter must be unique for each request in a batch.",
                    "custom_id",
                    line.Number);
            }

            if (error is not null)
            {
                errors.Add(error);
            }

            if (errors.Count == MaxErrors)
            {
                return (total, errors);
            }

            if (total > settings.MaxItems)
            {
                return (total, [new BatchError(
                    "too_many_requests",
                    string.Create(
                        CultureInfo.InvariantCulture,
                        $"The file has more than {settings.MaxItems} requests, the limit of this installation (batches.max_items)."),
                    "input_file_id",
                    null)]);
            }
        }

        if (total == 0)
        {
            errors.Add(new BatchError("empty_file", "The input file has no request in it.", "input_file_id", null));
        }

        return (total, errors);
    }
}

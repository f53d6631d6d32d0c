using System.Text.Json;
using System.Text.Json.Serialization;
using Gatehouse.Contracts;
using Gatehouse.Gateway.Batches;
using Gatehouse.Storage;

namespace Gatehouse.Batches;

/// <summary>A row of <c>batches_batch</c>, and the words in it.</summary>
internal static class BatchRow
{
    public const string Output = "output";
    public const string Error = "error";

    public static FormattableString Columns { get; } =
        $"id, format, key_id, endpoint, input_id, metadata, created_at, expires_at, status, total, succeeded, errored, cancelled, expired, headers, keep_seconds, in_progress_at, finalizing_at, cancelling_at, ended_at, output_id, error_id, errors, input_tokens, cached_tokens, output_tokens, reasoning_tokens";

    /// <param name="first">The position of the first of <see cref="Columns"/>.</param>
    public static Batch Read(BatchOwner owner, Row row, int first = 0) => new(
        owner, row.Text(first), Parse<BatchFormat>(row.Text(first + 1)), row.Id(first + 2), row.Text(first + 3), row.Text(first + 4),
        row.TextOrNull(first + 5), row.Instant(first + 6), row.Instant(first + 7))
    {
        Status = Parse<BatchStatus>(row.Text(first + 8)),
        Counts = new(
            (int)row.Long(first + 9), (int)row.Long(first + 10), (int)row.Long(first + 11), (int)row.Long(first + 12),
            (int)row.Long(first + 13)),
        Headers = JsonSerializer.Deserialize(row.Text(first + 14), StoredBatchJson.Default.IReadOnlyDictionaryStringString)!,
        KeepOutput = TimeSpan.FromSeconds(row.Long(first + 15)),
        InProgressAt = row.InstantOrNull(first + 16),
        FinalizingAt = row.InstantOrNull(first + 17),
        CancellingAt = row.InstantOrNull(first + 18),
        EndedAt = row.InstantOrNull(first + 19),
        Usage = new(row.Long(first + 23), row.Long(first + 24), row.Long(first + 25), row.Long(first + 26)),
        OutputFileId = row.TextOrNull(first + 20),
        ErrorFileId = row.TextOrNull(first + 21),
        Errors = row.TextOrNull(first + 22) is { } errors ? JsonSerializer.Deserialize(
            errors, StoredBatchJson.Default.IReadOnlyListBatchError)! : [],
    };

    public static string Of<T>(T value)
        where T : struct, Enum => JsonNamingPolicy.SnakeCaseLower.ConvertName(value.ToString());

    public static string Of(BatchOwner owner) => Of(owner.Environment);

    public static SystemEnvironment Environment(string word) => Parse<SystemEnvironment>(word);

    /// <summary>Which file a result goes to.</summary>
    public static string PartOf(Batch batch, BatchOutcome outcome) =>
        batch.Format == BatchFormat.Anthropic || outcome == BatchOutcome.Succeeded ? Output : Error;

    private static T Parse<T>(string word)
        where T : struct, Enum => Enum.Parse<T>(word.Replace("_", "", StringComparison.Ordinal), ignoreCase: true);
}

/// <summary>What the tables hold as JSON.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(IReadOnlyDictionary<string, string>))]
[JsonSerializable(typeof(IReadOnlyList<BatchError>))]
internal sealed partial class StoredBatchJson : JsonSerializerContext;

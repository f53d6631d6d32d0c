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
        $"id, format, key_id, endpoint, input_id, metadata, created_at, expires_at, status, total, succeeded, errored, cancelled, expired, headers, keep_seconds, in_progress_at, finalizing_at, cancelling_at, ended_at, output_id, error_id, errors";

    public static Batch Read(BatchOwner owner, Row row) => new(
        owner, row.Text(0), Parse<BatchFormat>(row.Text(1)), row.Id(2), row.Text(3), row.Text(4), row.TextOrNull(5), row.Instant(6), row.Instant(7))
    {
        Status = Parse<BatchStatus>(row.Text(8)),
        Counts = new((int)row.Long(9), (int)row.Long(10), (int)row.Long(11), (int)row.Long(12), (int)row.Long(13)),
        Headers = JsonSerializer.Deserialize(row.Text(14), StoredBatchJson.Default.IReadOnlyDictionaryStringString)!,
        KeepOutput = TimeSpan.FromSeconds(row.Long(15)),
        InProgressAt = row.InstantOrNull(16),
        FinalizingAt = row.InstantOrNull(17),
        CancellingAt = row.InstantOrNull(18),
        EndedAt = row.InstantOrNull(19),
        OutputFileId = row.TextOrNull(20),
        ErrorFileId = row.TextOrNull(21),
        Errors = row.TextOrNull(22) is { } errors ? JsonSerializer.Deserialize(errors, StoredBatchJson.Default.IReadOnlyListBatchError)! : [],
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

namespace Gatehouse.Gateway.Batches;

/// <summary>One request of a batch.</summary>
/// <param name="Line">The line of the input that it is.</param>
/// <param name="CustomId">By which the client tells answers apart.</param>
/// <param name="Body">The body of the request.</param>
internal sealed record BatchItem(int Line, string CustomId, byte[] Body);

/// <summary>What came of a call.</summary>
/// <param name="Body">One line of JSON.</param>
/// <param name="RetryAfter">How long the answer asks to wait.</param>
/// <param name="IsLasting">The answer says that waiting does not help.</param>
internal sealed record BatchAnswer(int Status, string RequestId, byte[] Body, TimeSpan? RetryAfter, bool IsLasting);

/// <summary>How the lines of one format are read and written.</summary>
internal abstract class BatchWords
{
    public static BatchWords Of(BatchFormat format) =>
        format == BatchFormat.OpenAi ? OpenAiBatchWords.Instance : AnthropicBatchWords.Instance;

    /// <returns><see langword="null"/> and the mistake when the line is no item of the batch.</returns>
    public abstract BatchItem? Read(Batch batch, in BatchLine line, out BatchError? error);

    public abstract byte[] Answered(Batch batch, BatchItem item, BatchAnswer answer);

    /// <summary>What an answer to an item took, where the format sums it up for the batch.</summary>
    public virtual BatchUsage UsageOf(BatchAnswer answer) => BatchUsage.None;

    /// <summary>The line of an item that will not run.</summary>
    public abstract byte[] NotRun(Batch batch, BatchItem item, BatchOutcome why);

    /// <summary>Made of the batch and the line, so that the item's calls have it, however often they run.</summary>
    public static string RequestId(Batch batch, BatchItem item) =>
        string.Create(System.Globalization.CultureInfo.InvariantCulture, $"{batch.Id}.{item.Line}");

    /// <summary>Another's JSON on one line: line ends stand only between tokens, where they are white space.</summary>
    public static void OnOneLine(Span<byte> json)
    {
        json.Replace((byte)'\n', (byte)' ');
        json.Replace((byte)'\r', (byte)' ');
    }
}

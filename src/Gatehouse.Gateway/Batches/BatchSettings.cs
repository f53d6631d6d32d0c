namespace Gatehouse.Gateway.Batches;

/// <summary>Bounds of files and batches.</summary>
public sealed record BatchSettings
{
    /// <summary>Items of all batches that a node calls at the same time.</summary>
    public int Parallel { get; init; } = 8;

    /// <summary>Largest file accepted.</summary>
    public long MaxFileBytes { get; init; } = 100L << 20;

    /// <summary>Most requests of one batch.</summary>
    public int MaxItems { get; init; } = 50_000;

    /// <summary>Most bytes that the files of one team may have together.</summary>
    public long QuotaBytes { get; init; } = 2L << 30;

    /// <summary>How long files, and batches that have ended, are kept.</summary>
    public TimeSpan Keep { get; init; } = TimeSpan.FromDays(30);
}

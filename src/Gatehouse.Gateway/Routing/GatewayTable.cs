using Gatehouse.Contracts;
using Gatehouse.Gateway.Batches;
using Gatehouse.Gateway.Guarding;
using Gatehouse.Gateway.Limits;

namespace Gatehouse.Gateway.Routing;

/// <summary>Everything a call reads, as one revision: a call reads <see cref="Snapshot{T}.Current"/> once and keeps it.</summary>
public sealed class GatewayTable
{
    /// <summary>In bytes: of the machine's memory, or of what a container's limit leaves the process.</summary>
    public static long QuarterOfMemory { get; } = GC.GetGCMemoryInfo().TotalAvailableMemoryBytes / 4;

    public static readonly GatewayTable Empty = new()
    {
        Revision = "none",
        Keys = KeyTable.Empty,
        Routes = RouteTable.Empty,
        Prices = PriceTable.Empty,
    };

    /// <summary>Names the configuration revision, for logs, traces and <c>config show</c>.</summary>
    public required string Revision { get; init; }

    public required KeyTable Keys { get; init; }

    public required RouteTable Routes { get; init; }

    public required PriceTable Prices { get; init; }

    /// <summary>What people switched off; <see cref="Routes"/> obey it already.</summary>
    public KillSwitches Switches { get; init; } = KillSwitches.None;

    /// <summary>Budgets and limits of the keys.</summary>
    public LimitTable Limits { get; init; } = LimitTable.Empty;

    /// <summary>The guard policies.</summary>
    public PolicyTable Policies { get; init; } = PolicyTable.Empty;

    /// <summary>Largest request body accepted, in bytes. Default 32 MiB.</summary>
    public int MaxBodyBytes { get; init; } = 32 << 20;

    /// <summary>What large request bodies under way may take of memory together, in bytes.</summary>
    public long MaxBodyMemoryBytes { get; init; } = QuarterOfMemory;

    /// <summary>Largest answer read from a provider, in bytes. Default 64 MiB.</summary>
    public int MaxAnswerBytes { get; init; } = 64 << 20;

    /// <summary>Bounds of files and batches.</summary>
    public BatchSettings Batches { get; init; } = new();

    /// <summary>The address that clients use when a proxy stands in front; <see langword="null"/>: the one of the request.</summary>
    public Uri? PublicUrl { get; init; }

    /// <summary>Room for kept answers, in bytes. Default 64 MiB.</summary>
    public long MaxCachedAnswerBytes { get; init; } = 64 << 20;

    /// <summary>Room for kept vectors, in bytes. Default 64 MiB.</summary>
    public long MaxCachedVectorBytes { get; init; } = 64 << 20;
}

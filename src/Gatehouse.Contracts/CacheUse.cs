namespace Gatehouse.Contracts;

/// <summary>What part Gatehouse's own cache had in a call's answer.</summary>
public enum CacheUse
{
    /// <summary>None: the route keeps no answers, or the call was not one to be kept.</summary>
    None,

    /// <summary>It was looked up and not found.</summary>
    Miss,

    /// <summary>The same request had been answered before.</summary>
    Hit,

    /// <summary>A similar question had been answered before.</summary>
    Semantic,

    /// <summary>Every target failed, and an older answer was served.</summary>
    Stale,

    /// <summary>Some of the vectors asked for were kept; a provider made the others.</summary>
    Partial,
}

/// <summary>The words for <see cref="CacheUse"/>, and what follows from each.</summary>
public static class CacheUses
{
    /// <summary>What calls without a provider were served by.</summary>
    public const string Server = "cache";

    /// <summary>Whether the whole answer came from the cache.</summary>
    public static bool IsServed(this CacheUse use) => use is CacheUse.Hit or CacheUse.Semantic or CacheUse.Stale;

    /// <summary>As it stands in headers, tables and metrics.</summary>
    public static string Word(CacheUse use) => use switch
    {
        CacheUse.Miss => "miss",
        CacheUse.Hit => "hit",
        CacheUse.Semantic => "semantic",
        CacheUse.Stale => "stale",
        CacheUse.Partial => "partial",
        _ => "none",
    };

    /// <returns><see cref="CacheUse.None"/> for a word that is none of these.</returns>
    public static CacheUse Of(string? word) => word switch
    {
        "miss" => CacheUse.Miss,
        "hit" => CacheUse.Hit,
        "semantic" => CacheUse.Semantic,
        "stale" => CacheUse.Stale,
        "partial" => CacheUse.Partial,
        _ => CacheUse.None,
    };
}

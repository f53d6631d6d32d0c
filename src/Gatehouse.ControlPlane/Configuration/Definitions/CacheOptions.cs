using Gatehouse.Gateway.Caching;

namespace Gatehouse.Configuration;

/// <summary>How a route keeps answers.</summary>
public sealed class CacheOptions
{
    [Setting("How long a kept answer is served in place of a new one.", Required = true, Min = "1s", Max = "365d", Example = "10m")]
    public TimeSpan Ttl { get; set; }

    [Setting("Who shares answers: the calls of one `system`, of all systems of a `team`, or of one `end_user` of a system (`x-gatehouse-user`, or the request's own; calls without one are not kept). Teams and environments never share.")]
    public CacheSharing Scope { get; set; }

    [Setting("Up to this age a kept answer is served when every target failed, marked `x-gatehouse-cache: stale`. Longer than `ttl`.",
        DefaultText = "never", Max = "365d", Example = "24h")]
    public TimeSpan? WhenDown { get; set; }

    [Setting("Larger answers are not kept.", Min = "1KiB", Max = "64MiB")]
    public ByteSize MaxEntry { get; set; } = new(1 << 20);

    [Setting("Members of the request's body that need not be the same. Of: `user`, `safety_identifier`, `metadata`, `labels`, `prompt_cache_key`, `service_tier`, `seed`.", DefaultText = "none", Example = "[ user, metadata ]")]
    public List<string> Ignore { get; set; } = [];

    [Setting("Which calls are kept.")]
    public CacheConditionOptions When { get; set; } = new();

    [Setting("Serves answers to similar questions as well.")]
    public SemanticCacheOptions? Semantic { get; set; }
}

/// <summary>Which calls of a route are kept; all must hold.</summary>
public sealed class CacheConditionOptions
{
    [Setting("Calls that ask for a higher temperature, or for none, are not kept.", DefaultText = "any", Min = "0", Max = "2",
        Example = "0.3")]
    public double? MaxTemperature { get; set; }
}

/// <summary>How a route recognises a question that was asked in other words.</summary>
public sealed class SemanticCacheOptions
{
    [Setting("The model name whose route turns the last user message into a vector, by a call of its own for the same caller.",
        Required = true, Example = "text-embedding-3-small")]
    public string Route { get; set; } = "";

    [Setting("The least cosine similarity of two questions that get the same answer. Depends on the embedding model: try it on questions of your own.", Required = true, Min = "0.5", Max = "1", Example = "0.95")]
    public double Threshold { get; set; }

    [Setting("Longest wait for the vector of a question; then the call goes on without.", Min = "10ms", Max = "1m")]
    public TimeSpan Timeout { get; set; } = TimeSpan.FromSeconds(2);

    [Setting("How long a kept answer is served to similar questions.", DefaultText = "the cache's `ttl`", Min = "1s", Max = "365d",
        Example = "10m")]
    public TimeSpan? Ttl { get; set; }
}

/// <summary>Section <c>caches</c>.</summary>
public sealed class CachesOptions
{
    [Setting("Memory for kept answers, on each node. What is asked for least makes room.", Min = "1MiB", Max = "64GiB")]
    public ByteSize Answers { get; set; } = new(64 << 20);

    [Setting("Memory for kept vectors, on each node.", Min = "1MiB", Max = "64GiB")]
    public ByteSize Vectors { get; set; } = new(64 << 20);
}

using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using Gatehouse.Gateway.Routing;

namespace Gatehouse.Gateway.Caching;

/// <summary>Who may get an answer that was kept. Environments and teams never share one.</summary>
public enum CacheSharing
{
    /// <summary>The calls of one system.</summary>
    System,

    /// <summary>The calls of all systems of one team.</summary>
    Team,

    /// <summary>The calls that one system makes for one end user; calls that name none are not kept.</summary>
    EndUser,
}

/// <summary>How a route keeps answers. A route without one keeps none.</summary>
/// <param name="Ttl">How long a kept answer is served in place of a new one.</param>
public sealed record CachePolicy(TimeSpan Ttl)
{
    public CacheSharing Scope { get; init; }

    /// <summary>Up to this age a kept answer is served when every target failed. Zero: never.</summary>
    public TimeSpan WhenDown { get; init; }

    /// <summary>Larger answers are not kept, in bytes. Default 1 MiB.</summary>
    public int MaxEntryBytes { get; init; } = 1 << 20;

    /// <summary>Members of the request's body that do not count.</summary>
    public IReadOnlyList<string> Ignore { get; init; } = [];

    /// <summary>Calls that ask for a higher temperature, or for none, are not kept; <see langword="null"/>: all are.</summary>
    public double? MaxTemperature { get; init; }

    /// <summary><see langword="null"/>: only the same request gets a kept answer.</summary>
    public SemanticPolicy? Semantic { get; init; }

    /// <summary>
    /// Stands for everything about the route that an answer depends on: a change of it makes kept answers unreachable. Which targets are
    /// switched on is no part of it: an answer is served only where its target may be asked.
    /// </summary>
    public ulong Revision { get; init; }

    /// <summary>How long an answer is of any use.</summary>
    internal TimeSpan Kept => Max(Max(Ttl, WhenDown), Semantic?.Ttl ?? TimeSpan.Zero);

    /// <summary>This policy as that of a route.</summary>
    public CachePolicy For(IReadOnlyList<Target> targets, bool strict)
    {
        ArgumentNullException.ThrowIfNull(targets);
        var text = new StringBuilder().Append(this with { Revision = 0, Ignore = [] }).Append('|').AppendJoin(',', Ignore).Append('|')
            .Append(strict);
        foreach (var target in targets)
        {
            var settings = target.Provider.Settings;
            text.Append('|').Append(settings.Name).Append(' ').Append(settings.Kind).Append(' ').Append(settings.Wire).Append(' ')
                .Append(settings.BaseUrl).Append(' ').Append(target.Model);
        }

        return this with { Revision = BinaryPrimitives.ReadUInt64LittleEndian(SHA256.HashData(Encoding.UTF8.GetBytes(text.ToString()))) };
    }

    private static TimeSpan Max(TimeSpan a, TimeSpan b) => a > b ? a : b;
}

/// <summary>How a route recognises a question that was asked in other words.</summary>
/// <param name="Route">Where the last user message is turned into a vector.</param>
/// <param name="Threshold">The least cosine similarity of two questions that get the same answer.</param>
/// <param name="Ttl">How long a kept answer is served to similar questions.</param>
public sealed record SemanticPolicy(string Route, double Threshold, TimeSpan Ttl)
{
    /// <summary>Longest wait for the vector of a question; then the call goes on without. Default 2 s.</summary>
    public TimeSpan Timeout { get; init; } = TimeSpan.FromSeconds(2);
}

using System.Security.Cryptography;
using System.Text;
using Gatehouse.Gateway.Batches;
using Gatehouse.Gateway.Guarding;
using Gatehouse.Gateway.Providers;
using Gatehouse.Gateway.Routing;

namespace Gatehouse.Configuration;

/// <summary>Makes a <see cref="CompiledConfiguration"/> from options that passed <see cref="ConfigurationChecks"/>.</summary>
internal static class ConfigurationCompiler
{
    private const int RevisionChars = 10;

    public static CompiledConfiguration Compile(
        GatehouseOptions options,
        Sources sources,
        PriceTable prices,
        PolicyTable policies,
        IReadOnlyList<PolicyFile> policyFiles,
        ProviderCompiler compiler,
        Func<ProviderSettings, Provider> create,
        CompiledConfiguration? previous)
    {
        var providers = new Dictionary<string, Provider>(StringComparer.Ordinal);
        var byFingerprint = new Dictionary<string, Provider>(StringComparer.Ordinal);
        foreach (var (name, provider) in WithSimulator(options.Providers))
        {
            var settings = compiler.Compile(name, provider, ProviderPresets.Find(provider.Kind)!);
            var fingerprint = ProviderCompiler.Fingerprint(settings);
            var made = previous?.ByFingerprint.GetValueOrDefault(fingerprint) ?? create(settings);
            providers.Add(name, made);
            byFingerprint.Add(fingerprint, made);
        }

        var routes = new RouteCompiler(options, providers).Compile();
        if (!options.Routes.ContainsKey(ProviderPresets.Simulator))
        {
            routes.Add(new Route(ProviderPresets.Simulator, [new Target(providers[ProviderPresets.Simulator], ProviderPresets.Simulator)]));
        }

        return new()
        {
            Revision = RevisionOf(
                options, sources,
                prices.Revision + string.Concat(policyFiles.Where(f => f.Path is not null).Select(f => f.Policy.Revision)), byFingerprint,
                policies, previous),
            Policies = policies,
            PolicyFiles = policyFiles,
            Routes = new RouteTable(routes),
            Prices = prices,
            Providers = providers,
            MaxBodyBytes = (int)options.Server.MaxBody.Bytes,
            MaxBodyMemoryBytes = options.Server.MaxBodyMemory?.Bytes ?? GatewayTable.QuarterOfMemory,
            MaxAnswerBytes = (int)options.Server.MaxAnswer.Bytes,
            Batches = Settings(options.Batches),
            PublicUrl = options.Server.PublicUrl,
            MaxCachedAnswerBytes = options.Caches.Answers.Bytes,
            MaxCachedVectorBytes = options.Caches.Vectors.Bytes,
            DefaultModel = DefaultModel(routes),
            ByFingerprint = byFingerprint,
        };
    }

    private static BatchSettings Settings(BatchesOptions options) => new()
    {
        Parallel = options.Parallel,
        MaxFileBytes = options.MaxFile.Bytes,
        MaxItems = options.MaxItems,
        QuotaBytes = options.Quota.Bytes,
        Keep = options.Keep,
    };

    private static IEnumerable<KeyValuePair<string, ProviderOptions>> WithSimulator(Dictionary<string, ProviderOptions> providers) =>
        providers.ContainsKey(ProviderPresets.Simulator)
            ? providers
            : providers.Append(new(ProviderPresets.Simulator, new() { Kind = ProviderPresets.Simulator }));

    /// <summary>The first route that can be named in full; a prefix counts when its provider's small model begins so.</summary>
    private static string DefaultModel(List<Route> routes)
    {
        foreach (var route in routes)
        {
            if (!route.Name.EndsWith('*'))
            {
                return route.Name;
            }

            if (ProviderPresets.Find(route.Targets[0].Provider.Settings.Kind)?.SmallModel is { } small
                && small.StartsWith(route.Name.AsSpan(0, route.Name.Length - 1), StringComparison.Ordinal))
            {
                return small;
            }
        }

        return ProviderPresets.Simulator;
    }

    /// <summary>
    /// A hash of everything but secrets, which a short hash could give away to a guesser. A secret that was changed behind its
    /// reference therefore shows as a suffix: <c>1f2e3d4c5b</c>, <c>1f2e3d4c5b.2</c>.
    /// </summary>
    private static string RevisionOf(
        GatehouseOptions options,
        Sources sources,
        string beside,
        Dictionary<string, Provider> byFingerprint,
        PolicyTable policies,
        CompiledConfiguration? previous)
    {
        var content = ConfigurationText.Write(options, sources, ConfigurationText.Values.Effective) + beside;
        var hash = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(content)))[..RevisionChars];
        if (previous is null || previous.Revision.Split('.')[0] != hash)
        {
            return hash;
        }

        var same = byFingerprint.Count == previous.ByFingerprint.Count && byFingerprint.Keys.All(previous.ByFingerprint.ContainsKey)
            && WebhookSecrets(previous.Policies).SequenceEqual(WebhookSecrets(policies));
        if (same)
        {
            return previous.Revision;
        }

        var count = previous.Revision.Length > hash.Length ? int.Parse(previous.Revision.AsSpan(hash.Length + 1), null) : 1;
        return $"{hash}.{count + 1}";
    }

    private static IEnumerable<string> WebhookSecrets(PolicyTable policies) =>
        policies.Policies.OrderBy(p => p.Name, StringComparer.Ordinal).SelectMany(p => p.PlugIns).Select(r => r.PlugIn!.Secret);
}

using System.Globalization;
using Gatehouse.Gateway.Outbound;
using Gatehouse.Gateway.Routing;

namespace Gatehouse.Configuration;

/// <summary>The rules between settings that a single setting cannot know; each error at the place that a person would change.</summary>
internal sealed class ConfigurationChecks(string? file, Sources sources, ProviderCompiler compiler, List<ConfigurationError> errors)
{
    private const int MaxProviderNameChars = 64;

    public void Check(GatehouseOptions options)
    {
        CheckServer(options.Server);
        if (options.Storage is { Sqlite: not null, Postgres: not null })
        {
            Add(sources.Of(options.Storage, "postgres"), "'storage' names both 'sqlite' and 'postgres'.",
                "Keep the one that holds your data.");
        }

        foreach (var (name, provider) in options.Providers)
        {
            CheckProvider(options.Providers, name, provider);
        }

        foreach (var (name, route) in options.Routes)
        {
            CheckRoute(options, name, route);
        }
    }

    private void CheckServer(ServerOptions server)
    {
        if (!ServerAddress.TryParse(server.Address, out _, out _))
        {
            Add(sources.Of(server, "address"), "'server.address' must be 'host:port', with a port from 0 to 65535.",
                "For example 'address: 127.0.0.1:8080'.");
        }

        if (server.TrustedProxies is { } proxies && !TrustedProxies.TryParse(proxies, out _))
        {
            Add(sources.Of(server, "trusted_proxies"), "'server.trusted_proxies' must be addresses or networks, with commas between them.",
                "For example 'trusted_proxies: 127.0.0.1, 10.0.0.0/8'.");
        }
    }

    private void CheckProvider(Dictionary<string, ProviderOptions> providers, string name, ProviderOptions provider)
    {
        var at = sources.Of(providers, name);
        if (name.Length is 0 or > MaxProviderNameChars || !name.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_' or '.'))
        {
            Add(at, $"The name of a provider has 1 to {MaxProviderNameChars} letters, digits, '-', '_' or '.'.", null);
        }

        if (ProviderPresets.Find(provider.Kind) is not { } preset)
        {
            return; // The binder has reported it.
        }

        if (name == ProviderPresets.Simulator && preset.Kind != ProviderPresets.Simulator)
        {
            Add(sources.Of(provider, "kind"), "The provider named 'simulator' is always the simulator.",
                "Give this provider another name.");
        }

        if (preset.Kind == ProviderPresets.Bedrock)
        {
            CheckAws(at, name, provider, preset);
        }
        else if (preset.IsAtGoogle)
        {
            CheckGoogle(at, name, provider);
        }
        else if (provider.BaseUrl is null && preset.BaseUrl is null && !sources.IsSet(provider, "base_url"))
        {
            Add(at, $"'providers.{name}' needs 'base_url'.", preset.Kind == ProviderPresets.Azure
                ? "For example 'base_url: https://NAME.openai.azure.com'."
                : "For example 'base_url: http://127.0.0.1:8000/v1'.");
        }

        if (provider.Health is { } health)
        {
            CheckHealth(name, provider, preset, health);
        }

        if (provider.BaseUrl is { } address && OutboundRule.IsNeverAllowed(address))
        {
            Add(sources.Of(provider, "base_url"),
                $"'providers.{name}.base_url' is a link-local or metadata address, where clouds keep their machine credentials.",
                "Write the address of the provider.");
        }

        if (provider.Enabled && preset.NeedsKey && !sources.IsSet(provider, "api_key") && !sources.IsSet(provider, "api_keys")
            && !compiler.HasCredential(provider, preset))
        {
            Add(at, $"'providers.{name}' has no credential.", preset.Kind switch
            {
                ProviderPresets.Bedrock =>
                    "Set 'aws.access_key_id' and 'aws.secret_access_key', or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or 'aws.credentials_file'.",
                ProviderPresets.Vertex or ProviderPresets.VertexClaude =>
                    "Write 'google: { service_account: ${file:vertex.json} }' with the JSON key of a service account, or set GOOGLE_APPLICATION_CREDENTIALS to its path.",
                _ => $"Set the environment variable {preset.KeyVariables[0]}, or write 'api_key: ${{YOUR_VARIABLE}}'.",
            });
        }

        if (provider.ApiKey is { } key && key.Any(c => c is < '!' or > '~'))
        {
            Add(sources.Of(provider, "api_key"), $"'providers.{name}.api_key' has characters that a header cannot carry.",
                "Check for spaces and line breaks.");
        }

        CheckKeys(name, provider);
        foreach (var (header, value) in provider.Headers)
        {
            CheckHeader(provider.Headers, $"providers.{name}.headers", header, value);
        }

        CheckKindOnly(name, provider, preset);
        foreach (var fault in provider.Simulator?.Faults ?? [])
        {
            if (fault.Every is null != fault.For is null || fault.For >= fault.Every)
            {
                Add(sources.Of(fault), "'every' and 'for' go together, and 'for' is the shorter.",
                    "For example 'every: 10m' with 'for: 30s'.");
            }
        }
    }

    private void CheckAws(Place at, string name, ProviderOptions provider, ProviderPreset preset)
    {
        if (compiler.Aws.RegionOf(provider) is not { } region)
        {
            Add(at, $"'providers.{name}' needs a region.", "For example 'aws: { region: eu-central-1 }'.");
        }
        else if (region.Length > 64 || !region.All(c => char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c) || c == '-'))
        {
            Add(provider.Aws?.Region is null ? at : sources.Of(provider.Aws, "region"),
                $"The region of 'providers.{name}' is no name of a region.", "For example 'eu-central-1'.");
        }

        if (compiler.Aws.Find(provider, preset) is { } found && $"{found.AccessKeyId}{found.SessionToken}".Any(c => c is < '!' or > '~'))
        {
            Add(provider.Aws is null ? at : sources.Of(provider, "aws"),
                $"The access key or session token of 'providers.{name}' has characters that a header cannot carry.",
                "Check for spaces and line breaks.");
        }

        if (provider.Aws is { } aws && aws.AccessKeyId is null != aws.SecretAccessKey is null)
        {
            Add(sources.Of(provider, "aws"), $"'providers.{name}.aws' needs both 'access_key_id' and 'secret_access_key', or neither.",
                null);
        }
    }

    private void CheckGoogle(Place at, string name, ProviderOptions provider)
    {
        if (provider.BaseUrl is not { AbsolutePath.Length: > 1 } && compiler.Google.ProjectOf(provider) is null)
        {
            Add(at, $"'providers.{name}' needs a project.", "For example 'google: { project: my-project, location: europe-west4 }'.");
        }
    }

    private void CheckKeys(string name, ProviderOptions provider)
    {
        var keys = provider.ApiKeys;
        if (keys.Count > 0 && provider.ApiKey is not null)
        {
            Add(sources.Of(provider, "api_keys"), $"'providers.{name}' has both 'api_key' and 'api_keys'.", "Move the one into the list.");
        }

        for (var i = 0; i < keys.Count; i++)
        {
            var at = sources.Of(keys, i.ToString(CultureInfo.InvariantCulture));
            if (keys[i].Length == 0 || keys[i].Any(c => c is < '!' or > '~'))
            {
                Add(at, $"'providers.{name}.api_keys[{i}]' is empty or has characters that a header cannot carry.",
                    "Check for spaces and line breaks.");
            }
            else if (keys.IndexOf(keys[i]) < i)
            {
                Add(at, $"'providers.{name}.api_keys[{i}]' is there already.", "Remove it.");
            }
        }
    }

    private void CheckHeader(Dictionary<string, string> headers, string path, string header, string value)
    {
        if (header.Length is 0 or > 256 || !header.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_' or '.'))
        {
            Add(sources.Of(headers, header), $"A header's name in '{path}' has letters, digits and '-'.", null);
        }
        else if (header.ToLowerInvariant() is "host" or "content-length" or "transfer-encoding" or "connection" or "content-type")
        {
            Add(sources.Of(headers, header), $"'{path}.{header}' is set by Gatehouse itself.", "Remove it.");
        }
        else if (value.Any(c => c is < ' ' or > '~'))
        {
            Add(sources.Of(headers, header), $"'{path}.{header}' has characters that a header cannot carry.",
                "Use ASCII without line breaks.");
        }
    }

    private void CheckKindOnly(string name, ProviderOptions provider, ProviderPreset preset)
    {
        if (provider.Simulator is not null && preset.Kind != ProviderPresets.Simulator)
        {
            Add(sources.Of(provider, "simulator"), $"'providers.{name}.simulator' is for kind 'simulator' only.", "Remove it.");
        }

        foreach (var (key, set, kind) in new[] { ("aws", provider.Aws is not null, ProviderPresets.Bedrock),
            ("google", provider.Google is not null, ProviderPresets.Vertex) })
        {
            if (set && preset.Kind != kind && !(kind == ProviderPresets.Vertex && preset.IsAtGoogle))
            {
                Add(sources.Of(provider, key), $"'providers.{name}.{key}' is for kind '{kind}' only.", "Remove it.");
            }
        }

        foreach (var (key, value) in new[] { ("deployment", provider.Deployment), ("api_version", provider.ApiVersion) })
        {
            if (value is not null && preset.Kind != ProviderPresets.Azure)
            {
                Add(sources.Of(provider, key), $"'providers.{name}.{key}' is for kind 'azure' only.", "Remove it.");
            }
        }
    }

    private void CheckHealth(string name, ProviderOptions provider, ProviderPreset preset, HealthOptions health)
    {
        if (health.Path is { } path && (!path.StartsWith('/') || path.AsSpan().ContainsAnyExceptInRange('!', '~')))
        {
            Add(sources.Of(health, "path"), $"'providers.{name}.health.path' begins with '/' and has no spaces.", null);
        }

        if (health is { Path: not null, Models.Count: > 0 })
        {
            Add(sources.Of(health, "models"), $"'providers.{name}.health' names both 'path' and 'models'.", "Keep one.");
        }

        if (health is { Path: null, Models.Count: 0 } && ProviderCompiler.HealthPathOf(preset) is null)
        {
            Add(sources.Of(provider, "health"),
                $"'providers.{name}.health' needs 'models': a provider of kind '{preset.Kind}' has no list of models at its address.",
                "For example 'models: [ NAME ]'; each check calls the model for one token.");
        }
    }

    private void CheckRoute(GatehouseOptions options, string name, RouteOptions route)
    {
        var at = sources.Of(options.Routes, name);
        var star = name.IndexOf('*', StringComparison.Ordinal);
        if (name.Length is 0 or > RouteTable.MaxNameChars || name.Any(c => c <= ' ' || char.IsControl(c)))
        {
            Add(at, $"The name of a route has 1 to {RouteTable.MaxNameChars} characters without spaces.", null);
        }
        else if (star >= 0 && star < name.Length - 1)
        {
            Add(at, $"The route '{name}' has a '*' before its end.", "'*' stands only at the end, for every model whose name begins so.");
        }

        if (route.Targets.Count > 0 && route.Targets.All(t => t.Weight == 0))
        {
            Add(sources.Of(route, "targets"), $"The weights of '{name}' add up to 0.", "Give at least one target a weight above 0.");
        }

        if (route.Targets.Count > Route.MaxTargets)
        {
            Add(sources.Of(route, "targets"), $"'{name}' has more than {Route.MaxTargets} targets.", "Split the route.");
        }

        if (route.Targets.Sum(t => t.Canary) > 1)
        {
            Add(sources.Of(route, "targets"), $"The canary shares of '{name}' add up to more than 1.", "0.05 is one user in twenty.");
        }

        if (route.Hedge is { } hedge && !RouteCompiler.TryReadAfter(hedge.After, out _, out _))
        {
            Add(sources.Of(hedge, "after"), $"'routes.{name}.hedge.after' must be a duration, or a percentile from 'p50' to 'p99'.",
                "For example 'after: p95' or 'after: 800ms'.");
        }

        CheckTimeouts(name, route.Timeouts);
        if (route.Hedge is not null && route.Targets.Count < 2)
        {
            Add(sources.Of(route, "hedge"), $"'routes.{name}.hedge' needs a second target to ask.", "Add a target, or remove 'hedge'.");
        }

        if (route.Confidence.Judge is { } judge && (judge == name || !options.Routes.ContainsKey(judge)))
        {
            var others = options.Routes.Keys.Where(r => r != name).ToList();
            var nearest = Nearest.To(judge, others);
            Add(sources.Of(route.Confidence, "judge"), $"'routes.{name}.confidence.judge' must name another route.",
                nearest is null ? null : $"Did you mean '{nearest}'?");
        }

        if (route.Mirror is { } mirror)
        {
            CheckProvider(options, name, mirror, mirror.Provider);
        }

        if (route.Cache is { } cache)
        {
            new CacheChecks(sources, Add).Check(options, name, cache);
        }

        foreach (var cause in route.FallbackOn.Where(c => !RouteCompiler.Causes.ContainsKey(c)))
        {
            var known = RouteCompiler.Causes.Keys.ToList();
            var nearest = Nearest.To(cause, known);
            Add(sources.Of(route, "fallback_on"), $"'routes.{name}.fallback_on' names something unknown.",
                nearest is null ? $"Allowed: {string.Join(", ", known)}." : $"Did you mean '{nearest}'?");
        }

        foreach (var target in route.Targets)
        {
            CheckTarget(options, name, target);
            CheckConditions(name, target);
        }

        foreach (var twin in route.Targets.Where(t => t.Provider.Length > 0).GroupBy(t => (t.Provider, t.Model)).SelectMany(g => g.Skip(1)))
        {
            Add(sources.Of(twin), $"'{name}' has the target '{twin.Provider}' with this model twice.",
                "Keep one, with the weight of both.");
        }
    }

    /// <summary>Of two that are both written: alone, either is what it says.</summary>
    private void CheckTimeouts(string route, TimeoutOptions timeouts)
    {
        foreach (var (key, whole) in new[] { ("total", timeouts.Total), ("stream", timeouts.Stream) })
        {
            if (whole < timeouts.FirstByte && sources.IsSet(timeouts, key) && sources.IsSet(timeouts, "first_byte"))
            {
                Add(sources.Of(timeouts, key),
                    $"'routes.{route}.timeouts.{key}' is shorter than 'first_byte', which is never reached.",
                    $"Raise '{key}', or lower 'first_byte'.");
            }
        }
    }

    private void CheckProvider(GatehouseOptions options, string route, object target, string provider)
    {
        var known = options.Providers.Keys.Append(ProviderPresets.Simulator).ToList();
        if (provider.Length > 0 && !known.Contains(provider))
        {
            var raw = sources.Raw(target, "provider") ?? "";
            var shown = References.IsIn(raw) ? "this provider" : $"the provider '{provider}'";
            var nearest = Nearest.To(provider, known);
            Add(sources.Of(target, "provider"), $"'routes.{route}' sends calls to {shown}, which is not in 'providers'.",
                nearest is null ? $"There are: {string.Join(", ", known)}." : $"Did you mean '{nearest}'?");
        }
    }

    private void CheckTarget(GatehouseOptions options, string route, TargetOptions target)
    {
        CheckProvider(options, route, target, target.Provider);

        if (target.Model.Length is 0 or > RouteTable.MaxNameChars)
        {
            Add(sources.Of(target, "model"), $"A model's name has 1 to {RouteTable.MaxNameChars} characters.",
                "Leave 'model' out to pass on the name that the client asked for.");
        }
    }

    private void CheckConditions(string route, TargetOptions target)
    {
        for (var i = 0; i < target.Lacks.Count; i++)
        {
            var name = target.Lacks[i];
            if (!RouteCompiler.Features.ContainsKey(name))
            {
                var known = RouteCompiler.Features.Keys.ToList();
                var nearest = Nearest.To(name, known);
                Add(sources.Of(target.Lacks, i.ToString(CultureInfo.InvariantCulture)),
                    $"A target of 'routes.{route}' lacks something unknown.",
                    nearest is null ? $"Allowed: {string.Join(", ", known)}." : $"Did you mean '{nearest}'?");
            }
        }

        if (target.When.MinRequest is { } min && target.When.MaxRequest is { } max && min.Bytes > max.Bytes)
        {
            Add(sources.Of(target.When, "min_request"), "'min_request' is larger than 'max_request'.", null);
        }
    }

    private void Add(Place place, string message, string? suggestion) =>
        errors.Add(new(file, place.Line, place.Column, message, suggestion));
}

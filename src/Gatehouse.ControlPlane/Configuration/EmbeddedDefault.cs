namespace Gatehouse.Configuration;

/// <summary>
/// The configuration when there is no file: a provider for each credential in the environment, a local Ollama, and the simulator.
/// </summary>
internal static class EmbeddedDefault
{
    private const int MaxOllamaModels = 100;
    private const string OllamaTag = ":latest";

    /// <param name="ollamaModels">Names as Ollama lists them; <see langword="null"/> when none answers.</param>
    public static GatehouseOptions Make(ProviderCompiler compiler, IReadOnlyList<string>? ollamaModels)
    {
        var options = new GatehouseOptions();
        foreach (var preset in ProviderPresets.All)
        {
            if (preset.NeedsKey && preset.BaseUrl is not null && compiler.KeyOf(preset) is not null)
            {
                options.Providers.Add(preset.Kind, new() { Kind = preset.Kind });
                foreach (var prefix in preset.Prefixes)
                {
                    AddRoute(options, prefix, preset.Kind);
                }
            }
        }

        if (ollamaModels is not null)
        {
            options.Providers.Add(ProviderPresets.Ollama, new() { Kind = ProviderPresets.Ollama });
            foreach (var model in ollamaModels.Take(MaxOllamaModels))
            {
                var name = model.EndsWith(OllamaTag, StringComparison.Ordinal) ? model[..^OllamaTag.Length] : model;
                AddRoute(options, name, ProviderPresets.Ollama);
                AddRoute(options, model, ProviderPresets.Ollama);
            }
        }

        options.Providers.Add(ProviderPresets.Simulator, new() { Kind = ProviderPresets.Simulator });
        AddRoute(options, ProviderPresets.Simulator, ProviderPresets.Simulator);
        return options;
    }

    /// <summary>The first provider that serves a name keeps it.</summary>
    private static void AddRoute(GatehouseOptions options, string name, string provider) =>
        options.Routes.TryAdd(name, new() { Targets = [new() { Provider = provider }] });
}

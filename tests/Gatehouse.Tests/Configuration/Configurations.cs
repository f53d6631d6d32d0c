using Gatehouse.Configuration;
using Gatehouse.Gateway.Providers;
using Gatehouse.Tests.House;

namespace Gatehouse.Tests.Configuration;

/// <summary>A configuration with its edges faked: environment, providers, Ollama and clock.</summary>
internal sealed class Configurations : IDisposable
{
    public Configurations()
    {
        Folder = Directory.CreateTempSubdirectory("gatehouse-config-").FullName;
        Path = System.IO.Path.Combine(Folder, "gatehouse.yaml");
    }

    public string Folder { get; }

    public string Path { get; }

    public Dictionary<string, string> Variables { get; } = [];

    public IReadOnlyList<string>? OllamaModels { get; set; }

    public int OllamaProbes { get; private set; }

    public static string SampleText => File.ReadAllText(System.IO.Path.Combine(Repository.Root, "samples", "gatehouse.yaml"));

    public ConfigurationLoader Loader(bool required = false) => new(new(Path, required), new()
    {
        CreateProvider = settings => new Provider(settings, new NoUpstream(), TimeProvider.System),
        FindOllamaModels = _ =>
        {
            OllamaProbes++;
            return Task.FromResult(OllamaModels);
        },
        Variable = Variables.GetValueOrDefault,
    });

    /// <summary>Writes the text as the configuration file and loads it.</summary>
    public Task<ConfigurationOutcome> LoadAsync(string text)
    {
        File.WriteAllText(Path, text);
        return Loader().LoadAsync(null, TestContext.Current.CancellationToken);
    }

    public async Task<LoadedConfiguration> LoadGoodAsync(string text)
    {
        var outcome = await LoadAsync(text);
        Assert.Empty(outcome.Errors);
        return outcome.Loaded!;
    }

    public IReadOnlyList<ConfigurationError> Check(string text) => Loader().Check(text, null, out _);

    public Configurations WithSampleVariables()
    {
        Variables["OPENAI_API_KEY"] = "sk-openai-of-the-tests";
        Variables["ANTHROPIC_API_KEY"] = "sk-ant-of-the-tests";
        Variables["AZURE_OPENAI_API_KEY"] = "azure-of-the-tests";
        return this;
    }

    public void Dispose() => Directory.Delete(Folder, recursive: true);

    private sealed class NoUpstream : IUpstream
    {
        public ValueTask<UpstreamAnswer> SendAsync(UpstreamRequest request, CancellationToken ct) =>
            throw new InvalidOperationException("No call is made in these tests.");
    }
}

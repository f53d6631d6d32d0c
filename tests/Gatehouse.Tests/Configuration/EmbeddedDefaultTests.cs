namespace Gatehouse.Tests.Configuration;

public sealed class EmbeddedDefaultTests
{
    [Fact]
    public async Task Without_file_key_or_Ollama_the_simulator_answers()
    {
        using var configurations = new Configurations();

        var outcome = await configurations.Loader().LoadAsync(null, TestContext.Current.CancellationToken);

        var loaded = outcome.Loaded!;
        Assert.Null(loaded.SourcePath);
        Assert.Equal("simulator", loaded.Compiled.DefaultModel);
        Assert.Equal(["simulator"], loaded.Compiled.Routes.Routes.Select(r => r.Name));
        Assert.Equal(Path.Combine(configurations.Folder, "data", "gatehouse.db"), loaded.SqlitePath);
    }

    [Fact]
    public async Task A_credential_in_the_environment_turns_its_provider_on()
    {
        using var configurations = new Configurations();
        configurations.Variables["ANTHROPIC_API_KEY"] = "sk-ant-1";

        var outcome = await configurations.Loader().LoadAsync(null, TestContext.Current.CancellationToken);

        var compiled = outcome.Loaded!.Compiled;
        Assert.Equal("claude-haiku-4-5", compiled.DefaultModel);
        Assert.True(compiled.Routes.TryFind("claude-opus-4-5", out var route));
        Assert.Equal("sk-ant-1", route.Targets[0].Provider.Settings.ApiKey);
        Assert.Equal("x-api-key", route.Targets[0].Provider.Settings.ApiKeyHeader);
        Assert.Equal("*", route.Targets[0].Model);
    }

    [Fact]
    public async Task A_key_of_Gatehouse_itself_in_the_environment_is_no_credential_of_a_provider()
    {
        using var configurations = new Configurations();
        configurations.Variables["OPENAI_API_KEY"] = "gh_dev_0123456789abcdefghijklmnopqrstuv";

        var outcome = await configurations.Loader().LoadAsync(null, TestContext.Current.CancellationToken);

        Assert.Equal("simulator", outcome.Loaded!.Compiled.DefaultModel);
    }

    [Fact]
    public async Task The_models_of_an_Ollama_are_routes_and_it_is_asked_once()
    {
        using var configurations = new Configurations { OllamaModels = ["llama3.2:latest", "qwen3:8b"] };
        var loader = configurations.Loader();

        var first = await loader.LoadAsync(null, TestContext.Current.CancellationToken);
        await loader.LoadAsync(first.Loaded, TestContext.Current.CancellationToken);

        Assert.Equal(["llama3.2", "llama3.2:latest", "qwen3:8b", "simulator"], first.Loaded!.Compiled.Routes.Routes.Select(r => r.Name));
        Assert.Equal("llama3.2", first.Loaded.Compiled.DefaultModel);
        Assert.Equal(1, configurations.OllamaProbes);
    }

    [Fact]
    public async Task A_file_that_was_asked_for_by_name_must_exist()
    {
        using var configurations = new Configurations();

        var outcome = await configurations.Loader(required: true).LoadAsync(null, TestContext.Current.CancellationToken);

        Assert.Null(outcome.Loaded);
        Assert.Contains("does not exist", Assert.Single(outcome.Errors).Message, StringComparison.Ordinal);
    }
}

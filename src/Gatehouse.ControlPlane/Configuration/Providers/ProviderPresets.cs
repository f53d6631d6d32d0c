using System.Collections.Frozen;
using Gatehouse.Gateway.Providers;

namespace Gatehouse.Configuration;

/// <summary>What is known of a kind of provider, so that a configuration need not say it.</summary>
/// <param name="BaseUrl"><see langword="null"/> when each installation has its own.</param>
/// <param name="KeyVariables">Environment variables that hold the credential by custom, the first that is set wins; empty when none
/// does.</param>
/// <param name="NeedsKey">Whether the provider refuses every call without a credential.</param>
/// <param name="SmallModel">A cheap model for a first call; <see langword="null"/> when it depends on the installation.</param>
/// <param name="Prefixes">Routes that the embedded default makes for it.</param>
internal sealed record ProviderPreset(
    string Kind,
    string Title,
    WireFormat Wire,
    string? BaseUrl,
    IReadOnlyList<string> KeyVariables,
    bool NeedsKey,
    string? SmallModel,
    IReadOnlyList<string> Prefixes,
    string Notes = "")
{
    public string ApiKeyHeader { get; init; } = "Authorization";

    /// <summary>Whether it runs on machines of one's own, whose names lead to private addresses.</summary>
    public bool SelfHosted { get; init; }

    public bool StreamUsage { get; init; } = true;

    public string MaxTokensField { get; init; } = "max_tokens";

    /// <summary>Whether its requests go to Google Cloud, signed by a service account.</summary>
    public bool IsAtGoogle => Kind is ProviderPresets.Vertex or ProviderPresets.VertexClaude;

    /// <summary>Whether it also serves <c>/responses</c>.</summary>
    public bool Responses { get; init; }

    /// <summary>Whether it also serves <c>/completions</c>.</summary>
    public bool Completions { get; init; }
}

/// <summary>The kinds of providers; docs/reference/providers.md is generated from this table.</summary>
internal static class ProviderPresets
{
    public const string Simulator = "simulator";
    public const string Azure = "azure";
    public const string Ollama = "ollama";
    public const string Bedrock = "bedrock";
    public const string Vertex = "vertex";
    public const string VertexClaude = "vertex-anthropic";

    public static readonly IReadOnlyList<ProviderPreset> All =
    [
        new("openai", "OpenAI", WireFormat.OpenAi, "https://api.openai.com/v1", ["OPENAI_API_KEY"], true, "gpt-4.1-mini",
            ["gpt-*", "o1*", "o3*", "o4*", "chatgpt-*"]) { MaxTokensField = "max_completion_tokens", Responses = true, Completions = true },
        new("anthropic", "Anthropic", WireFormat.Anthropic, "https://api.anthropic.com/v1", ["ANTHROPIC_API_KEY"], true, "claude-haiku-4-5",
            ["claude-*"]) { ApiKeyHeader = "x-api-key" },
        new("gemini", "Google Gemini", WireFormat.Gemini, "https://generativelanguage.googleapis.com/v1beta",
            ["GEMINI_API_KEY", "GOOGLE_API_KEY"], true, "gemini-2.5-flash", ["gemini-*"],
            "Google's own format. Its OpenAI-compatible endpoint is an `openai-compatible` provider whose `base_url` ends in `/v1beta/openai`.")
        { ApiKeyHeader = "x-goog-api-key", MaxTokensField = "maxOutputTokens" },
        new(Azure, "Azure OpenAI", WireFormat.OpenAi, null, ["AZURE_OPENAI_API_KEY"], true, null, [],
            "`base_url` is the resource, `https://NAME.openai.azure.com`: `/openai/v1` is appended, or "
            + "`/openai/deployments/NAME` and `api-version` when `deployment` is set, or each model's name as its deployment when only a dated "
            + "`api_version` is. A `base_url` with a path is taken as it is.")
        { ApiKeyHeader = "api-key", MaxTokensField = "max_completion_tokens", Responses = true, Completions = true },
        new(Bedrock, "Amazon Bedrock", WireFormat.Bedrock, null, ["AWS_BEARER_TOKEN_BEDROCK", "AWS_ACCESS_KEY_ID"], true,
            "amazon.nova-micro-v1:0", [],
            "The Converse API. `aws.region` makes the address, `https://bedrock-runtime.REGION.amazonaws.com`. Requests are signed with the access key of `aws`, "
            + "of the environment or of a shared credentials file, session token included, unless there is a Bedrock API key (`api_key`). Model ids, inference "
            + "profiles and ARNs are models. Neither the metadata address of EC2 nor that of ECS is asked for credentials.")
        { MaxTokensField = "maxTokens" },
        new(Vertex, "Google Vertex AI", WireFormat.Gemini, null, ["GOOGLE_APPLICATION_CREDENTIALS"], true, "gemini-2.5-flash", [],
            "Gemini through Google Cloud. `google` holds project, location and service account; its access tokens are fetched and renewed. "
            + "A `base_url` without a path replaces the host only.")
        { MaxTokensField = "maxOutputTokens" },
        new(VertexClaude, "Claude on Google Vertex AI", WireFormat.Anthropic, null, ["GOOGLE_APPLICATION_CREDENTIALS"], true,
            "claude-haiku-4-5@20251001", [],
            "Anthropic's models through Google Cloud, in Anthropic's format: `rawPredict`, `streamRawPredict`, and counts of tokens. `google` as for `vertex`. "
            + "Models are named as Google does, `claude-sonnet-4-5@20250929`."),
        new("cohere", "Cohere", WireFormat.Cohere, "https://api.cohere.com/v2", ["COHERE_API_KEY", "CO_API_KEY"], true,
            "command-r7b-12-2024", ["command-*"],
            "Cohere's own chat, version 2; `rerank` and embeddings as well (`input_type` of an embeddings request is passed on, else it is `search_document`)."),
        new("mistral", "Mistral", WireFormat.OpenAi, "https://api.mistral.ai/v1", ["MISTRAL_API_KEY"], true, "mistral-small-latest",
            ["mistral-*", "ministral-*", "magistral-*", "codestral-*", "devstral-*"],
            "Streams report usage unasked. Ids of tool calls become the nine characters that it asks for; `seed` becomes `random_seed`.") { StreamUsage = false },
        new("deepseek", "DeepSeek", WireFormat.OpenAi, "https://api.deepseek.com/v1", ["DEEPSEEK_API_KEY"], true, "deepseek-chat",
            ["deepseek-*"],
            "It enforces no JSON schema: in a translated request one becomes a tool that the model must call."),
        new("groq", "Groq", WireFormat.OpenAi, "https://api.groq.com/openai/v1", ["GROQ_API_KEY"], true, "llama-3.1-8b-instant",
            ["llama-*", "openai/gpt-oss*"]) { MaxTokensField = "max_completion_tokens", Responses = true },
        new("xai", "xAI", WireFormat.OpenAi, "https://api.x.ai/v1", ["XAI_API_KEY"], true, "grok-3-mini", ["grok-*"]) { Responses = true },
        new("openrouter", "OpenRouter", WireFormat.OpenAi, "https://openrouter.ai/api/v1", ["OPENROUTER_API_KEY"], true,
            "openai/gpt-4.1-mini",
            ["openai/*", "anthropic/*", "google/*", "meta-llama/*", "mistralai/*", "deepseek/*", "qwen/*", "x-ai/*"]) { Completions =
                true },
        new("together", "Together AI", WireFormat.OpenAi, "https://api.together.xyz/v1", ["TOGETHER_API_KEY"], true,
            "meta-llama/Llama-3.3-70B-Instruct-Turbo", ["meta-llama/*", "deepseek-ai/*", "Qwen/*"]) { Completions = true },
        new("fireworks", "Fireworks AI", WireFormat.OpenAi, "https://api.fireworks.ai/inference/v1", ["FIREWORKS_API_KEY"], true,
            "accounts/fireworks/models/llama-v3p3-70b-instruct", ["accounts/fireworks/*"]) { Completions = true },
        new(Ollama, "Ollama", WireFormat.OpenAi, "http://127.0.0.1:11434/v1", [], false, null, [],
            "It heeds no `tool_choice`: in a translated request that is reported.") { Completions = true, SelfHosted = true },
        new("vllm", "vLLM", WireFormat.OpenAi, "http://127.0.0.1:8000/v1", ["VLLM_API_KEY"], false, null, []) { Completions = true,
            SelfHosted = true },
        new("lmstudio", "LM Studio", WireFormat.OpenAi, "http://127.0.0.1:1234/v1", [], false, null, []) { Completions = true,
            SelfHosted = true },
        new("openai-compatible", "Any OpenAI-compatible server", WireFormat.OpenAi, null, [], false, null, [],
            "`base_url` ends before `/chat/completions`."),
        new(Simulator, "The simulator, in process", WireFormat.OpenAi, "http://simulator.invalid/v1", [], false, "simulator", ["simulator"],
            "No model: deterministic answers and faults on purpose. Always there, as provider and route `simulator`."),
    ];

    private static readonly FrozenDictionary<string, ProviderPreset> ByKind = All.ToFrozenDictionary(p => p.Kind, StringComparer.Ordinal);

    public static readonly IReadOnlyList<string> Kinds = [.. All.Select(p => p.Kind)];

    public static ProviderPreset? Find(string kind) => ByKind.GetValueOrDefault(kind);
}

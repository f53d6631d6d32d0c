using System.Text.Json;
using System.Text.RegularExpressions;
using Gatehouse.Contracts;

namespace Gatehouse.Configuration;

/// <summary>Reads the public LiteLLM-shaped price file. A model without both prices stays unknown; nothing is guessed.</summary>
internal static partial class PriceFile
{
    public const int MaxFileBytes = 32 << 20;

    /// <summary>A price above this is a mistake of units: no model costs a cent a token.</summary>
    private const decimal MaxUsdPerToken = 0.01m;

    /// <summary>That file's names of providers, where they differ from our kinds.</summary>
    private const string Vertex = "vertex_ai"; // its models' owners have names of their own

    private static readonly Dictionary<string, string> Kinds = new(StringComparer.Ordinal)
    {
        ["together_ai"] = "together",
        ["fireworks_ai"] = "fireworks",
        ["lm_studio"] = "lmstudio",
        ["hosted_vllm"] = "vllm",
        ["text-completion-openai"] = "openai",
        ["vertex_ai-language-models"] = "vertex",
        ["vertex_ai-anthropic_models"] = "vertex-anthropic",
    };

    /// <returns>Prices by <c>kind/model</c>.</returns>
    /// <exception cref="FormatException">The file is not of that shape, or a price in it cannot be true. The message holds no more than a
    /// model's name.</exception>
    public static Dictionary<string, Price> Read(ReadOnlyMemory<byte> json)
    {
        try
        {
            using var document = JsonDocument.Parse(json, new() { MaxDepth = 32 });
            if (document.RootElement.ValueKind != JsonValueKind.Object)
            {
                throw new FormatException("the file is not a JSON object of models");
            }

            var prices = new Dictionary<string, Price>(StringComparer.Ordinal);
            foreach (var model in document.RootElement.EnumerateObject())
            {
                if (model.Name != "sample_spec" && model.Value.ValueKind == JsonValueKind.Object)
                {
                    Read(model.Name, model.Value, prices);
                }
            }

            return prices.Count > 0 ? prices : throw new FormatException("the file has no model with a price per token");
        }
        catch (JsonException e)
        {
            throw new FormatException($"the file is not JSON (line {e.LineNumber + 1})", e);
        }
    }

    private static void Read(string name, JsonElement model, Dictionary<string, Price> prices)
    {
        var mode = model.TryGetProperty("mode", out var m) && m.ValueKind == JsonValueKind.String ? m.GetString() : "chat";
        if (mode is not ("chat" or "completion" or "responses" or "embedding" or "rerank")
            || ReadPrice(name, model, "", null) is not { } price)
        {
            return;
        }

        var tiers = new List<PriceTier>();
        foreach (var property in model.EnumerateObject())
        {
            if (InputTier().Match(property.Name) is { Success: true } tier
                && ReadPrice(name, model, tier.Groups[1].Value, price) is { } tierPrice)
            {
                tiers.Add(new(1_000L * int.Parse(tier.Groups[2].ValueSpan, null), tierPrice));
            }
        }

        price = price with
        {
            Tiers = [.. tiers.OrderByDescending(t => t.AboveInputTokens)],
            ServiceTiers = ReadServices(name, model, price),
            MaxInputTokens = ReadTokens(model, "max_input_tokens"),
            MaxOutputTokens = ReadTokens(model, "max_output_tokens"),
        };
        var provider = model.TryGetProperty("litellm_provider", out var p) && p.ValueKind == JsonValueKind.String ? p.GetString()! : "";
        Add(name, provider, price, prices);
        if (model.TryGetProperty("aliases", out var aliases) && aliases.ValueKind == JsonValueKind.Array)
        {
            foreach (var alias in aliases.EnumerateArray())
            {
                if (alias.ValueKind == JsonValueKind.String)
                {
                    Add(alias.GetString()!, provider, price, prices);
                }
            }
        }
    }

    /// <summary>A price belongs to a kind of provider: the same model costs something else elsewhere.</summary>
    private static void Add(string name, string provider, Price price, Dictionary<string, Price> prices)
    {
        var kind = Kinds.GetValueOrDefault(provider, provider);
        var prefix = (provider.StartsWith(Vertex, StringComparison.Ordinal) ? Vertex : provider) + "/";
        var model = provider.Length > 0 && name.StartsWith(prefix, StringComparison.Ordinal) ? name[prefix.Length..] : name;
        prices.TryAdd(kind.Length > 0 ? $"{kind}/{model}" : model, price);
    }

    /// <summary>Prices of other tiers of service, by the word that the provider's answers have for them.</summary>
    private static Dictionary<string, Price>? ReadServices(string name, JsonElement model, Price price)
    {
        Dictionary<string, Price>? services = null;
        foreach (var (suffix, word) in ((string, string)[])[("_flex", "flex"), ("_priority", "priority"), ("_batches", "batch")])
        {
            if (model.TryGetProperty("input_cost_per_token" + suffix, out _) && ReadPrice(name, model, suffix, price) is { } service)
            {
                (services ??= new(StringComparer.Ordinal))[word] = service;
            }
        }

        return services;
    }

    private static long? ReadTokens(JsonElement model, string field) =>
        model.TryGetProperty(field, out var value) && value.ValueKind == JsonValueKind.Number && value.TryGetInt64(out var tokens)
            && tokens > 0 ? tokens : null;

    /// <param name="tier">Suffix of the field names, or empty.</param>
    /// <param name="of">The model's base price, for what the tier does not say.</param>
    private static Price? ReadPrice(string name, JsonElement model, string tier, Price? of)
    {
        var input = Read(name, model, "input_cost_per_token" + tier) ?? of?.Input;
        var output = Read(name, model, "output_cost_per_token" + tier) ?? of?.Output ?? (HasNoOutput(model) ? 0 : null);
        return input is null || output is null
            ? null
            : new Price(
                input.Value,
                output.Value,
                Read(name, model, "cache_read_input_token_cost" + tier) ?? of?.CacheRead,
                Read(name, model, "cache_creation_input_token_cost" + tier) ?? of?.CacheWrite,
                Read(name, model, "cache_creation_input_token_cost_above_1hr" + tier) ?? of?.CacheWriteLong,
                Read(name, model, "output_cost_per_reasoning_token" + tier) ?? of?.Reasoning,
                Read(name, model, "input_cost_per_audio_token" + tier) ?? of?.AudioInput,
                Read(name, model, "input_cost_per_image_token" + tier) ?? of?.ImageInput,
                Read(name, model, "output_cost_per_audio_token" + tier) ?? of?.AudioOutput);
    }

    private static bool HasNoOutput(JsonElement model) =>
        model.TryGetProperty("mode", out var mode) && mode.ValueKind == JsonValueKind.String
            && (mode.ValueEquals("embedding") || mode.ValueEquals("rerank"));

    private static decimal? Read(string name, JsonElement model, string field)
    {
        if (!model.TryGetProperty(field, out var value) || value.ValueKind == JsonValueKind.Null)
        {
            return null;
        }

        if (value.ValueKind != JsonValueKind.Number || !value.TryGetDecimal(out var usd))
        {
            throw new FormatException($"'{field}' of '{name}' is not a number");
        }

        return usd is >= 0 and <= MaxUsdPerToken
            ? usd
            : throw new FormatException($"'{field}' of '{name}' must be from 0 to {MaxUsdPerToken} USD a token");
    }

    [GeneratedRegex("^input_cost_per_token(_above_([0-9]{1,5})k_tokens)$", RegexOptions.CultureInvariant)]
    private static partial Regex InputTier();
}

namespace Gatehouse.Gateway.Providers.Gemini;

/// <summary>What a model can do, as far as its name says.</summary>
/// <param name="Version">205 for 2.5; <see langword="null"/> when the name has none: then only what all current models take is
/// sent.</param>
internal readonly record struct GeminiModel(bool IsGemini, int? Version, bool IsPro, bool IsLite)
{
    /// <summary>Reads the version out of <c>gemini-2.5-pro</c>, <c>models/gemini-3-flash-preview</c>, <c>gemini-3.1-pro</c>.</summary>
    public static GeminiModel From(string model)
    {
        const string Family = "gemini-";
        var start = model.IndexOf(Family, StringComparison.OrdinalIgnoreCase);
        if (start < 0)
        {
            return default;
        }

        int? version = null;
        foreach (var part in model[(start + Family.Length)..].Split('-'))
        {
            var dot = part.IndexOf('.', StringComparison.Ordinal);
            if (int.TryParse(dot < 0 ? part : part[..dot], out var major) && major is > 0 and < 100)
            {
                version = (major * 100) + (dot > 0 && int.TryParse(part[(dot + 1)..], out var minor) ? Math.Clamp(minor, 0, 99) : 0);
                break;
            }
        }

        return new GeminiModel(
            true,
            version,
            model.Contains("-pro", StringComparison.OrdinalIgnoreCase),
            model.Contains("-lite", StringComparison.OrdinalIgnoreCase));
    }

    public bool Thinks => IsGemini && Version is null or >= 205;

    /// <summary>Takes a level of thinking; older ones take a budget of tokens.</summary>
    public bool ThinksInLevels => Version >= 300;

    /// <summary>Refuses a tool call of its own that comes back without its signature.</summary>
    public bool ChecksSignatures => Version >= 300;

    /// <summary>Takes a schema for the answer along with tools.</summary>
    public bool TakesSchemaWithTools => Version >= 300;

    /// <summary>The least thinking that can be asked for, in tokens; only smaller models can be kept from it.</summary>
    public long LeastBudget => IsPro ? 128 : 0;

    public long MostBudget => IsPro ? 32768 : 24576;
}

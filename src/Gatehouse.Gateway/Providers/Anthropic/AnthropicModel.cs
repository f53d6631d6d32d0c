namespace Gatehouse.Gateway.Providers.Anthropic;

/// <summary>
/// What a model can do, as far as its name says. A name of the family without a version counts as the newest; another maker's model
/// takes everything that some model of the format takes.
/// </summary>
internal readonly record struct AnthropicModel(int? Version)
{
    private const int Newest = 999;

    /// <summary>
    /// Reads the version out of <c>claude-opus-4-6</c>, <c>claude-3-7-sonnet-20250219</c>, <c>anthropic/claude-sonnet-4.5</c>.
    /// </summary>
    public static AnthropicModel From(string model)
    {
        const string Family = "claude-";
        var start = model.IndexOf(Family, StringComparison.OrdinalIgnoreCase);
        if (start < 0)
        {
            return default;
        }

        int? major = null;
        var rest = model.AsSpan(start + Family.Length);
        foreach (var range in rest.SplitAny('-', '.', '@', ':'))
        {
            var segment = rest[range];
            var isNumber = segment.Length is 1 or 2 && int.TryParse(segment, out _);
            if (major is { } m)
            {
                return new AnthropicModel((m * 100) + (isNumber ? int.Parse(segment) : 0));
            }

            major = isNumber ? int.Parse(segment) : null;
        }

        return new AnthropicModel(major * 100 ?? Newest);
    }

    public bool Thinks => Version is null or >= 307;

    /// <summary>Takes an effort and decides on its thinking; older ones take a budget.</summary>
    public bool ThinksAdaptively => Version is null or >= 406;

    public bool TakesHighestEfforts => Version is null or >= 407;

    /// <summary>Takes <c>temperature</c>, <c>top_p</c> and <c>top_k</c>; newer ones refuse all but the defaults.</summary>
    public bool TakesSampling => Version is null or < 407;

    /// <summary>Takes <c>thinking: disabled</c>; those after it do not think unless asked, or cannot be kept from it.</summary>
    public bool TakesDisabledThinking => Version is null or (>= 307 and < 407);

    public bool MayThinkUnasked => Version >= 500;

    /// <summary>Enforces a JSON Schema, for answers and for tools.</summary>
    public bool EnforcesSchemas => Version is null or >= 405 or 401;

    /// <summary>Refuses a request with both <c>temperature</c> and <c>top_p</c>.</summary>
    public bool TakesOneOfTemperatureAndTopP => Version >= 401;

    /// <summary>The limit on output when the caller names none and the format requires one.</summary>
    public long DefaultMaxTokens => Version switch
    {
        >= 400 => 16384,
        >= 305 => 8192,
        _ => 4096,
    };
}

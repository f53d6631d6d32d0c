using System.Text.Json;

namespace Gatehouse.EndToEnd.Tests.Sdk;

/// <summary>An official SDK asked to do the scenarios of <c>clients/scenarios.mjs</c>, with the same report of each.</summary>
internal interface ISdkClient
{
    /// <summary>Whose format the SDK speaks.</summary>
    SdkFormat Format { get; }

    /// <param name="player">Is told when text before a fault has arrived.</param>
    Task<IReadOnlyDictionary<string, SdkResult>> RunAllAsync(Uri gateway, string key, string prefix, Uri player, CancellationToken ct);
}

/// <summary>A wire format, with the words that tell why an answer ended.</summary>
internal sealed record SdkFormat(string Stop, string ToolCalls, string Length, string Refusal)
{
    public static readonly SdkFormat Chat = new("stop", "tool_calls", "length", "content_filter");
    public static readonly SdkFormat Messages = new("end_turn", "tool_use", "max_tokens", "refusal");
    public static readonly SdkFormat Generate = new("STOP", "STOP", "MAX_TOKENS", "SAFETY");
    public static readonly SdkFormat Ai = new("stop", "tool-calls", "length", "content-filter");
    public static readonly SdkFormat Responses = new("completed", "completed", "max_output_tokens", "completed");
}

/// <summary>What an SDK made of an answer.</summary>
/// <param name="Error">The type that the SDK raised, or <see langword="null"/>.</param>
internal sealed record SdkResult
{
    public string Text { get; set; } = "";

    /// <summary>Where the SDK shows any.</summary>
    public string Thinking { get; set; } = "";

    public string? Signature { get; set; }

    public string? Finish { get; set; }

    public List<SdkToolCall> Tools { get; set; } = [];

    public long? Input { get; set; }

    public long? Output { get; set; }

    public int Chunks { get; set; }

    public string? Error { get; set; }

    public int? Status { get; set; }

    public string? Message { get; set; }
}

/// <summary>A tool that the model asked for.</summary>
internal sealed record SdkToolCall(string Name, JsonElement Arguments);

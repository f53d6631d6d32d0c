using System.Text;
using System.Text.Json;
using Gatehouse.Contracts;
using Gatehouse.Gateway.Calls;

namespace Gatehouse.Gateway.Streaming;

/// <summary>What an event of a provider's stream means for the call.</summary>
internal enum TapEvent
{
    /// <summary>Nothing that an answer is made of yet: until content comes, another target may still take over.</summary>
    Preamble,

    /// <summary>A part of the answer.</summary>
    Content,

    /// <summary>Only accounts: goes to clients that asked for it.</summary>
    Accounts,

    /// <summary>The provider calls the stream complete.</summary>
    End,

    /// <summary>The stream ended and the answer is not complete.</summary>
    Cut,

    /// <summary>The provider reports an error within the stream.</summary>
    Error,
}

/// <summary>
/// Listens to an answer in a provider's format, whether it is passed through or translated, for what the record, the price and the
/// completeness of the answer need. One per attempt.
/// </summary>
internal abstract class AnswerTap
{
    /// <summary><see langword="null"/> until the provider reports any.</summary>
    public abstract TokenUsage? Usage { get; }

    /// <summary>The model that the provider says it used.</summary>
    public string? Model { get; protected set; }

    /// <summary>The tier of service that the provider says it used, in its own word; prices may differ by it.</summary>
    public string? ServiceTier { get; protected set; }

    /// <summary>In OpenAI's words; of several choices, the last one's.</summary>
    public string? FinishReason
    {
        get;
        protected set
        {
            field = value;
            WasCut |= value is not (null or "stop" or "tool_calls" or "function_call");
        }
    }

    /// <summary>Some choice ended before the model was done: by a limit, a filter, or for a reason that nobody here knows.</summary>
    public bool WasCut { get; private set; }

    /// <summary>
    /// Whether every choice begun has told why it ended. Without that no terminator makes an answer complete; with it a missing one
    /// loses nothing.
    /// </summary>
    public abstract bool IsFinished { get; }

    /// <summary>
    /// Whether no token can be missing from <see cref="Usage"/>, of an answer that broke off: providers count to the end only once they
    /// know why it ended.
    /// </summary>
    public bool IsUsageComplete => FinishReason is not null || BrokeFirst;

    /// <summary>Whether the provider charges nothing for the answer, whatever the price table says.</summary>
    public virtual bool IsFree => false;

    /// <summary>The provider reported an error in place of an answer: nothing was produced beyond what it counted.</summary>
    public bool BrokeFirst { get; set; }

    /// <exception cref="FormatException">Not an event of this format.</exception>
    public abstract TapEvent Read(ReadOnlySpan<byte> data);

    /// <summary>Reads an answer that came whole.</summary>
    /// <returns><see cref="TapEvent.End"/>, or <see cref="TapEvent.Error"/> when it holds an error under a status of success.</returns>
    /// <exception cref="FormatException">Not an answer of this format.</exception>
    public abstract TapEvent ReadWhole(ReadOnlySpan<byte> body);

    protected static string? ReadText(ref Utf8JsonReader reader)
    {
        reader.Read();
        if (reader.TokenType == JsonTokenType.String)
        {
            return !reader.ValueIsEscaped && Ascii.IsValid(reader.ValueSpan)
                ? RepeatedTexts.Here.TextOf(reader.ValueSpan)
                : reader.GetString();
        }

        reader.Skip();
        return null;
    }

    /// <summary>The place of a choice; what is none counts as the first.</summary>
    protected static long ReadIndex(ref Utf8JsonReader reader)
    {
        reader.Read();
        var index = reader.TokenType == JsonTokenType.Number && reader.TryGetInt64(out var number) ? Math.Max(0, number) : 0;
        reader.Skip();
        return index;
    }

    protected static void SkipValue(ref Utf8JsonReader reader)
    {
        reader.Read();
        reader.Skip();
    }
}

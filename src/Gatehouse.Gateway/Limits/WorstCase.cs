using System.Globalization;
using System.Text.Json;
using Gatehouse.Contracts;
using Gatehouse.Gateway.Calls;

namespace Gatehouse.Gateway.Limits;

/// <summary>
/// The most that a call may use, before it is made. Reserved while the call is under way, so erring upwards costs nobody money.
/// </summary>
internal static class WorstCase
{
    /// <summary>Where neither the call nor the price table names a limit of the output.</summary>
    public const long OutputTokens = 32_768;

    /// <summary>
    /// Bytes of a request that make a token in the languages that people mostly write; for limits of tokens, not of money.
    /// </summary>
    private const int UsualBytesPerToken = 4;

    /// <summary>Sound of the lowest quality, spoken quickly, has this many bytes a token at least.</summary>
    private const int FileBytesPerToken = 32;

    /// <summary>Above what any provider counts for one picture in detail.</summary>
    private const long ImageTokens = 4_096;

    /// <summary>
    /// Where a part of the input is elsewhere (a file by its id, a document by its address) and no context length is known.
    /// </summary>
    private const long ContextTokens = 1_000_000;

    /// <summary>Of a name below with each letter as an escape of six bytes.</summary>
    private const int LongestEscaped = 6 * 20;

    private static readonly Dictionary<string, Price> NoTiers = [];

    /// <summary>
    /// How names of input begin that the request does not hold itself, with their quote; and of documents, whose bytes say nothing: a page
    /// of a few is read as a picture.
    /// </summary>
    private static readonly byte[][] Elsewhere =
    [
        [.. "\"file_id"u8], [.. "\"file_url\""u8], [.. "\"document\""u8], [.. "\"fileUri\""u8], [.. "\"file_uri\""u8],
        [.. "\"cachedContent\""u8], [.. "\"cached_content\""u8], [.. "\"previous_response_id\""u8], [.. "\"pmpt_"u8],
        [.. "\"web_search"u8], [.. "\"plugins\""u8], [.. "\"search_parameters\""u8],
        [.. "\"file_data\""u8], [.. "application/pdf"u8], [.. "application\\/pdf"u8],
    ];

    /// <summary>
    /// What a <c>type</c> says whose input is in the request, or is counted by itself; also those of schemas. Any other (a video, a
    /// document) may be of any size.
    /// </summary>
    private static readonly byte[][] KnownTypes =
    [
        [.. "text"u8], [.. "string"u8], [.. "object"u8], [.. "function"u8], [.. "array"u8], [.. "number"u8], [.. "integer"u8],
        [.. "boolean"u8], [.. "null"u8], [.. "STRING"u8], [.. "OBJECT"u8], [.. "ARRAY"u8], [.. "NUMBER"u8], [.. "INTEGER"u8],
        [.. "BOOLEAN"u8], [.. "NULL"u8], [.. "message"u8], [.. "input_text"u8], [.. "output_text"u8], [.. "image_url"u8],
        [.. "input_image"u8], [.. "image"u8], [.. "input_audio"u8], [.. "audio"u8], [.. "file"u8], [.. "input_file"u8],
        [.. "function_call"u8], [.. "function_call_output"u8], [.. "custom"u8], [.. "custom_tool_call"u8],
        [.. "custom_tool_call_output"u8], [.. "reasoning"u8], [.. "reasoning_text"u8], [.. "summary_text"u8], [.. "refusal"u8],
        [.. "tool"u8], [.. "tool_use"u8], [.. "tool_result"u8], [.. "thinking"u8], [.. "redacted_thinking"u8], [.. "search_result"u8],
        [.. "base64"u8], [.. "url"u8], [.. "ephemeral"u8], [.. "json_schema"u8], [.. "json_object"u8], [.. "enabled"u8],
        [.. "disabled"u8], [.. "adaptive"u8], [.. "auto"u8], [.. "any"u8], [.. "none"u8], [.. "required"u8], [.. "allowed_tools"u8],
        [.. "grammar"u8], [.. "content"u8],
    ];

    /// <summary>The same of tools that run at the provider, which puts what they find into the input.</summary>
    private static readonly byte[][] ProvidersTools =
    [
        [.. "\"web_fetch"u8], [.. "\"file_search"u8], [.. "\"code_interpreter"u8], [.. "\"code_execution"u8], [.. "\"codeExecution"u8],
        [.. "\"computer"u8], [.. "\"mcp"u8], [.. "\"google"u8], [.. "\"urlContext"u8], [.. "\"url_context"u8], [.. "\"image_generation"u8],
    ];

    /// <param name="unpriced">The first target whose price is not known.</param>
    /// <returns>Nanos of the dearest target with a price; 0 when none has one.</returns>
    public static long Money(Call call, out string? unpriced)
    {
        unpriced = null;
        var most = 0L;
        if (call.Surface.IsFree)
        {
            return most;
        }

        var input = Look(call);

        foreach (var target in call.Route.Targets)
        {
            var settings = target.Provider.Settings;
            var model = target.Model == "*" ? call.Record.Route : target.Model;
            if (call.Table.Prices.TryFind(settings.Name, settings.Kind, model, out var price))
            {
                most = Math.Max(most, Money(call, price, input));
            }
            else
            {
                unpriced ??= $"{settings.Name}/{model}";
            }
        }

        return most;
    }

    /// <summary>Of one call at this price or that of a dearer tier of service.</summary>
    public static long Money(Call call, Price price) => Money(call, price, Look(call));

    private static long Money(Call call, Price price, Input input)
    {
        var most = OfTier(call, price, price, input);
        foreach (var (_, tier) in price.ServiceTiers ?? NoTiers)
        {
            most = Math.Max(most, OfTier(call, tier, price, input));
        }

        return most;
    }

    /// <summary>Of one call at this price: the dearest kind of input and of output, in the tier that the worst case reaches.</summary>
    private static long OfTier(Call call, Price price, Price model, Input found)
    {
        var input = found.Tokens(model.MaxInputTokens);
        var output = checked(Choices(call) * Output(call, model.MaxOutputTokens));
        var tier = price.For(new TokenUsage(input, 0, 0, 0, output, 0));
        var perInput = found.WritesCache ? Math.Max(tier.Input, Math.Max(tier.CacheWrite ?? 0, tier.CacheWriteLong ?? 0)) : tier.Input;
        perInput = Math.Max(perInput, Math.Max(tier.AudioInput ?? 0, tier.ImageInput ?? 0));
        var perOutput = Math.Max(tier.Output, Math.Max(tier.Reasoning ?? 0, tier.AudioOutput ?? 0));
        return Math.Min(Nanos.MostOfCall, Nanos.FromUsd((input * perInput) + (output * perOutput)));
    }

    /// <summary>As providers count against their own limits: the input as it usually is, and the output that the call asks for.</summary>
    public static long Tokens(Call call) =>
        ((call.Body.Length + (call.Surface.FileBytes / FileBytesPerToken)) / UsualBytesPerToken) + (Look(call).Images * ImageTokens)
            + (Choices(call) * (StatedOutput(call) ?? 0));

    /// <summary>What an answer that broke off may have cost: its input in full, and the output that its bytes can have held.</summary>
    public static long Broken(Call call, Price price, TokenUsage? counted, long receivedBytes)
    {
        var output = Math.Min(Choices(call) * Output(call, price.MaxOutputTokens), receivedBytes / UsualBytesPerToken);
        var usage = counted is { } known
            ? known with { Output = Math.Max(known.Output, output - known.Reasoning) }
            : new TokenUsage(Math.Max(1, call.Body.Length / UsualBytesPerToken), 0, 0, 0, output, 0);
        return Math.Min(price.CostNanos(usage), Money(call, price));
    }

    /// <summary>By the names in the request, wherever they stand: a text that mentions one errs upwards.</summary>
    private static Input Look(Call call)
    {
        var body = call.Body.Span;
        var elsewhere = Names(body, Elsewhere) || HasUnknownType(body)
            || (body.IndexOf("\"tools\""u8) >= 0 && Names(body, ProvidersTools));

        var input = new Input(
            body.Length + (call.Surface.FileBytes / FileBytesPerToken),
            body.Count("\"image_url\""u8) + body.Count("\"input_image\""u8) + body.Count("\"image\""u8)
                + body.Count("\"inlineData\""u8) + body.Count("\"inline_data\""u8),
            elsewhere,
            body.IndexOf("\"cache_control\""u8) >= 0);
        return body.IndexOf("\\u"u8) >= 0 ? Escaped(body, input) : input;
    }

    private static bool HasUnknownType(ReadOnlySpan<byte> body)
    {
        for (int at; (at = body.IndexOf("\"type\""u8)) >= 0;)
        {
            body = body[(at + "\"type\"".Length)..].TrimStart(" \t\r\n"u8);
            if (!body.StartsWith(":"u8) || !(body = body[1..].TrimStart(" \t\r\n"u8)).StartsWith("\""u8))
            {
                continue;
            }

            body = body[1..];
            if (!IsKnown(body[..Math.Max(0, body.IndexOf((byte)'"'))]))
            {
                return true;
            }
        }

        return false;
    }

    private static bool IsKnown(ReadOnlySpan<byte> type)
    {
        foreach (var known in KnownTypes)
        {
            if (type.SequenceEqual(known))
            {
                return true;
            }
        }

        // tools of Anthropic's that the client runs
        return type.StartsWith("bash_"u8) || type.StartsWith("text_editor_"u8) || type.StartsWith("memory_"u8);
    }

    private static bool Names(ReadOnlySpan<byte> body, byte[][] names)
    {
        foreach (var name in names)
        {
            if (body.IndexOf(name) >= 0)
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>Adds what is named in letters that are written as escapes.</summary>
    private static Input Escaped(ReadOnlySpan<byte> body, Input input)
    {
        try
        {
            var reader = new Utf8JsonReader(body, new JsonReaderOptions { MaxDepth = 128 });
            while (reader.Read())
            {
                if (reader.TokenType is JsonTokenType.PropertyName or JsonTokenType.String && reader.ValueIsEscaped
                    && reader.ValueSpan.Length <= LongestEscaped)
                {
                    input = Add(input, ref reader);
                }
            }

            return input;
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            // half of a surrogate pair: nobody knows how the provider reads it
            return input with { IsElsewhere = true, WritesCache = true };
        }
    }

    private static Input Add(Input input, ref Utf8JsonReader reader)
    {
        Span<byte> quoted = stackalloc byte[LongestEscaped + 2];
        quoted[0] = (byte)'"';
        var length = 1 + reader.CopyString(quoted[1..]);
        quoted[length] = (byte)'"';
        if (Names(quoted[..(length + 1)], Elsewhere) || Names(quoted[..(length + 1)], ProvidersTools)
            || reader.ValueTextEquals("type"u8))
        {
            return input with { IsElsewhere = true };
        }

        if (reader.ValueTextEquals("image_url"u8) || reader.ValueTextEquals("input_image"u8) || reader.ValueTextEquals("image"u8)
            || reader.ValueTextEquals("inlineData"u8) || reader.ValueTextEquals("inline_data"u8))
        {
            return input with { Images = input.Images + 1 };
        }

        return reader.ValueTextEquals("cache_control"u8) ? input with { WritesCache = true } : input;
    }

    private static long Output(Call call, long? model) => (StatedOutput(call), model) switch
    {
        _ when !call.Surface.HasOutput => 0,
        ({ } stated, { } most) => Math.Min(stated, most),
        ({ } stated, null) => stated,
        (null, { } most) => most,
        _ => OutputTokens,
    };

    private static long? StatedOutput(Call call) =>
        Number(call, TelemetryNames.RequestMaxTokens) is { } stated and < AttributeSet.Unreadable ? stated : null;

    private static long Choices(Call call) => Math.Clamp(Number(call, TelemetryNames.RequestChoiceCount) ?? 1, 1, 128);

    private static long? Number(Call call, string attribute) =>
        call.Peek.Attributes is { } attributes && attributes.TryGetValue(attribute, out var text)
        && double.TryParse(text, CultureInfo.InvariantCulture, out var number) && number >= 1
            ? (long)Math.Min(number, AttributeSet.Unreadable)
            : null;

    /// <param name="IsElsewhere">A part of it is not in the request: a file by its id, an earlier answer, a cache.</param>
    private readonly record struct Input(long Bytes, long Images, bool IsElsewhere, bool WritesCache)
    {
        /// <summary>No tokenizer makes more tokens of a text than it has bytes.</summary>
        public long Tokens(long? context)
        {
            var tokens = IsElsewhere ? Math.Max(Bytes, context ?? ContextTokens) : Bytes + (Images * ImageTokens);
            return context is { } most ? Math.Min(tokens, most) : tokens;
        }
    }
}

using System.Buffers;
using System.Runtime.CompilerServices;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using Gatehouse.Gateway.Chat;
using Gatehouse.Gateway.Conversation;
using Gatehouse.Gateway.Messages;
using Gatehouse.Gateway.Providers;
using Gatehouse.Gateway.Providers.Anthropic;
using Gatehouse.Gateway.Providers.Bedrock;
using Gatehouse.Gateway.Providers.Gemini;
using Gatehouse.Gateway.Providers.OpenAi;
using Gatehouse.Gateway.Streaming;

namespace Gatehouse.Gateway.Tests.Wire;

/// <summary>Files as the providers send them, and the ways from one format to another.</summary>
internal static partial class WireFiles
{
    public static readonly ProviderSettings OpenAi = new()
    {
        Name = "openai", Kind = "openai", Wire = WireFormat.OpenAi, BaseUrl = new Uri("http://127.0.0.1/v1"),
        MaxTokensField = "max_completion_tokens",
    };

    public static readonly ProviderSettings Anthropic = new()
    {
        Name = "anthropic", Kind = "anthropic", Wire = WireFormat.Anthropic, BaseUrl = new Uri("http://127.0.0.1/v1"),
    };

    public static byte[] Read(string file) => File.ReadAllBytes(Path.Combine(AppContext.BaseDirectory, "Wire", file));

    /// <summary>Compares with a file in Wire/golden; <c>UPDATE_GOLDEN=1</c> writes it, for a person who then reads the diff.</summary>
    public static void AssertGolden(string file, string actual, [CallerFilePath] string test = "")
    {
        actual = MadeId().Replace(Created().Replace(actual, "\"created\":1"), "made");
        if (Environment.GetEnvironmentVariable("UPDATE_GOLDEN") == "1")
        {
            File.WriteAllText(Path.Combine(Path.GetDirectoryName(test)!, "..", "Wire", "golden", file), actual);
            return;
        }

        Assert.Equal(Encoding.UTF8.GetString(Read($"golden/{file}")), actual);
    }

    public static string Pretty(ReadOnlySpan<byte> json) =>
        JsonSerializer.Serialize(JsonElement.Parse(json), Indented) + "\n";

    public static ChatRequest Chat(string json) => ChatRequestReader.Read(Encoding.UTF8.GetBytes(json));

    public static ChatRequest Messages(string json) => MessagesRequestReader.Read(Encoding.UTF8.GetBytes(json));

    public static string ToAnthropic(ChatRequest r, List<string> dropped, string model = "claude-sonnet-4-5-20250929")
    {
        var to = new ArrayBufferWriter<byte>();
        AnthropicRequestWriter.Write(r, model, Anthropic, to, dropped);
        return Encoding.UTF8.GetString(to.WrittenSpan);
    }

    public static string ToOpenAi(ChatRequest r, List<string> dropped, string model = "gpt-5.1", ProviderSettings? settings = null)
    {
        var to = new ArrayBufferWriter<byte>();
        OpenAiRequestWriter.Write(r, model, settings ?? OpenAi, to, dropped);
        return Encoding.UTF8.GetString(to.WrittenSpan);
    }

    public static string ToGemini(ChatRequest r, List<string> dropped, string model = "gemini-2.5-flash")
    {
        var to = new ArrayBufferWriter<byte>();
        GeminiRequestWriter.Write(r, model, to, dropped);
        return Encoding.UTF8.GetString(to.WrittenSpan);
    }

    public static string ToBedrock(ChatRequest r, List<string> dropped, string model = "anthropic.claude-sonnet-4-5-20250929-v1:0")
    {
        var to = new ArrayBufferWriter<byte>();
        BedrockRequestWriter.Write(r, model, to, dropped);
        return Encoding.UTF8.GetString(to.WrittenSpan);
    }

    public static List<ChatEvent> Events(IStreamReader reader, ReadOnlySpan<byte> stream, IEventParser? framing = null)
    {
        var parser = framing ?? new SseParser();
        var events = new List<ChatEvent>();
        parser.Append(stream);
        while (parser.TryRead(out var e))
        {
            reader.Read(e.Name, e.Data, events);
        }

        return events;
    }

    /// <summary>What a client reads when a provider sends <paramref name="stream"/>, the way the gateway does it.</summary>
    public static string Translate(IStreamReader reader, IStreamWriter writer, ReadOnlySpan<byte> stream, IEventParser? framing = null)
    {
        var to = new ArrayBufferWriter<byte>();
        foreach (var e in Events(reader, stream, framing))
        {
            writer.Write(e, to);
            if (e is FailedEvent)
            {
                return Encoding.UTF8.GetString(to.WrittenSpan);
            }
        }

        if (reader.Ended)
        {
            writer.End(to);
        }

        return Encoding.UTF8.GetString(to.WrittenSpan);
    }

    public static string Write(Action<IBufferWriter<byte>> write)
    {
        var to = new ArrayBufferWriter<byte>();
        write(to);
        return Encoding.UTF8.GetString(to.WrittenSpan);
    }

    private static readonly JsonSerializerOptions Indented = new()
    {
        WriteIndented = true, Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    [GeneratedRegex("[0-9a-f]{32}")]
    private static partial Regex MadeId();

    [GeneratedRegex("\"created\":\\s?\\d{9,}")]
    private static partial Regex Created();
}

using System.Buffers;
using System.Text.Json;
using Gatehouse.Contracts;
using Gatehouse.Gateway.Conversation;
using Gatehouse.Gateway.Providers.OpenAi;

namespace Gatehouse.Gateway.Chat;

/// <summary>How streams of OpenAI's chat format and of its older one end.</summary>
internal static class ChatFrames
{
    /// <param name="usage">What the client asked to be told, or <see langword="null"/>.</param>
    /// <param name="writeHead">Writes the chunk's head and leaves <c>choices</c> open.</param>
    public static void End(IBufferWriter<byte> to, TokenUsage? usage, Action<Utf8JsonWriter> writeHead)
    {
        if (usage is { } known)
        {
            to.Write("data: "u8);
            using var json = JsonOut.Begin(to);
            writeHead(json);
            json.WriteEndArray();
            json.WritePropertyName("usage");
            OpenAiUsage.Write(json, known);
            json.WriteEndObject();
            json.Flush();
            to.Write("\n\n"u8);
        }

        to.Write("data: [DONE]\n\n"u8);
    }

    public static void Error(Problem p, IBufferWriter<byte> to)
    {
        to.Write("data: "u8);
        using (var json = JsonOut.Begin(to))
        {
            json.WriteStartObject();
            ChatErrors.WriteError(json, p);
            json.WriteEndObject();
        }

        to.Write("\n\n"u8);
    }
}

using System.Buffers.Binary;
using System.Globalization;
using System.IO.Compression;
using System.Text;
using System.Text.Json;
using Gatehouse.Gateway.Conversation;
using Gatehouse.Gateway.Media;
using Gatehouse.Gateway.Providers.Bedrock;
using Microsoft.Net.Http.Headers;

namespace Gatehouse.Gateway.Providers.Simulator;

/// <summary>
/// Pictures and sound of the simulator: a small PNG of one colour, a WAV of one tone, a text that says how much it heard. All of them are
/// valid, and depend only on the request.
/// </summary>
internal sealed class SimulatorMedia
{
    private const int Side = 8; // pixels
    private const int SampleRate = 8000;
    private const int SamplesPerWord = SampleRate / 10;
    private const int MaxWords = 50;
    private const int MaxImages = 10;
    private const int BytesPerToken = 320; // of sound

    private readonly Dictionary<string, string> _fields = new(StringComparer.Ordinal);
    private readonly string _path;
    private readonly string _asked;
    private long _fileBytes;
    private int _images;

    private SimulatorMedia(UpstreamRequest request, out SimulatorDirective directive)
    {
        _path = request.Path;
        if (request.ContentType is { } type)
        {
            ReadForm(request.Body.Span, type);
        }
        else
        {
            ReadJson(request.Body.Span);
        }

        _asked = SimulatorDirective.TryParse(Field("prompt") ?? Field("input") ?? "", out directive, out var rest, out _)
            ? rest.Trim()
            : rest;
    }

    public static bool Serves(string path) => MediaKind.At("/v1" + path) is not null;

    /// <param name="directive">What the prompt asks of the simulator.</param>
    public static SimulatorMedia Read(UpstreamRequest request, out SimulatorDirective directive) => new(request, out directive);

    /// <returns>The content type.</returns>
    public string Write(SimulatorBody to, long now)
    {
        var kind = MediaKind.At("/v1" + _path)!;
        return kind == MediaKind.Speech ? Speak(to) : kind.HasText ? Transcribe(to) : Draw(to, now);
    }

    private string? Field(string name) => _fields.GetValueOrDefault(name);

    private void ReadForm(ReadOnlySpan<byte> body, string type)
    {
        var boundary = HeaderUtilities.RemoveQuotes(MediaTypeHeaderValue.Parse(type).Boundary).ToString();
        foreach (var part in MultipartForm.Read(body, boundary).Parts)
        {
            var content = body[part.Content];
            if (part.FileName is null)
            {
                _fields[part.Name] = Encoding.UTF8.GetString(content);
            }
            else
            {
                _fileBytes += content.Length;
                _images += part.Name.StartsWith("image", StringComparison.Ordinal) ? 1 : 0;
            }
        }
    }

    private void ReadJson(ReadOnlySpan<byte> body)
    {
        foreach (var member in WireJson.Parse(body).EnumerateObject())
        {
            _fields[member.Name] = WireJson.TextOrNull(member.Value) ?? WireJson.RawText(member.Value);
        }
    }

    private string Draw(SimulatorBody to, long now)
    {
        var picture = Convert.ToBase64String(Picture(SimulatorReply.Hash(_asked)));
        var count = Math.Clamp(int.TryParse(Field("n"), NumberStyles.None, CultureInfo.InvariantCulture, out var n) ? n : 1, 1, MaxImages);
        var edits = _path != "/images/generations";
        if (Field("stream") == "true")
        {
            var name = edits ? "image_edit" : "image_generation";
            var partial = int.TryParse(Field("partial_images"), NumberStyles.None, CultureInfo.InvariantCulture, out var p)
                ? Math.Min(p, 3)
                : 0;
            for (var i = 0; i < partial; i++)
            {
                var index = i;
                Event(to, name + ".partial_image", json =>
                {
                    json.WriteString("b64_json", picture);
                    json.WriteNumber("partial_image_index", index);
                    json.WriteNumber("created_at", now);
                });
            }

            Event(to, name + ".completed", json =>
            {
                json.WriteString("b64_json", picture);
                json.WriteNumber("created_at", now);
                WriteUsage(json, count * Side * Side);
            });
            return "text/event-stream; charset=utf-8";
        }

        var urls = Field("response_format") == "url";
        to.Json(json =>
        {
            json.WriteStartObject();
            json.WriteNumber("created", now);
            json.WriteStartArray("data");
            for (var i = 0; i < count; i++)
            {
                json.WriteStartObject();
                json.WriteString(urls ? "url" : "b64_json", urls ? "data:image/png;base64," + picture : picture);
                json.WriteEndObject();
            }

            json.WriteEndArray();
            WriteUsage(json, count * Side * Side);
            json.WriteEndObject();
        });
        return "application/json";
    }

    private string Speak(SimulatorBody to)
    {
        var words = Math.Clamp(_asked.Split(' ', StringSplitOptions.RemoveEmptyEntries).Length, 1, MaxWords);
        var sound = Tone(words * SamplesPerWord);
        if (Field("stream_format") != "sse")
        {
            to.Bytes(sound.AsSpan(0, sound.Length / 2));
            to.Split();
            to.Bytes(sound.AsSpan(sound.Length / 2));
            return "audio/wav";
        }

        Event(to, "speech.audio.delta", json => json.WriteBase64String("audio", sound));
        Event(to, "speech.audio.done", json =>
        {
            json.WriteStartObject("usage");
            json.WriteNumber("input_tokens", Tokens(_asked));
            json.WriteNumber("output_tokens", words * 2);
            json.WriteNumber("total_tokens", Tokens(_asked) + (words * 2));
            json.WriteEndObject();
        });
        return "text/event-stream; charset=utf-8";
    }

    private string Transcribe(SimulatorBody to)
    {
        var text = string.Create(CultureInfo.InvariantCulture, $"The simulator is no model: it was sent {_fileBytes} bytes of sound.");
        var format = Field("response_format");
        if (Field("stream") == "true")
        {
            foreach (var word in text.Split(' '))
            {
                Event(to, "transcript.text.delta", json => json.WriteString("delta", word == "The" ? word : " " + word));
            }

            Event(to, "transcript.text.done", json =>
            {
                json.WriteString("text", text);
                WriteHeard(json, text);
            });
            return "text/event-stream; charset=utf-8";
        }

        if (format is "text" or "srt" or "vtt")
        {
            to.Bytes(Encoding.UTF8.GetBytes(format switch
            {
                "srt" => $"1\n00:00:00,000 --> 00:00:01,000\n{text}\n\n",
                "vtt" => $"WEBVTT\n\n00:00:00.000 --> 00:00:01.000\n{text}\n\n",
                _ => text + "\n",
            }));
            return "text/plain; charset=utf-8";
        }

        to.Json(json =>
        {
            json.WriteStartObject();
            json.WriteString("text", text);
            WriteHeard(json, text);
            json.WriteEndObject();
        });
        return "application/json";
    }

    private void WriteHeard(Utf8JsonWriter json, string text)
    {
        var (heard, said) = ((_fileBytes / BytesPerToken) + 1, Tokens(text));
        json.WriteStartObject("usage");
        json.WriteString("type", "tokens");
        json.WriteNumber("input_tokens", heard);
        json.WriteStartObject("input_token_details");
        json.WriteNumber("text_tokens", 0);
        json.WriteNumber("audio_tokens", heard);
        json.WriteEndObject();
        json.WriteNumber("output_tokens", said);
        json.WriteNumber("total_tokens", heard + said);
        json.WriteEndObject();
    }

    private void WriteUsage(Utf8JsonWriter json, int output)
    {
        const int ImageTokens = 85;
        var (read, seen) = (Tokens(_asked), _images * ImageTokens);
        json.WriteStartObject("usage");
        json.WriteNumber("input_tokens", read + seen);
        json.WriteStartObject("input_tokens_details");
        json.WriteNumber("text_tokens", read);
        json.WriteNumber("image_tokens", seen);
        json.WriteEndObject();
        json.WriteNumber("output_tokens", output);
        json.WriteNumber("total_tokens", read + seen + output);
        json.WriteEndObject();
    }

    private static int Tokens(string text) => (text.Length / 4) + 1;

    private static void Event(SimulatorBody to, string type, Action<Utf8JsonWriter> write)
    {
        to.Bytes(Encoding.ASCII.GetBytes($"event: {type}\n"));
        to.Event(json =>
        {
            json.WriteStartObject();
            json.WriteString("type", type);
            write(json);
            json.WriteEndObject();
        });
    }

    /// <summary>A PNG of one colour.</summary>
    private static byte[] Picture(int colour)
    {
        var rows = new byte[Side * (1 + (Side * 3))]; // a filter byte, then red, green and blue
        for (var i = 0; i < Side * Side; i++)
        {
            var at = (i / Side * (1 + (Side * 3))) + 1 + (i % Side * 3);
            (rows[at], rows[at + 1], rows[at + 2]) = ((byte)colour, (byte)(colour >> 8), (byte)(colour >> 16));
        }

        using var packed = new MemoryStream();
        using (var zlib = new ZLibStream(packed, CompressionLevel.Optimal, leaveOpen: true))
        {
            zlib.Write(rows);
        }

        using var png = new MemoryStream();
        png.Write([0x89, (byte)'P', (byte)'N', (byte)'G', 0x0D, 0x0A, 0x1A, 0x0A]);
        Chunk(png, "IHDR"u8, [0, 0, 0, Side, 0, 0, 0, Side, 8, 2, 0, 0, 0]);
        Chunk(png, "IDAT"u8, packed.ToArray());
        Chunk(png, "IEND"u8, []);
        return png.ToArray();
    }

    private static void Chunk(Stream to, ReadOnlySpan<byte> type, ReadOnlySpan<byte> content)
    {
        byte[] chunk = [0, 0, 0, 0, .. type, .. content, 0, 0, 0, 0];
        BinaryPrimitives.WriteInt32BigEndian(chunk, content.Length);
        BinaryPrimitives.WriteUInt32BigEndian(chunk.AsSpan(^4), Crc32.Of(chunk.AsSpan(4..^4)));
        to.Write(chunk);
    }

    /// <summary>A WAV of one quiet tone, eight bits a sample.</summary>
    private static byte[] Tone(int samples)
    {
        const int HeadBytes = 44;
        var wav = new byte[HeadBytes + samples];
        "RIFF"u8.CopyTo(wav);
        BinaryPrimitives.WriteInt32LittleEndian(wav.AsSpan(4), wav.Length - 8);
        "WAVEfmt "u8.CopyTo(wav.AsSpan(8));
        BinaryPrimitives.WriteInt32LittleEndian(wav.AsSpan(16), 16);
        BinaryPrimitives.WriteInt16LittleEndian(wav.AsSpan(20), 1); // PCM
        BinaryPrimitives.WriteInt16LittleEndian(wav.AsSpan(22), 1); // mono
        BinaryPrimitives.WriteInt32LittleEndian(wav.AsSpan(24), SampleRate);
        BinaryPrimitives.WriteInt32LittleEndian(wav.AsSpan(28), SampleRate);
        BinaryPrimitives.WriteInt16LittleEndian(wav.AsSpan(32), 1);
        BinaryPrimitives.WriteInt16LittleEndian(wav.AsSpan(34), 8);
        "data"u8.CopyTo(wav.AsSpan(36));
        BinaryPrimitives.WriteInt32LittleEndian(wav.AsSpan(40), samples);
        for (var i = 0; i < samples; i++)
        {
            wav[HeadBytes + i] = (byte)(128 + (20 * Math.Sin(2 * Math.PI * 440 * i / SampleRate)));
        }

        return wav;
    }
}

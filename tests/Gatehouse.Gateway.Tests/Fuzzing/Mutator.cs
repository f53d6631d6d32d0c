using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Gatehouse.Gateway.Tests.Fuzzing;

/// <summary>Makes odd inputs of good ones: by bytes, by values of a JSON text, by lines.</summary>
internal sealed class Mutator(Random random)
{
    private const string HalfACharacter = "@half@";
    private const string Enormous = "@enormous@";

    private static readonly byte[][] Odd =
    [
        [.. "\r\n"u8], [.. "\n\n"u8], [.. "data: "u8], [.. "event: error\n"u8], [.. "null"u8], [.. "{}"u8], [.. "[]"u8], [.. "\""u8],
        [.. "\\u0000"u8], [.. "\\ud83d"u8], [.. "1e999"u8], [.. "-0"u8], [.. "[DONE]"u8], [.. "99999999999999999999"u8], [0], [0xFF],
        [0xEF, 0xBB, 0xBF], [0xC3], [0x7F, 0xFF, 0xFF, 0xFF], [.. "{\"a\":"u8],
    ];

    private static readonly string[] Texts =
    [
        "", " ", "x", HalfACharacter, "\0", "\u2028", "data:,", "data:image/png;base64,", "data:;base64,####", "https://x.example/a.png",
        "stop", "error", "tool_calls", "user", "assistant", "system", "tool", "text", "image_url", "thinking", "auto", "none", "{", "{\"a\":1}",
    ];

    /// <summary>A few changes of bytes.</summary>
    public byte[] Bytes(byte[] seed, byte[] other)
    {
        var bytes = new List<byte>(seed);
        for (var left = random.Next(1, 6); left > 0; left--)
        {
            var at = random.Next(bytes.Count + 1);
            var length = Math.Min(random.Next(1, 1 + random.Next(1, 40)), bytes.Count - at);
            switch (random.Next(7))
            {
                case 0 when at < bytes.Count:
                    bytes[at] ^= (byte)(1 << random.Next(8));
                    break;
                case 1 when at < bytes.Count:
                    bytes[at] = (byte)random.Next(256);
                    break;
                case 2:
                    bytes.RemoveRange(at, length);
                    break;
                case 3:
                    bytes.InsertRange(random.Next(bytes.Count + 1), bytes.GetRange(at, length));
                    break;
                case 4:
                    bytes.InsertRange(at, Odd[random.Next(Odd.Length)]);
                    break;
                case 5:
                    bytes.RemoveRange(at, bytes.Count - at);
                    break;
                default:
                    var from = random.Next(other.Length + 1);
                    bytes.InsertRange(at, other.Skip(from).Take(random.Next(60)));
                    break;
            }
        }

        return [.. bytes];
    }

    /// <summary>A few changes of values and members of one JSON text.</summary>
    public byte[] Json(byte[] seed)
    {
        var root = JsonNode.Parse(seed, documentOptions: new JsonDocumentOptions { MaxDepth = 1000 })!;
        for (var left = random.Next(1, 5); left > 0; left--)
        {
            var places = Places(root);
            if (places.Count > 0)
            {
                Change(places[random.Next(places.Count)], places);
            }
        }

        return Encoding.UTF8.GetBytes(root.ToJsonString()
            .Replace($"\"{Enormous}\"", "1e999", StringComparison.Ordinal).Replace(HalfACharacter, "\\ud83d", StringComparison.Ordinal));
    }

    /// <summary>A stream of events, some of them left out, doubled, moved or with other values.</summary>
    /// <param name="blank">What stands between two events.</param>
    public byte[] Events(byte[] seed, string blank)
    {
        var events = Encoding.UTF8.GetString(seed).Split(blank, StringSplitOptions.RemoveEmptyEntries).ToList();
        var changed = new HashSet<string>(); // half a character cannot be read again
        for (var left = random.Next(1, 4); left > 0 && events.Count > 0; left--)
        {
            var at = random.Next(events.Count);
            switch (random.Next(5))
            {
                case 0:
                    events.RemoveAt(at);
                    break;
                case 1:
                    events.Insert(random.Next(events.Count), events[at]);
                    break;
                default:
                    var begin = events[at].IndexOf('{', StringComparison.Ordinal);
                    if (begin >= 0 && !changed.Contains(events[at]))
                    {
                        events[at] = events[at][..begin] + Encoding.UTF8.GetString(Json(Encoding.UTF8.GetBytes(events[at][begin..])));
                        changed.Add(events[at]);
                    }

                    break;
            }
        }

        return Encoding.UTF8.GetBytes(string.Join(blank, events) + blank);
    }

    private void Change(JsonNode place, List<JsonNode> places)
    {
        switch (place.Parent)
        {
            case JsonObject parent when random.Next(8) == 0:
                parent.Remove(place.GetPropertyName());
                break;
            case JsonObject parent when random.Next(8) == 0:
                var moved = place.DeepClone();
                parent.Remove(place.GetPropertyName());
                parent[Name(places)] = moved;
                break;
            case JsonArray parent when random.Next(6) == 0:
                parent.Add(place.DeepClone());
                break;
            case JsonArray parent when random.Next(6) == 0:
                parent.Remove(place);
                break;
            default:
                place.ReplaceWith(Value(places));
                break;
        }
    }

    private JsonNode? Value(List<JsonNode> places) => random.Next(12) switch
    {
        0 => null,
        1 => JsonValue.Create(random.Next(2) == 0),
        2 => JsonValue.Create(random.Next(-2, 3)),
        3 => JsonValue.Create(long.MaxValue - random.Next(2)),
        4 => JsonValue.Create(0.5),
        5 => JsonValue.Create(Enormous),
        6 => new JsonArray(),
        7 => new JsonObject(),
        8 => new JsonArray(JsonValue.Create(1), null, new JsonObject { ["type"] = "text" }),
        9 => Nested(random.Next(1, 140)),
        10 => places[random.Next(places.Count)].DeepClone(),
        _ => JsonValue.Create(Texts[random.Next(Texts.Length)]),
    };

    private string Name(List<JsonNode> places) =>
        places.FirstOrDefault(p => p.Parent is JsonObject && random.Next(10) == 0)?.GetPropertyName() ?? Texts[random.Next(Texts.Length)];

    private static JsonNode Nested(int depth)
    {
        JsonNode node = new JsonArray();
        while (--depth > 0)
        {
            node = new JsonArray(node);
        }

        return node;
    }

    private static List<JsonNode> Places(JsonNode root)
    {
        var places = new List<JsonNode>();
        Add(root);
        return places;

        void Add(JsonNode node)
        {
            var children = node switch
            {
                JsonObject o => o.Select(m => m.Value),
                JsonArray a => a,
                _ => [],
            };
            foreach (var child in children)
            {
                if (child is not null)
                {
                    places.Add(child);
                    Add(child);
                }
            }
        }
    }
}

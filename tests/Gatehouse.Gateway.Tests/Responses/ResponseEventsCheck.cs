using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Gatehouse.Gateway.Streaming;

namespace Gatehouse.Gateway.Tests.Responses;

/// <summary>
/// Builds a response from its events the way the SDKs do, and fails where they would: numbers out of order, an index without its item, an
/// id that changes, a delta outside its part, a text that is not the sum of its deltas.
/// </summary>
internal sealed class ResponseEventsCheck
{
    private readonly List<JsonObject> _output = [];
    private readonly HashSet<int> _done = [];
    private string? _id;
    private int _next;

    public List<string> Types { get; } = [];

    /// <summary>The response of the last event that ends a stream.</summary>
    public JsonObject? Final { get; private set; }

    public JsonObject? Error { get; private set; }

    public static ResponseEventsCheck Of(string stream)
    {
        var check = new ResponseEventsCheck();
        using var parser = new SseParser();
        parser.Append(Encoding.UTF8.GetBytes(stream));
        while (parser.TryRead(out var e))
        {
            if (!e.Data.IsEmpty)
            {
                check.Take(Encoding.UTF8.GetString(e.Name), JsonNode.Parse(e.Data)!.AsObject());
            }
        }

        return check;
    }

    private void Take(string name, JsonObject e)
    {
        var type = (string)e["type"]!;
        Assert.Equal(name, type);
        Assert.Equal(_next++, (int)e["sequence_number"]!);
        Assert.True(Final is null || type == "error", $"{type} comes after the end");
        Types.Add(type);
        switch (type)
        {
            case "response.created":
                Assert.Equal(1, _next);
                _id = (string)e["response"]!["id"]!;
                Assert.Equal("in_progress", (string)e["response"]!["status"]!);
                Assert.Empty(e["response"]!["output"]!.AsArray());
                break;
            case "response.in_progress":
                Assert.Equal(_id, (string)e["response"]!["id"]!);
                break;
            case "response.completed" or "response.incomplete" or "response.failed":
                Final = e["response"]!.AsObject();
                Assert.Equal(_id, (string)Final["id"]!);
                Assert.Equal(type, $"response.{(string)Final["status"]!}");
                if (type != "response.failed")
                {
                    Assert.Equal(_output.Count, _done.Count);
                    Assert.True(JsonNode.DeepEquals(new JsonArray([.. _output.Select(o => o.DeepClone())]), Final["output"]),
                        $"{new JsonArray([.. _output.Select(o => o.DeepClone())])}\nis not\n{Final["output"]}");
                }

                break;
            case "error":
                Error = e;
                break;
            case "response.output_item.added":
                Assert.Equal(_output.Count, (int)e["output_index"]!);
                Assert.DoesNotContain(_output, o => (string)o["id"]! == (string)e["item"]!["id"]!);
                _output.Add(e["item"]!.DeepClone().AsObject());
                break;
            case "response.output_item.done":
                var index = (int)e["output_index"]!;
                Assert.Equal((string)_output[index]["id"]!, (string)e["item"]!["id"]!);
                Assert.True(_done.Add(index));
                Same(_output[index], e["item"]!.AsObject());
                _output[index] = e["item"]!.DeepClone().AsObject();
                break;
            case "response.content_part.added":
                Assert.Equal(Item(e)["content"]!.AsArray().Count, (int)e["content_index"]!);
                Item(e)["content"]!.AsArray().Add(e["part"]!.DeepClone());
                break;
            case "response.output_text.delta" or "response.refusal.delta":
                var field = type.Contains("refusal") ? "refusal" : "text";
                Part(e)[field] = (string)Part(e)[field]! + (string)e["delta"]!;
                foreach (var token in e["logprobs"]?.AsArray() ?? [])
                {
                    Part(e)["logprobs"]!.AsArray().Add(token!.DeepClone());
                }

                break;
            case "response.output_text.done" or "response.refusal.done":
                var text = type.Contains("refusal") ? "refusal" : "text";
                Assert.Equal((string)Part(e)[text]!, (string)e[text]!);
                break;
            case "response.content_part.done":
                Assert.True(JsonNode.DeepEquals(Part(e), e["part"]));
                break;
            case "response.reasoning_summary_part.added":
                Assert.Equal(Item(e)["summary"]!.AsArray().Count, (int)e["summary_index"]!);
                Item(e)["summary"]!.AsArray().Add(e["part"]!.DeepClone());
                break;
            case "response.reasoning_summary_text.delta":
                var summary = Item(e)["summary"]![(int)e["summary_index"]!]!;
                summary["text"] = (string)summary["text"]! + (string)e["delta"]!;
                break;
            case "response.reasoning_summary_text.done":
                Assert.Equal((string)Item(e)["summary"]![(int)e["summary_index"]!]!["text"]!, (string)e["text"]!);
                break;
            case "response.reasoning_summary_part.done":
                break;
            case "response.function_call_arguments.delta":
                Item(e)["arguments"] = (string)Item(e)["arguments"]! + (string)e["delta"]!;
                break;
            case "response.function_call_arguments.done":
                Assert.Equal((string)Item(e)["arguments"]!, (string)e["arguments"]!);
                Assert.Equal((string)Item(e)["name"]!, (string)e["name"]!);
                break;
            case "response.custom_tool_call_input.delta":
                Item(e)["input"] = (string)Item(e)["input"]! + (string)e["delta"]!;
                break;
            case "response.custom_tool_call_input.done":
                Assert.Equal((string)Item(e)["input"]!, (string)e["input"]!);
                break;
            default:
                Assert.Fail($"There is no event {type}.");
                break;
        }
    }

    private JsonObject Item(JsonObject e)
    {
        var index = (int)e["output_index"]!;
        Assert.True(index < _output.Count && !_done.Contains(index), $"{(string)e["type"]!} names no open item");
        Assert.Equal((string)_output[index]["id"]!, (string)e["item_id"]!);
        return _output[index];
    }

    private JsonObject Part(JsonObject e) => Item(e)["content"]!.AsArray()[(int)e["content_index"]!]!.AsObject();

    /// <summary>What the deltas added up to is what the item is in the end; status and seal come only then.</summary>
    private static void Same(JsonObject grown, JsonObject done)
    {
        foreach (var (name, value) in grown)
        {
            Assert.True(name == "status" || JsonNode.DeepEquals(value, done[name]), $"{name}: {value} became {done[name]}");
        }
    }
}

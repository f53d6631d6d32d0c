using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Gatehouse.Contracts;
using Gatehouse.Gateway.Chat;
using Gatehouse.Gateway.Conversation;
using Gatehouse.Gateway.Messages;
using Gatehouse.Gateway.Tests.Wire;

namespace Gatehouse.Gateway.Tests.Conversation;

public sealed class RequestTranslationTests
{
    [Fact]
    public void A_full_chat_request_becomes_a_messages_request_and_names_what_it_cannot_carry()
    {
        var dropped = new List<string>();

        var body = WireFiles.ToAnthropic(ChatRequestReader.Read(WireFiles.Read("openai/request.json")), dropped);

        WireFiles.AssertGolden("chat-request-to-anthropic.json", WireFiles.Pretty(Encoding.UTF8.GetBytes(body)));
        Assert.Equal(
            [
                "messages[].name", "metadata", "seed", "logit_bias", "frequency_penalty", "some_new_field", "logprobs", "top_logprobs",
                "messages[].content[].input_audio", "temperature", "stop",
            ],
            dropped);
    }

    [Fact]
    public void A_full_messages_request_becomes_a_chat_request_and_names_what_it_cannot_carry()
    {
        var dropped = new List<string>();

        var body = WireFiles.ToOpenAi(MessagesRequestReader.Read(WireFiles.Read("anthropic/request.json")), dropped);

        WireFiles.AssertGolden("messages-request-to-openai.json", WireFiles.Pretty(Encoding.UTF8.GetBytes(body)));
        Assert.Equal(
            [
                "messages[].content[].citations", "container", "cache_control", "messages[].content[].search_result",
                "messages[].content[].thinking", "stop_sequences", "top_k", "tools[].web_search_20250305",
            ],
            dropped);
    }

    [Fact]
    public void Schemas_and_inputs_keep_their_bytes()
    {
        var body = WireFiles.ToAnthropic(ChatRequestReader.Read(WireFiles.Read("openai/request.json")), []);
        var back = WireFiles.ToOpenAi(MessagesRequestReader.Read(WireFiles.Read("anthropic/request.json")), []);

        Assert.Contains("""{"type": "number", "maximum": 90.0}""", body);
        Assert.Contains("""{"city": "Lisbon", "lat": 38.70}""", body);
        Assert.Contains("""{\"city\": \"Lisbon\",  \"lat\": 38.70}""", back);
    }

    [Theory]
    [InlineData("claude-3-5-haiku-20241022", "high", """{}""", "reasoning_effort")]
    [InlineData("claude-3-7-sonnet-latest", "high", """{"thinking":{"type":"enabled","budget_tokens":4096}}""", null)]
    [InlineData("claude-sonnet-4-5-20250929", "minimal", """{"thinking":{"type":"enabled","budget_tokens":1024}}""", null)]
    [InlineData("claude-sonnet-4-5-20250929", "max", """{"thinking":{"type":"enabled","budget_tokens":4999}}""", null)]
    [InlineData("claude-opus-4-6", "xhigh", """{"thinking":{"type":"adaptive"},"output_config":{"effort":"max"}}""", null)]
    [InlineData("claude-opus-4-7", "xhigh", """{"thinking":{"type":"adaptive"},"output_config":{"effort":"xhigh"}}""", null)]
    [InlineData("claude-opus-4-6", "none", """{"thinking":{"type":"disabled"}}""", null)]
    [InlineData("claude-opus-4-7", "none", """{}""", null)]
    [InlineData("claude-mythos-5-1", "none", """{"output_config":{"effort":"low"}}""", "reasoning_effort")]
    public void An_effort_becomes_thinking_as_the_model_understands_it(string model, string effort, string expected, string? drop)
    {
        var dropped = new List<string>();
        var request = WireFiles.Chat(
            $$"""{"model":"m","max_tokens":5000,"reasoning_effort":"{{effort}}","messages":[{"role":"user","content":"hi"}]}""");

        var body = JsonNode.Parse(WireFiles.ToAnthropic(request, dropped, model))!.AsObject();

        var actual = new JsonObject();
        foreach (var name in new[] { "thinking", "output_config" })
        {
            if (body[name] is { } value)
            {
                actual[name] = value.DeepClone();
            }
        }

        Assert.True(JsonNode.DeepEquals(JsonNode.Parse(expected), actual), actual.ToJsonString());
        Assert.Equal(drop is null ? [] : [drop], dropped);
    }

    [Theory]
    [InlineData("claude-opus-4-6", "temperature", "top_p")]
    [InlineData("claude-opus-4-7", "temperature", "top_p", "top_k")]
    [InlineData("claude-mythos-preview", "temperature", "top_p", "top_k")]
    [InlineData("claude-3-5-haiku-20241022", "temperature")]
    [InlineData("kimi-k2", "temperature")]
    public void Sampling_goes_only_to_models_that_take_it(string model, params string[] expected)
    {
        var dropped = new List<string>();
        var request = WireFiles.Chat(
            """{"model":"m","temperature":1.2,"top_p":0.5,"top_k":7,"messages":[{"role":"user","content":"hi"}]}""");

        var body = JsonNode.Parse(WireFiles.ToAnthropic(request, dropped, model))!;

        Assert.Equal(expected, dropped);
        Assert.Equal(expected.Contains("top_k"), body["temperature"] is null && body["top_k"] is null);
    }

    [Theory]
    [InlineData("gpt-5-mini", "temperature", "top_p", "stop_sequences")]
    [InlineData("o4-mini", "temperature", "top_p", "stop_sequences")]
    [InlineData("gpt-5.1")]
    [InlineData("gpt-4o")]
    public void Reasoning_models_of_OpenAI_are_spared_what_they_refuse(string model, params string[] expected)
    {
        var dropped = new List<string>();
        var request = WireFiles.Messages(
            """{"model":"m","max_tokens":9,"temperature":0.2,"top_p":0.5,"stop_sequences":["x"],"messages":[{"role":"user","content":"hi"}]}""");

        var body = JsonNode.Parse(WireFiles.ToOpenAi(request, dropped, model))!;

        Assert.Equal(expected, dropped);
        Assert.Equal(expected.Length > 0, body["temperature"] is null && body["top_p"] is null && body["stop"] is null);
    }

    [Fact]
    public void Reported_names_fit_a_header_whatever_the_caller_sends()
    {
        var dropped = new List<string>();
        var fields = string.Concat(Enumerable.Range(0, 500).Select(i => $",\"field{i}\":1"));
        var request = WireFiles.Chat(
            $$"""{"model":"m","messages":[{"role":"user","content":"hi"}],"a\r\nb, é{{new string('x', 500)}}":1{{fields}}}""");

        WireFiles.ToAnthropic(request, dropped);

        Assert.StartsWith("a??b? ?xxx", dropped[0], StringComparison.Ordinal);
        Assert.Equal(100, dropped[0].Length);
        Assert.Equal(51, dropped.Count);
        Assert.Equal("and more", dropped[^1]);
    }

    [Fact]
    public void A_forced_tool_excludes_a_thinking_budget_and_says_so()
    {
        var dropped = new List<string>();
        var request = WireFiles.Chat(
            """{"model":"m","reasoning_effort":"high","tool_choice":"required","tools":[{"type":"function","function":{"name":"f"}}],"messages":[{"role":"user","content":"hi"}]}""");

        var body = WireFiles.ToAnthropic(request, dropped);

        Assert.DoesNotContain("thinking", body);
        Assert.Equal(["reasoning_effort"], dropped);
    }

    [Fact]
    public void A_turn_that_lost_its_signed_thinking_goes_on_without_a_budget()
    {
        var dropped = new List<string>();
        var request = WireFiles.Chat(
            """{"model":"m","reasoning_effort":"high","messages":[{"role":"user","content":"hi"},{"role":"assistant","tool_calls":[{"id":"1","type":"function","function":{"name":"f","arguments":"{"}}]},{"role":"tool","tool_call_id":"1","content":"ok"}]}""");

        var body = WireFiles.ToAnthropic(request, dropped);

        Assert.Equal(["reasoning_effort"], dropped);
        Assert.Contains("""{"raw_arguments":"{"}""", body);
    }

    [Theory]
    [InlineData("gpt-5.1", 12000, "high", 0)]
    [InlineData("gpt-5.1", 5000, "medium", 0)]
    [InlineData("o3", 2000, "low", 0)]
    [InlineData("o3", 1024, "minimal", 0)]
    [InlineData("gpt-4o", 12000, null, 1)]
    public void A_budget_becomes_an_effort(string model, int budget, string? effort, int drops)
    {
        var dropped = new List<string>();
        var request = WireFiles.Messages(
            $$$"""{"model":"m","max_tokens":20000,"thinking":{"type":"enabled","budget_tokens":{{{budget}}}},"messages":[{"role":"user","content":"hi"}]}""");

        var body = JsonNode.Parse(WireFiles.ToOpenAi(request, dropped, model))!;

        Assert.Equal(effort, (string?)body["reasoning_effort"]);
        Assert.Equal(drops, dropped.Count);
    }

    [Theory]
    [InlineData("gpt-5.1", "none", 0)]
    [InlineData("gpt-5-mini", "minimal", 0)]
    [InlineData("gpt-4o", null, 0)]
    [InlineData("o3", null, 1)]
    public void Disabled_thinking_becomes_the_least_effort_there_is(string model, string? effort, int drops)
    {
        var dropped = new List<string>();
        var request = WireFiles.Messages(
            """{"model":"m","max_tokens":20,"thinking":{"type":"disabled"},"messages":[{"role":"user","content":"hi"}]}""");

        var body = JsonNode.Parse(WireFiles.ToOpenAi(request, dropped, model))!;

        Assert.Equal(effort, (string?)body["reasoning_effort"]);
        Assert.Equal(drops, dropped.Count);
    }

    [Theory]
    [InlineData("claude-3-haiku-20240307", 4096)]
    [InlineData("claude-3-5-sonnet-20241022", 8192)]
    [InlineData("claude-opus-4-20250514", 16384)]
    [InlineData("some-alias", 4096)]
    public void The_output_limit_that_the_format_requires_has_a_default(string model, long expected)
    {
        var body = WireFiles.ToAnthropic(WireFiles.Chat("""{"model":"m","messages":[{"role":"user","content":"hi"}]}"""), [], model);

        Assert.Equal(expected, JsonElement.Parse(body).GetProperty("max_tokens").GetInt64());
    }

    [Fact]
    public void A_schema_that_the_model_cannot_enforce_becomes_a_tool_that_it_must_call()
    {
        var dropped = new List<string>();
        var request = WireFiles.Chat(
            """{"model":"m","messages":[{"role":"user","content":"hi"}],"response_format":{"type":"json_schema","json_schema":{"name":"a","schema":{"type":"object"}}}}""");

        var body = JsonElement.Parse(WireFiles.ToAnthropic(request, dropped, "claude-3-5-haiku-20241022"));

        Assert.True(request.AnswersByTool);
        Assert.Equal("gatehouse_answer", body.GetProperty("tools")[0].GetProperty("name").GetString());
        Assert.Equal("""{"type":"tool","name":"gatehouse_answer"}""", body.GetProperty("tool_choice").GetRawText());
        Assert.Empty(dropped);
    }

    [Fact]
    public void A_schema_becomes_an_instruction_and_is_reported_where_neither_model_nor_tool_can_enforce_it()
    {
        var dropped = new List<string>();
        var request = WireFiles.Chat(
            """{"model":"m","messages":[{"role":"user","content":"hi"}],"response_format":{"type":"json_schema","json_schema":{"name":"a","schema":{"type":"array"}}}}""");

        var body = WireFiles.ToAnthropic(request, dropped, "claude-3-5-haiku-20241022");

        Assert.Contains("""{\"type\":\"array\"}""", JsonElement.Parse(body).GetProperty("system").GetRawText());
        Assert.Equal(["response_format"], dropped);
    }

    [Fact]
    public void Only_allowed_tools_are_offered_where_no_parameter_names_them()
    {
        var request = WireFiles.Chat(
            """{"model":"m","messages":[{"role":"user","content":"hi"}],"tools":[{"type":"function","function":{"name":"a"}},{"type":"function","function":{"name":"b"}}],"tool_choice":{"type":"allowed_tools","allowed_tools":{"mode":"required","tools":[{"type":"function","function":{"name":"b"}}]}}}""");

        var body = JsonNode.Parse(WireFiles.ToAnthropic(request, []))!;

        Assert.Equal("b", (string?)Assert.Single(body["tools"]!.AsArray())!["name"]);
        Assert.Equal("any", (string?)body["tool_choice"]!["type"]);
    }

    [Fact]
    public void Instructions_alone_become_the_one_message_that_is_required()
    {
        var body = WireFiles.ToAnthropic(WireFiles.Chat("""{"model":"m","messages":[{"role":"system","content":"Say hi."}]}"""), []);

        Assert.Contains(
            """{"max_tokens":16384,"messages":[{"role":"user","content":"Say hi."}]}""".Replace(
                "{\"max", "\"max", StringComparison.Ordinal), body);
    }

    [Theory]
    [InlineData("""{"type":"object","properties":{"t":{"type":"number"}},"required":["t"],"additionalProperties":false}""", true)]
    [InlineData("""{"type":"object","additionalProperties":false}""", true)]
    [InlineData("""{"type":"object","properties":{"t":{"anyOf":[{"$ref":"#/$defs/a"},{"type":"null"}]}},"required":["t"],"additionalProperties":false,"$defs":{"a":{"enum":["x"]}}}""", true)]
    [InlineData("""{"type":"object","properties":{"t":{"type":"number"}},"required":["t"]}""", false)]
    [InlineData("""{"type":"object","properties":{"t":{"type":"number"}},"additionalProperties":false}""", false)]
    [InlineData("""{"type":"object","properties":{"t":{"type":"array","items":{"type":"object"}}},"required":["t"],"additionalProperties":false}""", false)]
    [InlineData("""{"type":"object","properties":{"t":{"type":["object","null"],"properties":{"u":{}}}},"required":["t"],"additionalProperties":false}""", false)]
    [InlineData("""{"type":"object","properties":{"t":{}},"required":["t"],"additionalProperties":false}""", false)]
    [InlineData("""{"type":"object","properties":{"t":{"oneOf":[{"type":"null"}]}},"required":["t"],"additionalProperties":false}""",
        false)]
    [InlineData("""{"type":"object","additionalProperties":false,"$defs":{"a":{"type":"object"}}}""", false)]
    [InlineData("""{"type":"array","items":{"type":"string"}}""", false)]
    [InlineData("""{"anyOf":[{"type":"null"}],"type":"object","additionalProperties":false}""", false)]
    [InlineData("""{"properties":7,"type":7,"required":7,"additionalProperties":false}""", false)]
    public void Strict_mode_is_asked_of_OpenAI_only_for_schemas_that_keep_its_rules(string schema, bool strict)
    {
        var dropped = new List<string>();
        var request = WireFiles.Messages($$$"""
            {"model":"m","max_tokens":9,"messages":[{"role":"user","content":"hi"}],"output_config":{"format":{"type":"json_schema","schema":{{{schema}}}}},
             "tools":[{"name":"f","input_schema":{{{schema}}},"strict":true},{"name":"g","input_schema":{{{schema}}}}]}
            """);

        var body = JsonNode.Parse(WireFiles.ToOpenAi(request, dropped))!;

        Assert.Equal(strict, (bool)body["response_format"]!["json_schema"]!["strict"]!);
        Assert.Equal(strict, (bool)body["tools"]![0]!["function"]!["strict"]!);
        Assert.Null(body["tools"]![1]!["function"]!["strict"]);
        Assert.Equal(strict ? [] : ["output_config.format", "tools[].strict"], dropped);
    }

    [Fact]
    public void A_server_that_knows_only_max_tokens_gets_that_name()
    {
        var settings = WireFiles.OpenAi with { MaxTokensField = "max_tokens" };

        var body = JsonNode.Parse(
            WireFiles.ToOpenAi(
                WireFiles.Messages("""{"model":"m","max_tokens":900,"messages":[{"role":"user","content":"Hi"}]}"""), [], "m", settings))!;

        Assert.Equal(900, (int)body["max_tokens"]!);
        Assert.Null(body["max_completion_tokens"]);
    }

    [Fact]
    public void A_conversation_survives_the_way_to_the_other_format_and_back()
    {
        Seeds.ForAll(random =>
        {
            var request = WireFiles.Chat(RandomChat(random).ToJsonString());

            var there = WireFiles.Messages(WireFiles.ToAnthropic(request, []));
            var back = WireFiles.Chat(WireFiles.ToOpenAi(there, [], "gpt-5.1", WireFiles.OpenAi with { Kind = "openrouter" }));

            Assert.Equal(Describe(request), Describe(back));
        });
    }

    [Theory]
    [InlineData("openai/request.json")]
    [InlineData("anthropic/request.json")]
    public void Mutated_requests_are_translated_or_refused_with_a_problem(string file)
    {
        var original = JsonNode.Parse(WireFiles.Read(file))!;
        Seeds.ForAll(random =>
        {
            for (var i = 0; i < 10; i++)
            {
                Try(Encoding.UTF8.GetBytes(Mutate(original.DeepClone(), random).ToJsonString()));
            }

            var bytes = WireFiles.Read(file);
            bytes[random.Next(bytes.Length)] = (byte)random.Next(256);
            Try(bytes);
        });

        static void Try(byte[] body)
        {
            try
            {
                WireFiles.ToAnthropic(ChatRequestReader.Read(body), []);
            }
            catch (ProblemException)
            {
                // how a wrong request is told
            }

            try
            {
                WireFiles.ToOpenAi(MessagesRequestReader.Read(body), []);
            }
            catch (ProblemException)
            {
                // how a wrong request is told
            }
        }
    }

    private static JsonNode Mutate(JsonNode root, Random random)
    {
        var nodes = new List<JsonNode>();
        Collect(root, nodes);
        var victim = nodes[random.Next(nodes.Count)];
        var value = random.Next(10) switch
        {
            0 => null,
            1 => JsonValue.Create(random.Next(-2, 3)),
            2 => JsonValue.Create(1e300),
            3 => JsonValue.Create(""),
            4 => JsonValue.Create("data:,"),
            5 => JsonValue.Create(true),
            6 => new JsonArray(),
            7 => new JsonObject(),
            8 => new JsonArray(new JsonObject { ["type"] = "text", ["text"] = 5 }),
            _ => nodes[random.Next(nodes.Count)].DeepClone(),
        };
        switch (victim.Parent)
        {
            case JsonObject parent when random.Next(5) == 0:
                parent.Remove(victim.GetPropertyName());
                break;
            case JsonObject parent:
                parent[victim.GetPropertyName()] = value;
                break;
            case JsonArray parent:
                parent[victim.GetElementIndex()] = value;
                break;
        }

        return root;
    }

    private static void Collect(JsonNode node, List<JsonNode> into)
    {
        into.Add(node);
        IEnumerable<JsonNode?> children = node switch
        {
            JsonObject o => o.Select(p => p.Value),
            JsonArray a => a,
            _ => [],
        };
        foreach (var child in children)
        {
            if (child is not null)
            {
                Collect(child, into);
            }
        }
    }

    private static JsonObject RandomChat(Random random)
    {
        string Text() => new([.. Enumerable.Range(0, random.Next(1, 12)).Select(_ => "ab \"\\\né€{"[random.Next(9)])]);
        var messages = new JsonArray { Message("system", Text()) };
        for (var turn = 0; turn < random.Next(1, 4); turn++)
        {
            messages.Add(Message("user", random.Next(2) == 0
                ? Text()
                : new JsonArray(
                    new JsonObject { ["type"] = "text", ["text"] = Text() },
                    new JsonObject { ["type"] = "image_url", ["image_url"] = new JsonObject { ["url"] = "data:image/png;base64,AAAA" } },
                    new JsonObject { ["type"] = "file",
                        ["file"] = new JsonObject { ["filename"] = Text(), ["file_data"] = "data:application/pdf;base64,AAAA" } })));
            var assistant = Message("assistant", Text());
            var calls = random.Next(3);
            if (random.Next(2) == 0)
            {
                assistant["reasoning_details"] = new JsonArray(
                    new JsonObject { ["type"] = "reasoning.text", ["text"] = Text(), ["signature"] = "c2ln" },
                    new JsonObject { ["type"] = "reasoning.encrypted", ["data"] = "ZGF0YQ" });
            }

            if (calls > 0)
            {
                assistant["tool_calls"] = new JsonArray([.. Enumerable.Range(0, calls).Select(i => (JsonNode)new JsonObject
                {
                    ["id"] = $"call_{turn}_{i}",
                    ["type"] = "function",
                    ["function"] = new JsonObject { ["name"] = "f", ["arguments"] = new JsonObject { ["x"] = Text() }.ToJsonString() },
                })]);
            }

            messages.Add(assistant);
            for (var i = 0; i < calls; i++)
            {
                messages.Add(new JsonObject { ["role"] = "tool", ["tool_call_id"] = $"call_{turn}_{i}", ["content"] = Text() });
            }
        }

        return new JsonObject
        {
            ["model"] = "m",
            ["messages"] = messages,
            ["max_completion_tokens"] = random.Next(1, 9999),
            ["temperature"] = random.Next(0, 101) / 100.0,
            ["stop"] = new JsonArray("x", Text() + "."),
            ["stream"] = random.Next(2) == 0,
            ["user"] = Text(),
            ["parallel_tool_calls"] = false,
            ["tools"] = new JsonArray(new JsonObject
            {
                ["type"] = "function",
                ["function"] =
                    new JsonObject { ["name"] = "f", ["description"] = Text(),
                        ["parameters"] = new JsonObject { ["type"] = "object", ["title"] = Text(), ["additionalProperties"] = false },
                        ["strict"] = true },
            }),
            ["tool_choice"] = new[] { "auto", "none", "required" }[random.Next(2) * 2],
        };

        static JsonObject Message(string role, JsonNode content) => new() { ["role"] = role, ["content"] = content };
    }

    /// <summary>What a request says, one line each, without regard to how a format cuts messages into parts.</summary>
    private static List<string> Describe(ChatRequest r)
    {
        var lines = new List<string>
        {
            $"{r.MaxTokens} {r.Temperature} {string.Join('|', r.Stop)} {r.Stream} {r.User} {r.ParallelTools} {r.ToolChoice}",
        };
        lines.AddRange(r.Tools.Select(t => $"{t.Name} {t.Description} {t.Schema} {t.Strict}"));
        foreach (var message in r.Messages)
        {
            lines.AddRange(message.Parts.Select(p => $"{message.Role} " + (p is ToolResultPart result
                ? $"{result.CallId} {string.Concat(result.Content)}"
                : p.ToString())));
        }

        return lines;
    }
}

using System.Buffers;
using System.Text;
using System.Text.Json;
using Gatehouse.Contracts;
using Gatehouse.Gateway.Chat;
using Gatehouse.Gateway.Conversation;
using Gatehouse.Gateway.Messages;
using Gatehouse.Gateway.Providers.Anthropic;
using Gatehouse.Gateway.Providers.OpenAi;
using Gatehouse.Gateway.Streaming;
using Gatehouse.Gateway.Tests.Wire;

namespace Gatehouse.Gateway.Tests.Streaming;

public sealed class StreamTranslationTests
{
    private const string ChatBody =
        """{"model":"m","stream":true,"stream_options":{"include_usage":true},"messages":[{"role":"user","content":"hi"}]}""";
    private const string MessagesBody =
        """{"model":"m","max_tokens":9,"stream":true,"messages":[{"role":"user","content":"Where is Lisbon, please?"}]}""";

    [Theory]
    [InlineData("text")]
    [InlineData("tools")]
    [InlineData("tools-interleaved")]
    [InlineData("refusal")]
    [InlineData("reasoning")]
    [InlineData("error")]
    [InlineData("truncated")]
    public void A_chat_stream_becomes_a_messages_stream(string name)
    {
        var stream = WireFiles.Translate(
            new OpenAiStreamReader(), new MessagesStreamWriter(WireFiles.Messages(MessagesBody)), WireFiles.Read($"openai/{name}.sse"));

        WireFiles.AssertGolden($"openai-{name}-to-messages.sse", stream);
        Blocks(stream);
    }

    [Theory]
    [InlineData("text")]
    [InlineData("tools")]
    [InlineData("thinking")]
    [InlineData("server-tool")]
    [InlineData("error")]
    [InlineData("truncated")]
    public void A_messages_stream_becomes_a_chat_stream(string name)
    {
        var stream = WireFiles.Translate(
            new AnthropicStreamReader(), new ChatStreamWriter(WireFiles.Chat(ChatBody)), WireFiles.Read($"anthropic/{name}.sse"));

        WireFiles.AssertGolden($"anthropic-{name}-to-chat.sse", stream);
    }

    [Theory]
    [InlineData("openai/truncated.sse")]
    [InlineData("anthropic/truncated.sse")]
    public void A_cut_stream_has_not_ended(string file)
    {
        IStreamReader reader = file.StartsWith("openai", StringComparison.Ordinal) ? new OpenAiStreamReader() : new AnthropicStreamReader();

        WireFiles.Events(reader, WireFiles.Read(file));

        Assert.False(reader.Ended);
    }

    [Fact]
    public void Without_include_usage_no_chunk_has_empty_choices_or_usage()
    {
        var request = WireFiles.Chat("""{"model":"m","stream":true,"messages":[{"role":"user","content":"hi"}]}""");

        var stream = WireFiles.Translate(new AnthropicStreamReader(), new ChatStreamWriter(request), WireFiles.Read("anthropic/text.sse"));

        Assert.DoesNotContain("\"choices\":[]", stream);
        Assert.DoesNotContain("usage", stream);
        Assert.EndsWith("data: [DONE]\n\n", stream);
    }

    [Fact]
    public void An_error_in_a_chat_stream_has_an_error_key_and_no_finish()
    {
        var stream = WireFiles.Translate(
            new AnthropicStreamReader(), new ChatStreamWriter(WireFiles.Chat(ChatBody)), WireFiles.Read("anthropic/error.sse"));

        var last = JsonElement.Parse(stream.TrimEnd().Split("data: ")[^1]);
        Assert.Equal("Overloaded", last.GetProperty("error").GetProperty("message").GetString());
        Assert.Equal("server_error", last.GetProperty("error").GetProperty("type").GetString());
        Assert.DoesNotContain("\"finish_reason\":\"", stream);
        Assert.DoesNotContain("[DONE]", stream);
    }

    [Fact]
    public void A_refused_credential_in_a_stream_is_not_blamed_on_the_caller()
    {
        var events = new List<ChatEvent>();
        new AnthropicStreamReader().Read(
            "error"u8, """{"type":"error","error":{"type":"authentication_error","message":"invalid x-api-key"}}"""u8, events);

        var problem = Assert.IsType<FailedEvent>(Assert.Single(events)).ToProblem();

        Assert.Equal(502, problem.Status);
    }

    [Fact]
    public void Calls_that_share_an_index_but_not_an_id_are_two_calls()
    {
        var reader = new OpenAiStreamReader();
        var events = new List<ChatEvent>();
        reader.Read([],
            """{"id":"1","choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":"{}"}},{"index":0,"id":"b","function":{"name":"g","arguments":{"x":1}}}]}}]}"""u8, events);
        reader.Read([], """{"id":"1","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"""u8, events);

        Assert.Equal(
            [
                new StartedEvent("1", "", 0, null),
                new ToolStartedEvent(0, 0, "a", "f"), new ToolArgumentsEvent(0, 0, "{}"),
                new ToolStartedEvent(0, 1, "b", "g"), new ToolArgumentsEvent(0, 1, """{"x":1}"""),
                new FinishedEvent(0, FinishReason.ToolCalls),
            ],
            events);
    }

    [Fact]
    public void A_stream_whose_provider_counted_nothing_ends_with_an_estimate_of_the_output_alone()
    {
        var request = WireFiles.Messages(
            """{"model":"m","max_tokens":9,"stream":true,"messages":[{"role":"user","content":"12345678"}]}""");
        var input = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"12345678901\"},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n";

        var stream = WireFiles.Translate(new OpenAiStreamReader(), new MessagesStreamWriter(request), Encoding.UTF8.GetBytes(input));

        Assert.Contains("\"usage\":{\"input_tokens\":2,", stream);
        Assert.Contains("\"usage\":{\"output_tokens\":3}", stream);
    }

    [Fact]
    public void A_surrogate_pair_split_between_deltas_does_not_break_the_stream()
    {
        var reader = new OpenAiStreamReader();
        var events = new List<ChatEvent>();
        reader.Read([], """{"choices":[{"index":0,"delta":{"content":"a\n\ud83d"}}]}"""u8, events);
        reader.Read([], """{"choices":[{"index":0,"delta":{"content":"\ude00"}}]}"""u8, events);

        Assert.Equal("a\n😀", string.Concat(events.OfType<TextEvent>().Select(e => e.Text)));
    }

    [Fact]
    public void A_custom_tool_comes_back_as_one_and_its_text_is_whole()
    {
        var request = WireFiles.Chat(
            """{"model":"m","stream":true,"messages":[{"role":"user","content":"hi"}],"tools":[{"type":"custom","custom":{"name":"get_weather"}}]}""");
        var input = Encoding.UTF8.GetString(WireFiles.Read("anthropic/tools.sse"))
            .Replace("{\\\"city\\\": \\\"Lis", "{\\\"input\\\": \\\"Lis");

        var stream = WireFiles.Translate(new AnthropicStreamReader(), new ChatStreamWriter(request), Encoding.UTF8.GetBytes(input));

        Assert.Contains(
            """{"tool_calls":[{"index":0,"id":"toolu_01A","type":"custom","custom":{"name":"get_weather","input":"Lisbon"}}]}""", stream);
    }

    [Fact]
    public void A_client_that_speaks_of_functions_gets_a_function_call()
    {
        var request = WireFiles.Chat(
            """{"model":"m","stream":true,"messages":[{"role":"user","content":"hi"}],"functions":[{"name":"get_weather"}]}""");

        var stream = WireFiles.Translate(new AnthropicStreamReader(), new ChatStreamWriter(request), WireFiles.Read("anthropic/tools.sse"));

        Assert.Contains("""{"function_call":{"name":"get_weather","arguments":""}}""", stream);
        Assert.Contains("\"finish_reason\":\"function_call\"", stream);
        Assert.DoesNotContain("tool_calls", stream);
    }

    [Fact]
    public void Any_interleaving_of_parallel_calls_becomes_blocks_in_sequence_with_the_same_arguments()
    {
        Seeds.ForAll(random =>
        {
            var calls = Enumerable.Range(0, random.Next(1, 6)).Select(i => JsonText(random, i)).ToArray();
            var events = Interleave(random, calls);
            var writer = new MessagesStreamWriter(WireFiles.Messages(MessagesBody));
            var to = new ArrayBufferWriter<byte>();
            foreach (var e in events)
            {
                writer.Write(e, to);
            }

            writer.End(to);

            var blocks = Blocks(Encoding.UTF8.GetString(to.WrittenSpan));
            Assert.Equal(calls, blocks.Where(b => b.Type == "tool_use").OrderBy(b => b.Name).Select(b => b.Text));
            Assert.Equal("Let me see.", string.Concat(blocks.Where(b => b.Type == "text").Select(b => b.Text)));
        });
    }

    [Theory]
    [InlineData("openai/tools.sse")]
    [InlineData("anthropic/thinking.sse")]
    public void Mutated_streams_give_events_or_a_format_exception(string file)
    {
        var stream = WireFiles.Read(file);
        Seeds.ForAll(random =>
        {
            var mutant = stream.ToArray();
            for (var i = random.Next(1, 6); i > 0; i--)
            {
                mutant[random.Next(mutant.Length)] = (byte)(random.Next(3) == 0 ? random.Next(256) : "\"{}[]:,0n\\ud"u8[random.Next(12)]);
            }

            try
            {
                WireFiles.Translate(new OpenAiStreamReader(), new MessagesStreamWriter(WireFiles.Messages(MessagesBody)), mutant);
                WireFiles.Translate(new AnthropicStreamReader(), new ChatStreamWriter(WireFiles.Chat(ChatBody)), mutant);
            }
            catch (FormatException)
            {
                // how a broken stream is told
            }
        });
    }

    [Fact]
    public void Errors_of_the_gateway_itself_end_both_kinds_of_stream()
    {
        var problem = new Problem("upstream_timeout", 504, "The provider fell silent.");

        var chat = WireFiles.Write(to => new ChatStreamWriter(WireFiles.Chat(ChatBody)).Error(problem, to));
        var messages = WireFiles.Write(to => new MessagesStreamWriter(WireFiles.Messages(MessagesBody)).Error(problem, to));

        Assert.Equal(
            "data: {\"error\":{\"message\":\"The provider fell silent.\",\"type\":\"server_error\",\"param\":null,\"code\":\"upstream_timeout\"}}\n\n", chat);
        Assert.Equal(
            "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"timeout_error\",\"message\":\"The provider fell silent.\"}}\n\n",
            messages);
    }

    /// <summary>Reads a messages stream as the official SDKs do, and fails where they would throw.</summary>
    private static List<Block> Blocks(string stream)
    {
        var blocks = new List<Block>();
        var open = false;
        var started = 0;
        foreach (var frame in stream.Split("\n\n", StringSplitOptions.RemoveEmptyEntries))
        {
            var lines = frame.Split('\n');
            var json = JsonElement.Parse(lines[1]["data: ".Length..]);
            var type = json.GetProperty("type").GetString();
            Assert.Equal($"event: {type}", lines[0]);
            switch (type)
            {
                case "message_start":
                    Assert.Equal(0, started++);
                    break;
                case "content_block_start":
                    Assert.False(open);
                    Assert.Equal(blocks.Count, json.GetProperty("index").GetInt32());
                    var block = json.GetProperty("content_block");
                    blocks.Add(new Block(
                        block.GetProperty("type").GetString()!, block.TryGetProperty("name", out var name) ? name.GetString()! : ""));
                    open = true;
                    break;
                case "content_block_delta":
                    Assert.True(open);
                    Assert.Equal(blocks.Count - 1, json.GetProperty("index").GetInt32());
                    var delta = json.GetProperty("delta");
                    blocks[^1].Text += delta.TryGetProperty("text", out var text) || delta.TryGetProperty("partial_json", out text)
                        ? text.GetString()
                        : "";
                    break;
                case "content_block_stop":
                    Assert.True(open);
                    open = false;
                    break;
                case "message_delta" or "message_stop":
                    Assert.Equal(1, started);
                    Assert.False(open);
                    break;
            }
        }

        return blocks;
    }

    private static string JsonText(Random random, int i) =>
        $$$"""{"i":{{{i}}},"s":"{{{new string([.. Enumerable.Range(0, random.Next(12)).Select(_ => "ab{}[]:, é"[random.Next(10)])])}}}\"\\","o":{"a":[{},[]]}}""";

    private static List<ChatEvent> Interleave(Random random, string[] calls)
    {
        var events = new List<ChatEvent> { new StartedEvent("id", "m", 1, null), new TextEvent(0, "Let me") };
        var at = new int[calls.Length];
        var begun = 0;
        var textLeft = true;
        while (begun < calls.Length || Enumerable.Range(0, calls.Length).Any(i => at[i] < calls[i].Length))
        {
            if (begun < calls.Length && (begun == 0 || random.Next(4) == 0))
            {
                events.Add(new ToolStartedEvent(0, begun, $"call_{begun}", $"tool{begun}"));
                begun++;
            }
            else if (textLeft && random.Next(10) == 0)
            {
                textLeft = false;
                events.Add(new TextEvent(0, " see."));
            }
            else
            {
                var i = random.Next(begun);
                var length = Math.Min(random.Next(8), calls[i].Length - at[i]);
                events.Add(new ToolArgumentsEvent(0, i, calls[i].Substring(at[i], length)));
                at[i] += length;
            }
        }

        if (textLeft)
        {
            events.Add(new TextEvent(0, " see."));
        }

        events.Add(new FinishedEvent(0, FinishReason.ToolCalls));
        events.Add(new UsageEvent(new TokenUsage(10, 0, 0, 0, 5, 0)));
        return events;
    }

    private sealed class Block(string type, string name)
    {
        public string Type { get; } = type;

        public string Name { get; } = name;

        public string Text { get; set; } = "";
    }
}

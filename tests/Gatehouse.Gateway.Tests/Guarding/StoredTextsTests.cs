using Gatehouse.Contracts;
using Gatehouse.Gateway.Guarding;
using Gatehouse.Guardrails;
using Gatehouse.Guardrails.Pii;
using Gatehouse.Guardrails.Policies;

namespace Gatehouse.Gateway.Tests.Guarding;

/// <summary>Stored calls have their texts where calls under way have them, and are judged as those are.</summary>
public sealed class StoredTextsTests
{
    private const string Chat = """
        {"model":"m","messages":[{"role":"system","content":"Be kind."},{"role":"user","content":"Write to ann@example.com"},{"role":"tool","tool_call_id":"t1","content":"from bob@example.com"}]}
        """;

    public static TheoryData<string, string> Streams => new()
    {
        {
            "chat",
            """
            data: {"id":"c","choices":[{"index":0,"delta":{"role":"assistant","content":"Ask eve@exa"},"finish_reason":null}]}

            data: {"id":"c","choices":[{"index":0,"delta":{"content":"mple.com"},"finish_reason":"stop"}]}

            data: [DONE]


            """
        },
        {
            "messages",
            """
            event: message_start
            data: {"type":"message_start","message":{"id":"m","content":[]}}

            event: content_block_start
            data: {"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}

            event: content_block_delta
            data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Ask eve@exa"}}

            event: content_block_delta
            data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"mple.com"}}

            event: message_stop
            data: {"type":"message_stop"}


            """
        },
        {
            "generate",
            """
            data: {"candidates":[{"content":{"parts":[{"text":"Ask eve@exa"}],"role":"model"},"index":0}]}

            data: {"candidates":[{"content":{"parts":[{"text":"mple.com"}],"role":"model"},"index":0,"finishReason":"STOP"}]}


            """
        },
        {
            "responses",
            """
            event: response.output_text.delta
            data: {"type":"response.output_text.delta","sequence_number":3,"item_id":"i","output_index":0,"content_index":0,"delta":"Ask eve@exa"}

            event: response.output_text.delta
            data: {"type":"response.output_text.delta","sequence_number":4,"item_id":"i","output_index":0,"content_index":0,"delta":"mple.com"}

            event: response.output_text.done
            data: {"type":"response.output_text.done","sequence_number":5,"item_id":"i","output_index":0,"content_index":0,"text":"Ask eve@example.com"}


            """
        },
    };

    [Theory]
    [MemberData(nameof(Streams))]
    public void The_pieces_of_a_stream_are_one_text_and_what_repeats_it_is_none(string surface, string answer)
    {
        var texts = StoredTexts.Read(surface, Chat, answer)!;

        var said = Assert.Single(texts, t => t.IsAnswer);
        Assert.Equal(("Ask eve@example.com", DetectionSide.Output), (said.Text, said.About.Side));
    }

    [Fact]
    public void A_request_has_its_sides_its_trust_and_its_system_prompt()
    {
        var texts = StoredTexts.Read("chat", Chat, "")!;

        Assert.Equal(
            [
                ("Be kind.", DetectionSide.Input, true, true), ("Write to ann@example.com", DetectionSide.Input, false, false),
                ("from bob@example.com", DetectionSide.ToolResult, false, false),
            ],
            texts.Select(t => (t.Text, t.About.Side, t.About.IsTrusted, t.IsSystemPrompt)));
        Assert.Equal([0, 1, 2], texts.Select(t => t.About.Part));
    }

    [Theory]
    [InlineData("""{"model":"m","messages":[{"role":"user","content":"cut of""", "")]
    [InlineData("{}", "data: {\"choices\":[")]
    public void Content_that_was_cut_is_not_judged(string request, string answer) => Assert.Null(StoredTexts.Read("chat", request, answer));

    [Fact]
    public void A_replay_stops_at_a_block_as_a_call_does_and_knows_exceptions()
    {
        var texts = StoredTexts.Read("chat", Chat, """{"choices":[{"index":0,"message":{"role":"assistant","content":"eve@example.com"}}]}""")!;
        var policy = Policy.Of(Policy.Pii(GuardAction.Block, PiiTypes.Email));
        var exception = new GuardException(
            "any", GuardDetector.Pii, [], DateTimeOffset.MaxValue, "a", "r") { SystemId = Guid.CreateVersion7() };

        var blocked = PolicyReplay.Judge(policy, texts, [], TimeProvider.System);
        var excepted = PolicyReplay.Judge(policy, texts, [exception], TimeProvider.System);

        Assert.Equal((GuardVerdict.Blocked, 2), (blocked.Verdict, blocked.Texts.Count));
        Assert.Equal((GuardVerdict.Flagged, 4), (excepted.Verdict, excepted.Texts.Count));
        Assert.Equal(3, excepted.Texts.Sum(t => t.Decisions.Count));
    }

    [Fact]
    public void An_exception_of_one_system_is_none_of_another_of_its_name()
    {
        var (mine, other) = (Guid.CreateVersion7(), Guid.CreateVersion7());
        var written = new GuardException("shop", null, [], DateTimeOffset.MaxValue, "a", "r");
        var table = Policy.Table(Policy.Of(), written).WithKey(default, [], [written, written with { SystemId = mine }]);

        Assert.Single(table.ExceptionsOf(mine));
        Assert.Empty(table.ExceptionsOf(other));
    }
}

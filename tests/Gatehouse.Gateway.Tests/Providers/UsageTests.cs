using System.Text.Json;
using Gatehouse.Contracts;
using Gatehouse.Gateway.Providers.Anthropic;
using Gatehouse.Gateway.Providers.Gemini;
using Gatehouse.Gateway.Providers.OpenAi;
using Gatehouse.Gateway.Tests.Wire;

namespace Gatehouse.Gateway.Tests.Providers;

public sealed class UsageTests
{
    [Theory]
    [InlineData("""{"prompt_tokens":100,"completion_tokens":50,"total_tokens":150}""", 100, 0, 0, 50, 0)]
    [InlineData("""{"prompt_tokens":100,"completion_tokens":50,"prompt_tokens_details":{"cached_tokens":60,"cache_write_tokens":30},"completion_tokens_details":{"reasoning_tokens":20}}""", 10, 60, 30, 30, 20)]
    [InlineData("""{"prompt_tokens":10,"completion_tokens":5,"prompt_tokens_details":{"cached_tokens":100}}""", 0, 10, 0, 5, 0)]
    [InlineData("""{"prompt_tokens":10,"completion_tokens":5,"total_tokens":22,"completion_tokens_details":{"reasoning_tokens":7}}""", 10,
        0, 0, 5, 7)]
    [InlineData("""{"prompt_tokens":10,"completion_tokens":5,"prompt_cache_hit_tokens":4,"prompt_tokens_details":null}""", 6, 4, 0, 5, 0)]
    [InlineData("""{"prompt_tokens":10,"completion_tokens":20,"total_tokens":5030}""", 10, 0, 0, 20, 5000)]
    [InlineData("""{"prompt_tokens":10,"completion_tokens":20,"total_tokens":50,"completion_tokens_details":{"reasoning_tokens":8}}""", 10,
        0, 0, 20, 20)]
    [InlineData("""{"input_tokens":10,"output_tokens":20}""", 10, 0, 0, 20, 0)]
    [InlineData("""{"prompt_tokens":0,"completion_tokens":0,"total_tokens":0}""", 0, 0, 0, 0, 0)]
    [InlineData("""{"prompt_tokens":7,"completion_tokens":null}""", 7, 0, 0, 0, 0)]
    [InlineData("""{"prompt_tokens":100000000}""", 100_000_000, 0, 0, 0, 0)]
    public void OpenAi_tokens_fall_into_disjoint_buckets(string usage, long uncached, long read, long write, long output, long reasoning)
    {
        Assert.Equal(new TokenUsage(uncached, read, write, 0, output, reasoning), OpenAiUsage.Read(JsonElement.Parse(usage)));
    }

    [Theory]
    [InlineData("{}")]
    [InlineData("""{"prompt_tokens":null,"completion_tokens":null}""")]
    [InlineData("""{"prompt_tokens":-1,"completion_tokens":5}""")]
    [InlineData("""{"prompt_tokens":"10","completion_tokens":5}""")]
    [InlineData("""{"prompt_tokens":10,"completion_tokens":5,"total_tokens":[1]}""")]
    [InlineData("""{"prompt_tokens":1099511627776,"completion_tokens":5}""")]
    [InlineData("""{"prompt_tokens":1e999,"completion_tokens":5}""")]
    public void What_cannot_be_a_count_makes_the_usage_unknown(string usage)
    {
        var renamed = usage.Replace("prompt", "input", StringComparison.Ordinal).Replace("completion", "output", StringComparison.Ordinal);
        var tap = new OpenAiTap();
        var messages = new AnthropicTap();
        tap.ReadWhole(System.Text.Encoding.UTF8.GetBytes($$"""{"choices":[{"index":0}],"usage":{{usage}}}"""));
        messages.ReadWhole(System.Text.Encoding.UTF8.GetBytes($$"""{"content":[],"usage":{{renamed.Replace("total", "output", StringComparison.Ordinal)}}}"""));

        Assert.Null(OpenAiUsage.Read(JsonElement.Parse(usage)));
        Assert.Null(tap.Usage);
        Assert.Null(messages.Usage);
    }

    [Fact]
    public void What_responses_and_Gemini_have_in_the_total_alone_is_reasoning()
    {
        var tap = new ResponsesTap();
        tap.ReadWhole("""{"status":"completed","output":[],"usage":{"input_tokens":10,"output_tokens":20,"total_tokens":5030}}"""u8);

        Assert.Equal(new TokenUsage(10, 0, 0, 0, 20, 5_000), tap.Usage);
        Assert.Equal(
            new TokenUsage(12, 0, 0, 0, 20, 5_000),
            GeminiUsage.Read(JsonElement.Parse(
                """{"promptTokenCount":10,"toolUsePromptTokenCount":2,"candidatesTokenCount":20,"thoughtsTokenCount":8,"totalTokenCount":5032}""")));
    }

    [Fact]
    public void What_vectors_have_in_the_total_alone_is_input()
    {
        Assert.Equal(new TokenUsage(9, 0, 0, 0, 0, 0), OpenAiUsage.Read(JsonElement.Parse("""{"total_tokens":9}"""), hasOutput: false));
    }

    [Fact]
    public void A_price_that_no_number_holds_costs_the_most_there_is()
    {
        Assert.Equal(Nanos.MostOfCall, new Price(1e20m, 1e20m).CostNanos(new TokenUsage(100_000_000, 0, 0, 0, 5, 0)));
        Assert.Equal(Nanos.MostOfCall, new Price(1_000m, 0).CostNanos(new TokenUsage(100_000_000, 0, 0, 0, 5, 0)));
    }

    [Fact]
    public void Anthropic_tokens_of_a_stream_overwrite_and_do_not_add()
    {
        var tap = new AnthropicTap();

        tap.Read("""{"type":"message_start","message":{"id":"m","content":[],"usage":{"input_tokens":8,"cache_creation_input_tokens":300,"cache_read_input_tokens":1024,"cache_creation":{"ephemeral_5m_input_tokens":100,"ephemeral_1h_input_tokens":200},"output_tokens":1}}}"""u8);
        tap.Read("""{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"\"usage\""}}"""u8);
        tap.Read("""{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"input_tokens":9,"cache_read_input_tokens":null,"output_tokens":60,"output_tokens_details":{"thinking_tokens":48}}}"""u8);

        Assert.Equal(new TokenUsage(9, 1024, 100, 200, 12, 48), tap.Usage);
    }

    [Fact]
    public void Sums_hold_for_a_chat_client_of_an_anthropic_answer()
    {
        var answer = AnthropicAnswerReader.Read(WireFiles.Read("anthropic/text.json"));

        Assert.Equal(new TokenUsage(10, 1024, 100, 200, 12, 0), answer.Usage);
        Assert.Equal(1334, answer.Usage!.Value.TotalInput);
        Assert.Equal(1346, answer.Usage.Value.Total);
    }
}

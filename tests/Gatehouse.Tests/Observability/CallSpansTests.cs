using Gatehouse.Contracts;
using Gatehouse.Observability.Traces;

namespace Gatehouse.Tests.Observability;

public class CallSpansTests
{
    [Fact]
    public void A_call_with_a_fallback_has_the_names_of_the_convention()
    {
        var spans = CallSpans.Of(Samples.Summary(), Samples.Document());

        Assert.Equal(["chat smart", "admission", "chat gpt-5", "chat claude-sonnet-5", "stream"], spans.Select(span => span.Name));
        Assert.Equal(
            [TraceSpanKind.Server, TraceSpanKind.Internal, TraceSpanKind.Client, TraceSpanKind.Client, TraceSpanKind.Internal],
            spans.Select(span => span.Kind));
        Assert.All(spans.Skip(1), span => Assert.Equal("00f067aa0ba902b7", span.ParentSpanId));
        Assert.Equal(5, spans.Select(span => span.SpanId).Distinct().Count());

        var failed = spans[2].ToCallSpan();
        Assert.Equal("the provider is overloaded", failed.Error);
        Assert.Equal("overloaded", failed.Attributes["error.type"]);
        Assert.Equal("azure.ai.openai", failed.Attributes["gen_ai.provider.name"]);
        Assert.Equal("contoso.example", failed.Attributes["server.address"]);
        Assert.Equal("443", failed.Attributes["server.port"]);
        Assert.DoesNotContain("gen_ai.usage.input_tokens", failed.Attributes);

        var answered = spans[3].ToCallSpan();
        Assert.Null(answered.Error);
        Assert.Equal("chat", answered.Attributes["gen_ai.operation.name"]);
        Assert.Equal("anthropic", answered.Attributes["gen_ai.provider.name"]);
        Assert.Equal("claude-sonnet-5", answered.Attributes["gen_ai.request.model"]);
        Assert.Equal("claude-sonnet-5-20260101", answered.Attributes["gen_ai.response.model"]);
        Assert.Equal("stop", answered.Attributes["gen_ai.response.finish_reasons"]);
        Assert.Equal("1110", answered.Attributes["gen_ai.usage.input_tokens"]);
        Assert.Equal("60", answered.Attributes["gen_ai.usage.output_tokens"]);
        Assert.Equal("100", answered.Attributes["gen_ai.usage.cache_read.input_tokens"]);
        Assert.Equal("10", answered.Attributes["gen_ai.usage.cache_creation.input_tokens"]);
        Assert.Equal("20", answered.Attributes["gen_ai.usage.reasoning.output_tokens"]);
        Assert.Equal("true", answered.Attributes["gen_ai.request.stream"]);
        Assert.Equal("0.25", answered.Attributes["gen_ai.response.time_to_first_chunk"]);
        Assert.Equal(0.7, Assert.IsType<double>(spans[3].Attributes.Single(a => a.Key == "gen_ai.request.temperature").Value));
    }

    [Fact]
    public void A_refused_call_has_an_admission_that_says_why()
    {
        var call = Samples.Summary() with
        {
            Outcome = CallOutcome.Refused, Status = 404, ErrorCode = "unknown_model", ErrorMessage = "There is no route 'smart'.",
            Streamed = false,
        };

        var spans = CallSpans.Of(call, Samples.Document() with { Attempts = [] });

        Assert.Equal(["chat smart", "admission"], spans.Select(span => span.Name));
        Assert.Equal("There is no route 'smart'.", spans[1].Error);
        Assert.Equal(call.DurationMicros, spans[1].EndMicros);
        Assert.Equal("unknown_model", spans[0].ToCallSpan().Attributes["error.type"]);
    }

    [Fact]
    public void The_same_call_has_the_same_span_ids_each_time()
    {
        var first = CallSpans.Of(Samples.Summary(), Samples.Document()).Select(span => span.SpanId);
        var second = CallSpans.Of(Samples.Summary(), Samples.Document()).Select(span => span.SpanId);

        Assert.Equal(first, second);
        Assert.All(first, id => Assert.Matches("^[0-9a-f]{16}$", id));
    }
}

namespace Gatehouse.Gateway.Tests.Calls;

/// <summary>Small wire texts that many tests share.</summary>
internal static class Wire
{
    public const string ChatRequest = """{"model":"fast","messages":[{"role":"user","content":"Hello"}]}""";
    public const string StreamRequest = """{"model":"fast","stream":true,"messages":[{"role":"user","content":"Hello"}]}""";

    public const string MessagesRequest = """{"model":"fast","max_tokens":64,"messages":[{"role":"user","content":"Hello"}]}""";
    public const string MessagesStreamRequest =
        """{"model":"fast","max_tokens":64,"stream":true,"messages":[{"role":"user","content":"Hello"}]}""";

    public const string ChatAnswer =
        """{"id":"c1","object":"chat.completion","created":1,"model":"m-2026","choices":[{"index":0,"message":{"role":"assistant","content":"Hi"},"finish_reason":"stop"}],"usage":{"prompt_tokens":100,"completion_tokens":20,"total_tokens":120,"prompt_tokens_details":{"cached_tokens":40},"completion_tokens_details":{"reasoning_tokens":5}},"x_unknown":1}""";

    public const string MessagesAnswer =
        """{"id":"msg_1","type":"message","role":"assistant","model":"claude-x","content":[{"type":"text","text":"Hi"}],"stop_reason":"end_turn","stop_sequence":null,"usage":{"input_tokens":10,"cache_creation_input_tokens":30,"cache_read_input_tokens":40,"cache_creation":{"ephemeral_5m_input_tokens":10,"ephemeral_1h_input_tokens":20},"output_tokens":7}}""";

    public const string GeminiRequest = """{"contents":[{"role":"user","parts":[{"text":"Hello"}]}]}""";

    public const string GeminiAnswer =
        """{"candidates":[{"content":{"parts":[{"text":"Hi"}],"role":"model"},"finishReason":"STOP","index":0}],"usageMetadata":{"promptTokenCount":10,"cachedContentTokenCount":4,"candidatesTokenCount":2,"thoughtsTokenCount":3,"totalTokenCount":15},"modelVersion":"gemini-x-001","responseId":"r1","xUnknown":1}""";

    public const string GeminiHello =
        """data: {"candidates":[{"content":{"parts":[{"text":"Hello"}],"role":"model"},"index":0}],"usageMetadata":{"promptTokenCount":10,"totalTokenCount":10},"modelVersion":"gemini-x-001","responseId":"r1"}""" + "\r\n\r\n";
    public const string GeminiEnd =
        """data: {"candidates":[{"content":{"parts":[{"text":"!"}],"role":"model"},"finishReason":"STOP","index":0}],"usageMetadata":{"promptTokenCount":10,"candidatesTokenCount":2,"totalTokenCount":12},"modelVersion":"gemini-x-001","responseId":"r1"}""" + "\r\n\r\n";

    public const string Role =
        """data: {"id":"c1","object":"chat.completion.chunk","created":1,"model":"m-2026","choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}],"usage":null}""" + "\n\n";
    public const string Hello =
        """data: {"id":"c1","object":"chat.completion.chunk","created":1,"model":"m-2026","choices":[{"index":0,"delta":{"content":"Hello"},"finish_reason":null}],"usage":null}""" + "\n\n";
    public const string Finish =
        """data: {"id":"c1","object":"chat.completion.chunk","created":1,"model":"m-2026","choices":[{"index":0,"delta":{},"finish_reason":"stop"}],"usage":null}""" + "\n\n";
    public const string Usage =
        """data: {"id":"c1","object":"chat.completion.chunk","created":1,"model":"m-2026","choices":[],"usage":{"prompt_tokens":9,"completion_tokens":3,"total_tokens":12}}""" + "\n\n";
    public const string Done = "data: [DONE]\n\n";
    public const string ErrorEvent =
        """data: {"error":{"message":"The server had an error","type":"server_error","param":null,"code":null}}""" + "\n\n";
    public const string WholeStream = Role + Hello + Finish + Usage + Done;

    public const string MessageStart = "event: message_start\n"
        + """data: {"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant","model":"claude-x","content":[],"stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":10,"cache_read_input_tokens":5,"cache_creation_input_tokens":0,"output_tokens":1}}}""" + "\n\n";
    public const string BlockStart = "event: content_block_start\n"
        + """data: {"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}""" + "\n\n";
    public const string BlockDelta = "event: content_block_delta\n"
        + """data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Hello"}}""" + "\n\n";
    public const string BlockStop = "event: content_block_stop\n" + """data: {"type":"content_block_stop","index":0}""" + "\n\n";
    public const string MessageDelta = "event: message_delta\n"
        + """data: {"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":{"output_tokens":12}}"""
        + "\n\n";
    public const string MessageStop = "event: message_stop\n" + """data: {"type":"message_stop"}""" + "\n\n";
    public const string MessagesError = "event: error\n"
        + """data: {"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}""" + "\n\n";
    public const string WholeMessagesStream = MessageStart + BlockStart + BlockDelta + BlockStop + MessageDelta + MessageStop;
}

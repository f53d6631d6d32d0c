using Gatehouse.Gateway.Providers;

namespace Gatehouse.Gateway.Tests.Conversation;

/// <summary>A request with one feature, in the words of each format that has any for it.</summary>
/// <param name="Marks">One of these is in a provider's request that carries the feature, and in no other.</param>
internal sealed record RequestFeature(string Name, string? Chat, string? Messages, string? Generate, params string[] Marks)
{
    public string? Responses { get; init; }

    public string? Of(WireFormat wire) =>
        wire switch { WireFormat.OpenAi => Chat, WireFormat.Anthropic => Messages, WireFormat.Responses => Responses, _ => Generate };
}

/// <summary>A part of an answer, in the words of each format that has any for it.</summary>
internal sealed record AnswerFeature(
    string Name, string? Chat, string? Messages, string? Generate, string? Bedrock, string? Cohere, params string[] Marks)
{
    public string? Of(WireFormat wire) => wire switch
    {
        WireFormat.OpenAi => Chat,
        WireFormat.Anthropic => Messages,
        WireFormat.Gemini => Generate,
        WireFormat.Bedrock => Bedrock,
        _ => Cohere,
    };
}

/// <summary>The rows of docs/reference/translation.md. Values are marks that no format would write by itself.</summary>
internal static class TranslationFeatures
{
    private const string Hi = """[{"role":"user","content":"hi"}]""";
    private const string Schema =
        """{"type":"object","properties":{"schema_mark":{"type":"string"}},"required":["schema_mark"],"additionalProperties":false}""";
    private const string ChatTool =
        """{"type":"function","function":{"name":"tool_mark","parameters":{"type":"object","properties":{}}}}""";
    private const string ChatStrictTool = """{"type":"function","function":{"name":"t","strict":true,"parameters":""" + Schema + "}}";
    private const string ResponsesTool = """{"type":"function","name":"tool_mark","parameters":{"type":"object","properties":{}}}""";
    private const string ResponsesStrictTool = """{"type":"function","name":"t","strict":true,"parameters":""" + Schema + "}";
    private const string MessagesTool = """{"name":"tool_mark","input_schema":{"type":"object","properties":{}}}""";
    private const string MessagesStrictTool = """{"name":"t","strict":true,"input_schema":""" + Schema + "}";
    private const string GenerateTool =
        """{"functionDeclarations":[{"name":"tool_mark","parametersJsonSchema":{"type":"object","properties":{"x":{"type":"string"}}}}]}""";

    public static readonly RequestFeature[] Requests =
    [
        new("text", Chat("""[{"role":"user","content":"TEXT-MARK"}]"""), Messages("""[{"role":"user","content":"TEXT-MARK"}]"""),
            Contents(User("""{"text":"TEXT-MARK"}""")), "TEXT-MARK")
        { Responses = Responses("\"TEXT-MARK\"") },
        new("system prompt", Chat("""[{"role":"system","content":"SYSTEM-MARK"},{"role":"user","content":"hi"}]"""),
            Messages(Hi, "\"system\":\"SYSTEM-MARK\""),
            Contents(User("""{"text":"hi"}"""), """ "systemInstruction":{"parts":[{"text":"SYSTEM-MARK"}]} """), "SYSTEM-MARK")
        { Responses = Responses("\"hi\"", "\"instructions\":\"SYSTEM-MARK\"") },
        new("image by value",
            Chat("""[{"role":"user","content":[{"type":"image_url","image_url":{"url":"data:image/png;base64,SU1HTUFSSw=="}}]}]"""),
            Messages("""[{"role":"user","content":[{"type":"image","source":{"type":"base64","media_type":"image/png","data":"SU1HTUFSSw=="}}]}]"""),
            Contents(User("""{"inlineData":{"mimeType":"image/png","data":"SU1HTUFSSw=="}}""")), "SU1HTUFSSw==")
        { Responses = Responses(
            """[{"role":"user","content":[{"type":"input_image","image_url":"data:image/png;base64,SU1HTUFSSw=="}]}]""") },
        new("image by address",
            Chat("""[{"role":"user","content":[{"type":"image_url","image_url":{"url":"https://img.example/mark.png"}}]}]"""),
            Messages("""[{"role":"user","content":[{"type":"image","source":{"type":"url","url":"https://img.example/mark.png"}}]}]"""),
            Contents(User("""{"fileData":{"mimeType":"image/png","fileUri":"https://img.example/mark.png"}}""")),
            "https://img.example/mark.png")
        { Responses = Responses("""[{"role":"user","content":[{"type":"input_image","image_url":"https://img.example/mark.png"}]}]""") },
        new("PDF by value",
            Chat("""[{"role":"user","content":[{"type":"text","text":"x"},{"type":"file","file":{"filename":"a.pdf","file_data":"data:application/pdf;base64,UERGTUFSSw=="}}]}]"""),
            Messages("""[{"role":"user","content":[{"type":"document","source":{"type":"base64","media_type":"application/pdf","data":"UERGTUFSSw=="}}]}]"""),
            Contents(User("""{"inlineData":{"mimeType":"application/pdf","data":"UERGTUFSSw=="}}""")), "UERGTUFSSw==")
        { Responses = Responses(
            """[{"role":"user","content":[{"type":"input_file","filename":"a.pdf","file_data":"data:application/pdf;base64,UERGTUFSSw=="}]}]""") },
        new("file by a provider's id",
            Chat("""[{"role":"user","content":[{"type":"text","text":"x"},{"type":"file","file":{"file_id":"file-mark"}}]}]"""),
            Messages("""[{"role":"user","content":[{"type":"text","text":"x"},{"type":"document","source":{"type":"file","file_id":"file-mark"}}]}]"""), null, "file-mark")
        { Responses = Responses(
            """[{"role":"user","content":[{"type":"input_text","text":"x"},{"type":"input_file","file_id":"file-mark"}]}]""") },
        new("audio",
            Chat("""[{"role":"user","content":[{"type":"text","text":"x"},{"type":"input_audio","input_audio":{"data":"QVVNQVJL","format":"wav"}}]}]"""), null,
            Contents(User("""{"text":"x"},{"inlineData":{"mimeType":"audio/wav","data":"QVVNQVJL"}}""")), "QVVNQVJL"),
        new("tools", Chat(Hi, $"\"tools\":[{ChatTool}]"), Messages(Hi, $"\"tools\":[{MessagesTool}]"),
            Contents(User("""{"text":"hi"}"""), $"\"tools\":[{GenerateTool}]"), "tool_mark")
        { Responses = Responses("\"hi\"", $"\"tools\":[{ResponsesTool}]") },
        new("strict tools", Chat(Hi, $"\"tools\":[{ChatStrictTool}]"), Messages(Hi, $"\"tools\":[{MessagesStrictTool}]"), null,
            "\"strict\":true", "strict_tools", "VALIDATED")
        { Responses = Responses("\"hi\"", $"\"tools\":[{ResponsesStrictTool}]") },
        new("tool calls and results",
            Chat("""[{"role":"user","content":"hi"},{"role":"assistant","tool_calls":[{"id":"c1","type":"function","function":{"name":"t","arguments":"{}"}}]},{"role":"tool","tool_call_id":"c1","content":"RESULT-MARK"}]"""),
            Messages("""[{"role":"user","content":"hi"},{"role":"assistant","content":[{"type":"tool_use","id":"c1","name":"t","input":{}}]},{"role":"user","content":[{"type":"tool_result","tool_use_id":"c1","content":"RESULT-MARK"}]}]"""),
            Contents("""{"role":"user","parts":[{"text":"hi"}]},{"role":"model","parts":[{"functionCall":{"name":"t","args":{}}}]},{"role":"user","parts":[{"functionResponse":{"name":"t","response":{"output":"RESULT-MARK"}}}]}"""), "RESULT-MARK")
        { Responses = Responses(
            """[{"role":"user","content":"hi"},{"type":"function_call","call_id":"c1","name":"t","arguments":"{}"},{"type":"function_call_output","call_id":"c1","output":"RESULT-MARK"}]""") },
        new("images in tool results", null,
            Messages("""[{"role":"user","content":"hi"},{"role":"assistant","content":[{"type":"tool_use","id":"c1","name":"t","input":{}}]},{"role":"user","content":[{"type":"tool_result","tool_use_id":"c1","content":[{"type":"image","source":{"type":"base64","media_type":"image/png","data":"SU1HTUFSSw=="}}]}]}]"""), null, "SU1HTUFSSw=="),
        new("failed tools", null,
            Messages("""[{"role":"user","content":"hi"},{"role":"assistant","content":[{"type":"tool_use","id":"c1","name":"t","input":{}}]},{"role":"user","content":[{"type":"tool_result","tool_use_id":"c1","content":"x","is_error":true}]}]"""),
            Contents("""{"role":"user","parts":[{"text":"hi"}]},{"role":"model","parts":[{"functionCall":{"name":"t","args":{}}}]},{"role":"user","parts":[{"functionResponse":{"name":"t","response":{"error":"x"}}}]}"""),
            "Error: x", "\"error\":\"x\"", "is_error", "\"status\":\"error\""),
        new("a tool must be called", Chat(Hi, $"\"tools\":[{ChatTool}],\"tool_choice\":\"required\""), Messages(Hi, $$"""
            "tools":[{{MessagesTool}}],"tool_choice":{"type":"any"}
            """), Contents(User("""{"text":"hi"}"""), $$$"""
            "tools":[{{{GenerateTool}}}],"toolConfig":{"functionCallingConfig":{"mode":"ANY"}}
            """), "\"required\",\"parallel", "\"tool_choice\":\"required\"", "\"type\":\"any\"", "\"ANY\"", "\"any\":{}", "\"REQUIRED\"")
        { Responses = Responses("\"hi\"", $"\"tools\":[{ResponsesTool}],\"tool_choice\":\"required\"") },
        new("this tool must be called", Chat(Hi, $$$"""
            "tools":[{{{ChatTool}}}],"tool_choice":{"type":"function","function":{"name":"tool_mark"}}
            """), Messages(Hi, $$"""
            "tools":[{{MessagesTool}}],"tool_choice":{"type":"tool","name":"tool_mark"}
            """), Contents(User("""{"text":"hi"}"""), $$$"""
            "tools":[{{{GenerateTool}}}],"toolConfig":{"functionCallingConfig":{"mode":"ANY","allowedFunctionNames":["tool_mark"]}}
            """), "\"tool_choice\":{\"type\":\"function\"", "\"type\":\"tool\"", "allowedFunctionNames", "\"toolChoice\":{\"tool\"", "\"REQUIRED\""),
        new("no tool may be called", Chat(Hi, $"\"tools\":[{ChatTool}],\"tool_choice\":\"none\""), Messages(Hi, $$"""
            "tools":[{{MessagesTool}}],"tool_choice":{"type":"none"}
            """), Contents(User("""{"text":"hi"}"""), $$$"""
            "tools":[{{{GenerateTool}}}],"toolConfig":{"functionCallingConfig":{"mode":"NONE"}}
            """), "\"tool_choice\":\"none\"", "\"type\":\"none\"", "\"NONE\"", "\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"hi\"}]}]}", "\"maxTokens\":4000}}")
        { Responses = Responses("\"hi\"", $"\"tools\":[{ResponsesTool}],\"tool_choice\":\"none\"") },
        new("one tool call at a time", Chat(Hi, $"\"tools\":[{ChatTool}],\"parallel_tool_calls\":false"), Messages(Hi, $$"""
            "tools":[{{MessagesTool}}],"tool_choice":{"type":"auto","disable_parallel_tool_use":true}
            """), null, "\"parallel_tool_calls\":false", "disable_parallel_tool_use")
        { Responses = Responses("\"hi\"", $"\"tools\":[{ResponsesTool}],\"parallel_tool_calls\":false") },
        new("JSON of any shape", Chat(Hi, """ "response_format":{"type":"json_object"} """), null,
            Contents(User("""{"text":"hi"}"""), """ "generationConfig":{"responseMimeType":"application/json"} """),
            "json_object", "application/json", "one JSON object")
        { Responses = Responses("\"hi\"", """ "text":{"format":{"type":"json_object"}} """) },
        new("JSON schema",
            Chat(Hi, $$$$""" "response_format":{"type":"json_schema","json_schema":{"name":"a","strict":true,"schema":{{{{Schema}}}}}} """),
            Messages(Hi, $$$$""" "output_config":{"format":{"type":"json_schema","schema":{{{{Schema}}}}}} """),
            Contents(User("""{"text":"hi"}"""),
                $$$$""" "generationConfig":{"responseMimeType":"application/json","responseJsonSchema":{{{{Schema}}}}} """), "schema_mark")
        { Responses = Responses(
            "\"hi\"", $$$$""" "text":{"format":{"type":"json_schema","name":"a","strict":true,"schema":{{{{Schema}}}}}} """) },
        new("JSON schema beside tools",
            Chat(Hi, $$$$""" "tools":[{{{{ChatTool}}}}],"response_format":{"type":"json_schema","json_schema":{"name":"a","strict":true,"schema":{{{{Schema}}}}}} """),
            Messages(Hi,
                $$$$""" "tools":[{{{{MessagesTool}}}}],"output_config":{"format":{"type":"json_schema","schema":{{{{Schema}}}}}} """), null,
                "schema_mark"),
        new("reasoning effort", Chat(Hi, "\"reasoning_effort\":\"high\""),
            Messages(Hi, """ "thinking":{"type":"enabled","budget_tokens":3000} """),
            Contents(User("""{"text":"hi"}"""), """ "generationConfig":{"thinkingConfig":{"thinkingBudget":3000}} """), "reasoning_effort",
            "\"thinking\":{", "thinkingConfig")
        { Responses = Responses("\"hi\"", """ "reasoning":{"effort":"high"} """) },
        new("signed thinking of earlier turns",
            Chat("""[{"role":"user","content":"hi"},{"role":"assistant","content":"x","reasoning_details":[{"type":"reasoning.text","text":"THOUGHT-MARK","signature":"U0lH","format":"anthropic-claude-v1","index":0}]},{"role":"user","content":"hi"}]"""),
            Messages("""[{"role":"user","content":"hi"},{"role":"assistant","content":[{"type":"thinking","thinking":"THOUGHT-MARK","signature":"U0lH"},{"type":"text","text":"x"}]},{"role":"user","content":"hi"}]"""),
            Contents("""{"role":"user","parts":[{"text":"hi"}]},{"role":"model","parts":[{"text":"THOUGHT-MARK","thought":true,"thoughtSignature":"YW50aHJvcGljLWNsYXVkZS12MTpVMGxI"},{"text":"x"}]},{"role":"user","parts":[{"text":"hi"}]}"""), "THOUGHT-MARK"),
        new("prompt-cache hints",
            Chat("""[{"role":"user","content":[{"type":"text","text":"hi","cache_control":{"type":"ephemeral"}}]}]"""),
            Messages("""[{"role":"user","content":[{"type":"text","text":"hi","cache_control":{"type":"ephemeral"}}]}]"""), null,
            "cache_control", "cachePoint"),
        new("output limit", Chat(Hi, "\"max_completion_tokens\":4321"), $$"""{"model":"m","max_tokens":4321,"messages":{{Hi}}}""",
            Contents(User("""{"text":"hi"}"""), """ "generationConfig":{"maxOutputTokens":4321} """), "4321")
        { Responses = Responses("\"hi\"", "\"max_output_tokens\":4321") },
        new("temperature", Chat(Hi, "\"temperature\":0.37"), Messages(Hi, "\"temperature\":0.37"),
            Contents(User("""{"text":"hi"}"""), """ "generationConfig":{"temperature":0.37} """), "0.37")
        { Responses = Responses("\"hi\"", "\"temperature\":0.37") },
        new("temperature above 1", Chat(Hi, "\"temperature\":1.37"), null,
            Contents(User("""{"text":"hi"}"""), """ "generationConfig":{"temperature":1.37} """), "1.37", "\"temperature\":1")
        { Responses = Responses("\"hi\"", "\"temperature\":1.37") },
        new("top_p", Chat(Hi, "\"top_p\":0.83"), Messages(Hi, "\"top_p\":0.83"),
            Contents(User("""{"text":"hi"}"""), """ "generationConfig":{"topP":0.83} """), "0.83")
        { Responses = Responses("\"hi\"", "\"top_p\":0.83") },
        new("top_k", null, Messages(Hi, "\"top_k\":37"), Contents(User("""{"text":"hi"}"""), """ "generationConfig":{"topK":37} """),
            "\"top_k\":37", "\"topK\":37", "\"k\":37"),
        new("stop sequences", Chat(Hi, "\"stop\":[\"STOP-MARK\"]"), Messages(Hi, "\"stop_sequences\":[\"STOP-MARK\"]"),
            Contents(User("""{"text":"hi"}"""), """ "generationConfig":{"stopSequences":["STOP-MARK"]} """), "STOP-MARK"),
        new("several answers (`n`)", Chat(Hi, "\"n\":3"), null,
            Contents(User("""{"text":"hi"}"""), """ "generationConfig":{"candidateCount":3} """), "\"n\":3", "\"candidateCount\":3"),
        new("seed", Chat(Hi, "\"seed\":777001"), null, Contents(User("""{"text":"hi"}"""), """ "generationConfig":{"seed":777001} """),
            "777001"),
        new("presence and frequency penalties", Chat(Hi, "\"presence_penalty\":0.61,\"frequency_penalty\":0.62"), null,
            Contents(User("""{"text":"hi"}"""), """ "generationConfig":{"presencePenalty":0.61,"frequencyPenalty":0.62} """), "0.61"),
        new("logprobs", Chat(Hi, "\"logprobs\":true,\"top_logprobs\":2"), null,
            Contents(User("""{"text":"hi"}"""), """ "generationConfig":{"responseLogprobs":true,"logprobs":2} """), "logprobs")
        { Responses = Responses("\"hi\"", "\"top_logprobs\":2") },
        new("logit bias", Chat(Hi, "\"logit_bias\":{\"50256\":-100}"), null, null, "50256"),
        new("user", Chat(Hi, "\"user\":\"user-mark\""), Messages(Hi, """ "metadata":{"user_id":"user-mark"} """), null, "user-mark")
        { Responses = Responses("\"hi\"", "\"user\":\"user-mark\"") },
        new("service tier", Chat(Hi, "\"service_tier\":\"flex\""), null, null, "flex")
        { Responses = Responses("\"hi\"", "\"service_tier\":\"flex\"") },
        new("a tool that runs at the provider", null, Messages(Hi, """ "tools":[{"type":"web_search_20250305","name":"web_search"}] """),
            Contents(User("""{"text":"hi"}"""), "\"tools\":[{\"googleSearch\":{}}]"), "web_search", "googleSearch")
        { Responses = Responses("\"hi\"", """ "tools":[{"type":"web_search"}] """) },
        new("a field that nobody knows", Chat(Hi, "\"unknown_mark\":1"), Messages(Hi, "\"unknown_mark\":1"),
            Contents(User("""{"text":"hi"}"""), "\"unknownMark\":1"), "unknown_mark")
        { Responses = Responses("\"hi\"", "\"unknown_mark\":1") },
    ];

    public static readonly AnswerFeature[] Answers =
    [
        new("text", ChatAnswer("\"content\":\"TEXT-MARK\""), MessagesAnswer("""{"type":"text","text":"TEXT-MARK"}"""), GenerateAnswer(
            """{"text":"TEXT-MARK"}"""), BedrockAnswer("""{"text":"TEXT-MARK"}"""), CohereAnswer("""
            "content":[{"type":"text","text":"TEXT-MARK"}]
            """), "TEXT-MARK"),
        new("parallel tool calls", ChatAnswer("""
            "content":null,"tool_calls":[{"id":"a","type":"function","function":{"name":"one","arguments":"{}"}},{"id":"b","type":"function","function":{"name":"tool_mark","arguments":"{}"}}]
            """, "tool_calls"), MessagesAnswer("""{"type":"tool_use","id":"a","name":"one","input":{}},{"type":"tool_use","id":"b","name":"tool_mark","input":{}}""", "tool_use"),
            GenerateAnswer("""{"functionCall":{"name":"one","args":{}}},{"functionCall":{"name":"tool_mark","args":{}}}"""),
            BedrockAnswer(
                """{"toolUse":{"toolUseId":"a","name":"one","input":{}}},{"toolUse":{"toolUseId":"b","name":"tool_mark","input":{}}}""",
                "tool_use"),
            CohereAnswer("""
            "tool_calls":[{"id":"a","type":"function","function":{"name":"one","arguments":"{}"}},{"id":"b","type":"function","function":{"name":"tool_mark","arguments":"{}"}}]
            """, "TOOL_CALL"), "tool_mark"),
        new("thinking", ChatAnswer("\"content\":\"x\",\"reasoning_content\":\"THOUGHT-MARK\""),
            MessagesAnswer("""{"type":"thinking","thinking":"THOUGHT-MARK","signature":"U0lH"}"""),
            GenerateAnswer("""{"text":"THOUGHT-MARK","thought":true},{"text":"x"}"""),
            BedrockAnswer("""{"reasoningContent":{"reasoningText":{"text":"THOUGHT-MARK","signature":"U0lH"}}}"""),
            CohereAnswer("""
            "content":[{"type":"thinking","thinking":"THOUGHT-MARK"},{"type":"text","text":"x"}]
            """), "THOUGHT-MARK"),
        new("signature of the thinking", null, MessagesAnswer("""{"type":"thinking","thinking":"t","signature":"U0lHTUFSSw=="}"""), null,
            BedrockAnswer("""{"reasoningContent":{"reasoningText":{"text":"t","signature":"U0lHTUFSSw=="}}}"""), null, "U0lHTUFSSw==",
            "YW50aHJvcGljLWNsYXVkZS12MTpVMGxIVFVGU1N3PT0="),
        new("signature of a tool call", null, null,
            GenerateAnswer("""{"functionCall":{"name":"one","args":{}},"thoughtSignature":"U0lHTUFSSw=="}"""), null, null, "U0lHTUFSSw==",
            "VTBsSFRVRlNTdz09"),
        new("refusal", ChatAnswer("\"content\":null,\"refusal\":\"no\"", "content_filter"),
            MessagesAnswer("""{"type":"text","text":"no"}""", "refusal"),
            """{"promptFeedback":{"blockReason":"SAFETY"},"usageMetadata":{"promptTokenCount":1,"totalTokenCount":1}}""",
            BedrockAnswer("""{"text":"no"}""", "content_filtered"),
            CohereAnswer("\"content\":[{\"type\":\"text\",\"text\":\"no\"}]", "ERROR_TOXIC"), "content_filter",
            "\"stop_reason\":\"refusal\"", "SAFETY"),
        new("output limit reached", ChatAnswer("\"content\":\"x\"", "length"),
            MessagesAnswer("""{"type":"text","text":"x"}""", "max_tokens"), GenerateAnswer("""{"text":"x"}""", "MAX_TOKENS"),
            BedrockAnswer("""{"text":"x"}""", "max_tokens"), CohereAnswer("\"content\":[{\"type\":\"text\",\"text\":\"x\"}]", "MAX_TOKENS"),
            "\"finish_reason\":\"length\"", "\"stop_reason\":\"max_tokens\"", "MAX_TOKENS"),
        new("which stop sequence was met", null,
            """{"id":"i","type":"message","role":"assistant","model":"m","content":[{"type":"text","text":"x"}],"stop_reason":"stop_sequence","stop_sequence":"STOP-MARK","usage":{"input_tokens":1,"output_tokens":1}}""", null, null, null, "STOP-MARK"),
        new("tokens read from the cache", ChatAnswer("\"content\":\"x\""), MessagesAnswer("""{"type":"text","text":"x"}"""),
            GenerateAnswer("""{"text":"x"}"""), BedrockAnswer("""{"text":"x"}"""),
            CohereAnswer("\"content\":[{\"type\":\"text\",\"text\":\"x\"}]"), "777"),
        new("logprobs",
            """{"id":"i","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"x"},"logprobs":{"content":[{"token":"x","logprob":-0.123456,"bytes":null,"top_logprobs":[]}]},"finish_reason":"stop"}]}""",
            null, null, null, null, "-0.123456"),
    ];

    public static string Plain(WireFormat wire) => Requests[0].Of(wire)!;

    private static string Chat(string messages, string more = "") => $$"""{"model":"m","messages":{{messages}}{{And(more)}}}""";

    private static string Messages(string messages, string more = "") =>
        $$"""{"model":"m","max_tokens":4000,"messages":{{messages}}{{And(more)}}}""";

    private static string Responses(string input, string more = "") => $$"""{"model":"m","input":{{input}}{{And(more)}}}""";

    private static string Contents(string contents, string more = "") => $$"""{"contents":[{{contents}}]{{And(more)}}}""";

    private static string User(string parts) => $$"""{"role":"user","parts":[{{parts}}]}""";

    private static string And(string more) => more.Length > 0 ? "," + more : "";

    private static string ChatAnswer(string message, string finish = "stop") =>
        $$$$"""{"id":"i","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":{"role":"assistant",{{{{message}}}}},"finish_reason":"{{{{finish}}}}"}],"usage":{"prompt_tokens":1000,"completion_tokens":1,"total_tokens":1001,"prompt_tokens_details":{"cached_tokens":777}}}""";

    private static string MessagesAnswer(string content, string stop = "end_turn") =>
        $$$"""{"id":"i","type":"message","role":"assistant","model":"m","content":[{{{content}}}],"stop_reason":"{{{stop}}}","usage":{"input_tokens":223,"cache_read_input_tokens":777,"output_tokens":1}}""";

    private static string GenerateAnswer(string parts, string finish = "STOP") =>
        $$$"""{"candidates":[{"content":{"parts":[{{{parts}}}],"role":"model"},"finishReason":"{{{finish}}}","index":0}],"usageMetadata":{"promptTokenCount":1000,"cachedContentTokenCount":777,"candidatesTokenCount":1,"totalTokenCount":1001},"modelVersion":"m","responseId":"i"}""";

    private static string BedrockAnswer(string content, string stop = "end_turn") =>
        $$$"""{"output":{"message":{"role":"assistant","content":[{{{content}}}]}},"stopReason":"{{{stop}}}","usage":{"inputTokens":223,"cacheReadInputTokens":777,"outputTokens":1,"totalTokens":1001}}""";

    private static string CohereAnswer(string message, string finish = "COMPLETE") =>
        $$$"""{"id":"i","message":{"role":"assistant",{{{message}}}},"finish_reason":"{{{finish}}}","usage":{"billed_units":{"input_tokens":1000,"output_tokens":1},"cached_tokens":777}}""";
}

using System.Text;

namespace Gatehouse.Gateway.Tests.Fuzzing;

/// <summary>Good requests of each format that clients speak, with most of what the format has in them.</summary>
internal static class RequestSeeds
{
    private const string Pixel = "iVBORw0KGgo=";

    public static readonly byte[] Chat = Bytes($$$$$$"""
        {"model":"fast","stream":true,"stream_options":{"include_usage":true},"max_completion_tokens":100,"temperature":0.5,"top_p":0.9,"n":2,
        "stop":["a","b"],"seed":7,"user":"ann","logprobs":true,"top_logprobs":2,"presence_penalty":0.1,"frequency_penalty":0.1,
        "logit_bias":{"5":1},"metadata":{"k":"v"},"parallel_tool_calls":false,"reasoning_effort":"low","service_tier":"auto",
        "response_format":{"type":"json_schema","json_schema":{"name":"a","strict":true,"schema":{"type":"object","properties":{"x":{"type":"integer"}},"required":["x"]}}},
        "tools":[{"type":"function","function":{"name":"f","description":"d","strict":true,"parameters":{"type":"object","properties":{"c":{"type":"string"}}}}}],
        "tool_choice":{"type":"function","function":{"name":"f"}},
        "messages":[{"role":"system","content":"Be brief."},{"role":"developer","content":[{"type":"text","text":"x"}]},
        {"role":"user","name":"ann","content":[{"type":"text","text":"Hi","cache_control":{"type":"ephemeral"}},
        {"type":"image_url","image_url":{"url":"data:image/png;base64,{{{{{{Pixel}}}}}}","detail":"low"}},{"type":"file","file":{"filename":"a.pdf","file_data":"data:application/pdf;base64,AAAA"}},
        {"type":"input_audio","input_audio":{"data":"AAAA","format":"wav"}}]},
        {"role":"assistant","content":null,"refusal":null,"reasoning_content":"hm","reasoning_details":[{"type":"reasoning.text","text":"hm","signature":"s"}],
        "tool_calls":[{"id":"t1","type":"function","function":{"name":"f","arguments":"{\"c\":\"x\"}"}}]},
        {"role":"tool","tool_call_id":"t1","content":"done"},{"role":"user","content":"and?"}]}
        """);

    public static readonly byte[] Messages = Bytes($$$$$$"""
        {"model":"fast","max_tokens":4000,"stream":true,"temperature":1,"top_k":5,"stop_sequences":["x"],"metadata":{"user_id":"ann"},
        "system":[{"type":"text","text":"Be brief.","cache_control":{"type":"ephemeral","ttl":"1h"}}],"thinking":{"type":"enabled","budget_tokens":1024},
        "tools":[{"name":"f","description":"d","input_schema":{"type":"object","properties":{"c":{"type":"string"}}},"cache_control":{"type":"ephemeral"}},{"type":"web_search_20250305","name":"web_search"}],
        "tool_choice":{"type":"auto","disable_parallel_tool_use":true},"output_config":{"format":{"type":"json_schema","schema":{"type":"object"}}},
        "messages":[{"role":"user","content":"Hi"},{"role":"assistant","content":[{"type":"thinking","thinking":"hm","signature":"s"},{"type":"redacted_thinking","data":"x"},
        {"type":"text","text":"ok"},{"type":"tool_use","id":"t1","name":"f","input":{"c":"x"}}]},
        {"role":"user","content":[{"type":"tool_result","tool_use_id":"t1","is_error":false,"content":[{"type":"text","text":"done"},{"type":"image","source":{"type":"base64","media_type":"image/png","data":"{{{{{{Pixel}}}}}}"}}]},
        {"type":"document","title":"T","source":{"type":"text","media_type":"text/plain","data":"x"},"citations":{"enabled":true}},{"type":"image","source":{"type":"url","url":"https://x.example/a.png"}}]}]}
        """);

    public static readonly byte[] Responses = Bytes($$$$$$"""
        {"model":"fast","stream":true,"instructions":"Be brief.","max_output_tokens":100,"store":false,"temperature":0.5,"top_p":0.9,"user":"ann","include":["reasoning.encrypted_content"],
        "metadata":{"k":"v"},"parallel_tool_calls":true,"reasoning":{"effort":"low","summary":"auto"},"truncation":"auto","service_tier":"auto","prompt_cache_key":"k",
        "text":{"format":{"type":"json_schema","name":"a","strict":true,"schema":{"type":"object","properties":{"x":{"type":"integer"}}}},"verbosity":"low"},
        "tools":[{"type":"function","name":"f","description":"d","strict":true,"parameters":{"type":"object","properties":{}}},{"type":"web_search"}],"tool_choice":{"type":"function","name":"f"},
        "input":[{"role":"user","content":[{"type":"input_text","text":"Hi"},{"type":"input_image","image_url":"data:image/png;base64,{{{{{{Pixel}}}}}}","detail":"low"},{"type":"input_file","filename":"a.pdf","file_data":"data:application/pdf;base64,AAAA"}]},
        {"type":"reasoning","id":"rs_1","summary":[{"type":"summary_text","text":"hm"}],"encrypted_content":"x"},{"type":"message","role":"assistant","id":"msg_1","status":"completed","content":[{"type":"output_text","text":"ok","annotations":[]},{"type":"refusal","refusal":"no"}]},
        {"type":"function_call","id":"fc_1","call_id":"c1","name":"f","arguments":"{}"},{"type":"function_call_output","call_id":"c1","output":"done"}]}
        """);

    public static readonly byte[] Generate = Bytes($$$$$$"""
        {"systemInstruction":{"parts":[{"text":"Be brief."}]},"contents":[{"role":"user","parts":[{"text":"Hi"},{"inlineData":{"mimeType":"image/png","data":"{{{{{{Pixel}}}}}}"}},{"fileData":{"mimeType":"application/pdf","fileUri":"https://x.example/a"}}]},
        {"role":"model","parts":[{"text":"hm","thought":true},{"thoughtSignature":"c2ln","functionCall":{"id":"1","name":"f","args":{"c":"x"}}}]},{"role":"user","parts":[{"functionResponse":{"id":"1","name":"f","response":{"ok":true}}}]}],
        "tools":[{"functionDeclarations":[{"name":"f","description":"d","parameters":{"type":"OBJECT","properties":{"c":{"type":"STRING"}}}}]},{"googleSearch":{}}],"toolConfig":{"functionCallingConfig":{"mode":"ANY","allowedFunctionNames":["f"]}},
        "safetySettings":[{"category":"HARM_CATEGORY_HARASSMENT","threshold":"BLOCK_NONE"}],
        "generationConfig":{"temperature":0.5,"topP":0.9,"topK":5,"maxOutputTokens":100,"stopSequences":["x"],"candidateCount":2,"seed":7,"responseMimeType":"application/json","responseSchema":{"type":"OBJECT","properties":{"x":{"type":"INTEGER","nullable":true}}},
        "thinkingConfig":{"thinkingBudget":100,"includeThoughts":true},"responseLogprobs":true,"logprobs":2,"presencePenalty":0.1}}
        """);

    public static readonly byte[] Completions = Bytes(
        """{"model":"fast","prompt":["Hi"],"max_tokens":10,"temperature":0.5,"n":2,"logprobs":2,"echo":true,"stop":"x","stream":true,"stream_options":{"include_usage":true},"suffix":"z","user":"ann","seed":1,"best_of":2}""");

    public static readonly byte[] Embeddings =
        Bytes("""{"model":"fast","input":["one","two"],"encoding_format":"base64","dimensions":4,"user":"ann","input_type":"search_query"}""");

    public static readonly byte[] Moderations =
        Bytes("""{"model":"fast","input":[{"type":"text","text":"x"},{"type":"image_url","image_url":{"url":"https://x.example/a.png"}}]}""");

    private static byte[] Bytes(string json) => Encoding.UTF8.GetBytes(json);
}

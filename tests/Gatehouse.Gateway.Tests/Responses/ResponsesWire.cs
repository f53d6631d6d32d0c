using Gatehouse.Gateway.Providers;
using Gatehouse.Gateway.Routing;
using Gatehouse.Gateway.Tests.Calls;

namespace Gatehouse.Gateway.Tests.Responses;

/// <summary>Small texts in the responses format, and a provider that speaks it.</summary>
internal static class ResponsesWire
{
    public const string Request = """{"model":"fast","input":"Hello"}""";
    public const string StreamRequest = """{"model":"fast","stream":true,"input":"Hello"}""";

    public const string Answer =
        """{"id":"resp_up1","object":"response","created_at":1,"status":"completed","background":false,"error":null,"incomplete_details":null,"model":"m-2026","output":[{"id":"rs_1","type":"reasoning","summary":[],"encrypted_content":"gAAA"},{"id":"msg_1","type":"message","status":"completed","role":"assistant","content":[{"type":"output_text","text":"Hi","annotations":[]}]}],"previous_response_id":null,"store":false,"usage":{"input_tokens":100,"input_tokens_details":{"cached_tokens":40},"output_tokens":20,"output_tokens_details":{"reasoning_tokens":5},"total_tokens":120},"x_unknown":1}""";

    public const string Created = "event: response.created\n"
        + """data: {"type":"response.created","sequence_number":0,"response":{"id":"resp_up1","object":"response","created_at":1,"status":"in_progress","background":false,"model":"m-2026","output":[],"previous_response_id":null,"store":false}}""" + "\n\n";

    public const string ItemAdded = "event: response.output_item.added\n"
        + """data: {"type":"response.output_item.added","sequence_number":1,"output_index":0,"item":{"id":"msg_1","type":"message","status":"in_progress","role":"assistant","content":[]}}""" + "\n\n";

    public const string PartAdded = "event: response.content_part.added\n"
        + """data: {"type":"response.content_part.added","sequence_number":2,"item_id":"msg_1","output_index":0,"content_index":0,"part":{"type":"output_text","text":"","annotations":[]}}""" + "\n\n";

    public const string Delta = "event: response.output_text.delta\n"
        + """data: {"type":"response.output_text.delta","sequence_number":3,"item_id":"msg_1","output_index":0,"content_index":0,"delta":"Hello"}""" + "\n\n";

    public const string ItemDone = "event: response.output_item.done\n"
        + """data: {"type":"response.output_item.done","sequence_number":4,"output_index":0,"item":{"id":"msg_1","type":"message","status":"completed","role":"assistant","content":[{"type":"output_text","text":"Hello","annotations":[]}]}}""" + "\n\n";

    public const string Completed = "event: response.completed\n"
        + """data: {"type":"response.completed","sequence_number":5,"response":{"id":"resp_up1","object":"response","created_at":1,"status":"completed","background":false,"model":"m-2026","output":[{"id":"msg_1","type":"message","status":"completed","role":"assistant","content":[{"type":"output_text","text":"Hello","annotations":[]}]}],"previous_response_id":null,"store":false,"usage":{"input_tokens":9,"output_tokens":3,"total_tokens":12}}}""" + "\n\n";

    public const string Failed = "event: response.failed\n"
        + """data: {"type":"response.failed","sequence_number":4,"response":{"id":"resp_up1","object":"response","status":"failed","error":{"code":"server_error","message":"The server had an error"},"output":[]}}""" + "\n\n";

    public const string WholeStream = Created + ItemAdded + PartAdded + Delta + ItemDone + Completed;

    public static Provider Native(string name, WirePlayer player) => new ProviderFactory(TimeProvider.System).Create(new ProviderSettings
    {
        Name = name, Kind = "openai", Wire = WireFormat.OpenAi, SpeaksResponses = true, BaseUrl = player.BaseUrl,
        ApiKey = TestGateway.ProviderCredential,
    });

    public static Route ToNative(params WirePlayer[] players) =>
        new("fast", [.. players.Select((p, i) => new Target(Native($"p{i}", p), $"m{i}", 1, i))])
        {
            AttemptsPerTarget = 1,
            RetryDelay = TimeSpan.FromMilliseconds(1),
        };
}

namespace Gatehouse.Console.Calls;

/// <summary>Commands that work as pasted.</summary>
internal static class CallCommands
{
    public static string Curl(string address, string key, string model) => $$"""
        curl {{address}}/v1/chat/completions \
          -H "Authorization: Bearer {{key}}" -H "Content-Type: application/json" \
          -d '{"model": "{{model}}", "messages": [{"role": "user", "content": "Hello, who are you?"}]}'
        """;
}

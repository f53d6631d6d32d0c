using System.Text;
using Gatehouse.Gateway.Conversation;

namespace Gatehouse.Gateway.Providers.OpenAi;

/// <summary>What an answer in OpenAI's format of responses says, for those who judge answers.</summary>
/// <param name="IsWhole">It came to its end by itself.</param>
internal readonly record struct ResponsesAnswerText(string Text, bool IsRefused, bool IsWhole)
{
    /// <returns><see langword="null"/> when it asks for tools: nothing to judge.</returns>
    /// <exception cref="FormatException">It is none.</exception>
    public static ResponsesAnswerText? Read(ReadOnlySpan<byte> whole)
    {
        var root = WireJson.ParseAnswer(whole);
        var (text, refused) = (new StringBuilder(), false);
        foreach (var item in WireJson.Items(root, "output"))
        {
            switch (WireJson.StringOrNull(item, "type"))
            {
                case "message":
                    foreach (var part in WireJson.Items(item, "content"))
                    {
                        refused |= WireJson.StringOrNull(part, "type") == "refusal";
                        text.Append(WireJson.StringOrNull(part, "text"));
                    }

                    break;
                case "reasoning" or "web_search_call" or "file_search_call" or "code_interpreter_call" or "mcp_call" or "mcp_list_tools":
                    break; // the provider's own work on the way to the answer
                default:
                    return null;
            }
        }

        return new ResponsesAnswerText(text.ToString(), refused, WireJson.StringOrNull(root, "status") == "completed");
    }
}

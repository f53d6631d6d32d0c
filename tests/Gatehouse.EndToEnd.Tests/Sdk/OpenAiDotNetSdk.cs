using System.ClientModel;
using System.ClientModel.Primitives;
using System.Text;
using System.Text.Json;
using OpenAI;
using OpenAI.Chat;

namespace Gatehouse.EndToEnd.Tests.Sdk;

/// <summary>The NuGet package <c>OpenAI</c>.</summary>
internal sealed class OpenAiDotNetSdk : ISdkClient
{
    private static readonly ChatTool Weather =
        ChatTool.CreateFunctionTool(Scenarios.ToolName, Scenarios.ToolDescription, BinaryData.FromString(Scenarios.ToolSchema));

    public SdkFormat Format => SdkFormat.Chat;

    public Task<IReadOnlyDictionary<string, SdkResult>> RunAllAsync(
        Uri gateway, string key, string prefix, Uri player, CancellationToken ct)
    {
        ChatClient Client(string model) => new(prefix + model, new ApiKeyCredential(key), new OpenAIClientOptions
        {
            Endpoint = new Uri(gateway, "v1"),
            RetryPolicy = new ClientRetryPolicy(maxRetries: 0),
        });

        Task CreateAsync(SdkResult r, string model, ChatCompletionOptions? options = null, params ChatMessageContentPart[] parts) =>
            KeepAsync(r, Client(model).CompleteChatAsync(Messages(parts), options, ct));

        Task StreamAsync(
            SdkResult r, string model, ChatCompletionOptions? options = null, Func<SdkResult, Task>? onText = null,
            CancellationToken? stop = null, params ChatMessageContentPart[] parts) =>
            AddUpAsync(r, Client(model).CompleteChatStreamingAsync(Messages(parts), options, stop ?? ct), onText);

        ChatMessageContentPart[] picture =
        [
            ChatMessageContentPart.CreateTextPart("What is this?"),
            ChatMessageContentPart.CreateImagePart(BinaryData.FromBytes(Convert.FromBase64String(Scenarios.Pixel)), "image/png"),
        ];

        return Scenarios.RunAsync(
            new Dictionary<string, Func<SdkResult, Task>>
            {
                ["text"] = r => CreateAsync(r, "text"),
                ["text-stream"] = r => StreamAsync(r, "text"),
                ["tools"] = r => CreateAsync(r, "tools", new() { Tools = { Weather } }),
                ["tools-stream"] = r => StreamAsync(r, "tools", new() { Tools = { Weather } }),
                ["parallel"] = r => CreateAsync(r, "parallel", new() { Tools = { Weather }, AllowParallelToolCalls = true }),
                ["parallel-stream"] = r => StreamAsync(r, "parallel", new() { Tools = { Weather } }),
                ["image"] = r => CreateAsync(r, "image", null, picture),
                ["image-stream"] = r => StreamAsync(r, "image", parts: picture),
                ["schema"] = r => CreateAsync(r, "schema", Schema()),
                ["schema-stream"] = r => StreamAsync(r, "schema", Schema()),
                ["refusal"] = r => CreateAsync(r, "refusal"),
                ["refusal-stream"] = r => StreamAsync(r, "refusal"),
                ["length"] = r => CreateAsync(r, "length"),
                ["length-stream"] = r => StreamAsync(r, "length"),
                ["rate-limited"] = r => CreateAsync(r, "rate-limited"),
                ["rate-limited-stream"] = r => StreamAsync(r, "rate-limited"),
                ["bad-request"] = r => CreateAsync(r, "bad-request"),
                ["bad-request-stream"] = r => StreamAsync(r, "bad-request"),
                ["mid-stream-error"] = r => StreamAsync(r, "mid-stream-error", null, Scenarios.Seen(player, prefix + "mid-stream-error")),
                ["truncated"] = r => StreamAsync(r, "truncated", null, Scenarios.Seen(player, prefix + "truncated")),
                ["abort"] = async r =>
                {
                    using var stop = CancellationTokenSource.CreateLinkedTokenSource(ct);
                    await StreamAsync(r, "abort", null, _ => stop.CancelAsync(), stop.Token);
                },
            },
            static e => (e as ClientResultException)?.Status);
    }

    private static ChatCompletionOptions Schema() => new()
    {
        ResponseFormat = ChatResponseFormat.CreateJsonSchemaFormat(
            "answer", BinaryData.FromString(Scenarios.AnswerSchema), jsonSchemaIsStrict: true),
    };

    private static ChatMessage[] Messages(ChatMessageContentPart[] parts) =>
        [new SystemChatMessage("Be brief."), parts.Length == 0 ? new UserChatMessage("Hello") : new UserChatMessage(parts)];

    private static async Task KeepAsync(SdkResult r, Task<ClientResult<ChatCompletion>> answer)
    {
        var completion = (await answer).Value;
        r.Text = string.Concat(completion.Content.Select(c => c.Text));
        r.Finish = Finish(completion.FinishReason);
        r.Tools = [.. completion.ToolCalls.Select(t => new SdkToolCall(t.FunctionName, JsonElement.Parse(t.FunctionArguments.ToString())))];
        r.Input = completion.Usage.InputTokenCount;
        r.Output = completion.Usage.OutputTokenCount;
    }

    private static async Task AddUpAsync(
        SdkResult r, AsyncCollectionResult<StreamingChatCompletionUpdate> updates, Func<SdkResult, Task>? onText)
    {
        var names = new SortedDictionary<int, string>();
        var arguments = new SortedDictionary<int, StringBuilder>();
        await foreach (var update in updates)
        {
            r.Chunks++;
            var text = string.Concat(update.ContentUpdate.Select(c => c.Text));
            r.Text += text;
            r.Finish = update.FinishReason is { } finish ? Finish(finish) : r.Finish;
            r.Input = update.Usage?.InputTokenCount ?? r.Input;
            r.Output = update.Usage?.OutputTokenCount ?? r.Output;
            foreach (var tool in update.ToolCallUpdates)
            {
                names.TryAdd(tool.Index, tool.FunctionName);
                arguments.TryAdd(tool.Index, new StringBuilder());
                arguments[tool.Index].Append(tool.FunctionArgumentsUpdate?.ToString());
            }

            if (text.Length > 0 && onText is not null)
            {
                await onText(r);
            }
        }

        r.Tools = [.. names.Select(n => new SdkToolCall(n.Value, JsonElement.Parse(arguments[n.Key].ToString())))];
    }

    private static string Finish(ChatFinishReason reason) => reason switch
    {
        ChatFinishReason.ToolCalls => "tool_calls",
        ChatFinishReason.Stop => "stop",
        ChatFinishReason.Length => "length",
        ChatFinishReason.ContentFilter => "content_filter",
        _ => reason.ToString(),
    };
}

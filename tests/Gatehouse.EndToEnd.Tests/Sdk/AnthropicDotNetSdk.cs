using System.Text;
using System.Text.Json;
using Anthropic;
using Anthropic.Exceptions;
using Anthropic.Models.Messages;

namespace Gatehouse.EndToEnd.Tests.Sdk;

/// <summary>The NuGet package <c>Anthropic</c>.</summary>
internal sealed class AnthropicDotNetSdk : ISdkClient
{
    public SdkFormat Format => SdkFormat.Messages;

    public Task<IReadOnlyDictionary<string, SdkResult>> RunAllAsync(
        Uri gateway, string key, string prefix, Uri player, CancellationToken ct)
    {
        var client = new AnthropicClient { BaseUrl = gateway.ToString().TrimEnd('/'), ApiKey = key, MaxRetries = 0 };

        MessageCreateParams Request(string model, bool tools = false, MessageContentParam? content = null) => new()
        {
            Model = prefix + model,
            MaxTokens = 200,
            System = "Be brief.",
            Messages = [new UserMessageParam(content ?? "Hello")],
            Tools = tools ? [Weather()] : null,
        };

        async Task CreateAsync(SdkResult r, MessageCreateParams request) => Keep(r, await client.Messages.Create(request, ct));

        async Task StreamAsync(
            SdkResult r, MessageCreateParams request, Func<SdkResult, Task>? onText = null, CancellationToken? stop = null) =>
            await AddUpAsync(r, client.Messages.CreateStreaming(request, stop ?? ct), onText);

        return Scenarios.RunAsync(
            new Dictionary<string, Func<SdkResult, Task>>
            {
                ["text"] = r => CreateAsync(r, Request("text")),
                ["text-stream"] = r => StreamAsync(r, Request("text")),
                ["tools"] = r => CreateAsync(r, Request("tools", tools: true)),
                ["tools-stream"] = r => StreamAsync(r, Request("tools", tools: true)),
                ["parallel"] = r => CreateAsync(r, Request("parallel", tools: true)),
                ["parallel-stream"] = r => StreamAsync(r, Request("parallel", tools: true)),
                ["image"] = r => CreateAsync(r, Request("image", content: Picture())),
                ["image-stream"] = r => StreamAsync(r, Request("image", content: Picture())),
                ["schema"] = r => CreateAsync(r, Request("schema") with { OutputConfig = Schema() }),
                ["schema-stream"] = r => StreamAsync(r, Request("schema") with { OutputConfig = Schema() }),
                ["thinking"] = r =>
                    CreateAsync(r,
                        Request("thinking") with { MaxTokens = 4000, Thinking = new ThinkingConfigEnabled { BudgetTokens = 2000 } }),
                ["thinking-stream"] = r =>
                    StreamAsync(r,
                        Request("thinking") with { MaxTokens = 4000, Thinking = new ThinkingConfigEnabled { BudgetTokens = 2000 } }),
                ["refusal"] = r => CreateAsync(r, Request("refusal")),
                ["refusal-stream"] = r => StreamAsync(r, Request("refusal")),
                ["length"] = r => CreateAsync(r, Request("length")),
                ["length-stream"] = r => StreamAsync(r, Request("length")),
                ["rate-limited"] = r => CreateAsync(r, Request("rate-limited")),
                ["rate-limited-stream"] = r => StreamAsync(r, Request("rate-limited")),
                ["bad-request"] = r => CreateAsync(r, Request("bad-request")),
                ["bad-request-stream"] = r => StreamAsync(r, Request("bad-request")),
                ["mid-stream-error"] = r =>
                    StreamAsync(r, Request("mid-stream-error"), Scenarios.Seen(player, prefix + "mid-stream-error")),
                ["truncated"] = r => StreamAsync(r, Request("truncated"), Scenarios.Seen(player, prefix + "truncated")),
                ["abort"] = async r =>
                {
                    using var stop = CancellationTokenSource.CreateLinkedTokenSource(ct);
                    await StreamAsync(r, Request("abort"), _ => stop.CancelAsync(), stop.Token);
                },
            },
            static e => (e as AnthropicApiException) is { } api ? (int)api.StatusCode : null);
    }

    private static MessageContentParam Picture() => new List<ContentBlockParam>
    {
        new TextBlockParam { Text = "What is this?" },
        new ImageBlockParam { Source = new Base64ImageSource { Data = Scenarios.Pixel, MediaType = MediaType.ImagePng } },
    };

    private static OutputConfig Schema() => new()
    {
        Format = new() { Schema = JsonSerializer.Deserialize<Dictionary<string, JsonElement>>(Scenarios.AnswerSchema)! },
    };

    private static ToolUnion Weather() => new Tool
    {
        Name = Scenarios.ToolName,
        Description = Scenarios.ToolDescription,
        InputSchema = InputSchema.FromRawUnchecked(JsonSerializer.Deserialize<Dictionary<string, JsonElement>>(Scenarios.ToolSchema)!),
    };

    private static void Keep(SdkResult r, Message message)
    {
        foreach (var block in message.Content)
        {
            if (block.TryPickText(out var text))
            {
                r.Text += text.Text;
            }
            else if (block.TryPickThinking(out var thinking))
            {
                r.Thinking += thinking.Thinking;
                r.Signature = thinking.Signature.Length > 0 ? thinking.Signature : null;
            }
            else if (block.TryPickToolUse(out var tool))
            {
                r.Tools.Add(new(tool.Name, JsonSerializer.SerializeToElement(tool.Input)));
            }
        }

        r.Finish = message.StopReason?.Raw();
        r.Input = message.Usage.InputTokens;
        r.Output = message.Usage.OutputTokens;
    }

    private static async Task AddUpAsync(SdkResult r, IAsyncEnumerable<RawMessageStreamEvent> events, Func<SdkResult, Task>? onText)
    {
        var names = new SortedDictionary<long, string>();
        var arguments = new SortedDictionary<long, StringBuilder>();
        await foreach (var e in events)
        {
            r.Chunks++;
            if (e.TryPickStart(out var start))
            {
                r.Input = start.Message.Usage.InputTokens;
            }
            else if (e.TryPickContentBlockStart(out var block) && block.ContentBlock.TryPickToolUse(out var tool))
            {
                names.Add(block.Index, tool.Name);
                arguments.Add(block.Index, new StringBuilder());
            }
            else if (e.TryPickContentBlockDelta(out var delta) && delta.Delta.TryPickInputJson(out var json))
            {
                arguments[delta.Index].Append(json.PartialJson);
            }
            else if (e.TryPickContentBlockDelta(out delta) && delta.Delta.TryPickText(out var text))
            {
                r.Text += text.Text;
                await (onText?.Invoke(r) ?? Task.CompletedTask);
            }
            else if (e.TryPickContentBlockDelta(out delta) && delta.Delta.TryPickThinking(out var thinking))
            {
                r.Thinking += thinking.Thinking;
            }
            else if (e.TryPickContentBlockDelta(out delta) && delta.Delta.TryPickSignature(out var signature))
            {
                r.Signature = signature.Signature;
            }
            else if (e.TryPickDelta(out var end))
            {
                r.Finish = end.Delta.StopReason?.Raw();
                r.Input = end.Usage.InputTokens ?? r.Input;
                r.Output = end.Usage.OutputTokens;
            }
        }

        r.Tools = [.. names.Select(n => new SdkToolCall(n.Value, JsonElement.Parse(arguments[n.Key].ToString())))];
    }
}

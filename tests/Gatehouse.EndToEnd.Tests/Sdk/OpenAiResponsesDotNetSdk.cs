using System.ClientModel;
using System.ClientModel.Primitives;
using System.Text.Json;
using OpenAI.Responses;

#pragma warning disable OPENAI001 // The SDK calls this client one for evaluation; people use it.

namespace Gatehouse.EndToEnd.Tests.Sdk;

/// <summary>
/// The client for responses of the NuGet package <c>OpenAI</c>. It hands errors within a stream over as updates, OpenAI's own included; an
/// application that wants an exception throws it, as here.
/// </summary>
internal sealed class OpenAiResponsesDotNetSdk : ISdkClient
{
    public SdkFormat Format => SdkFormat.Responses;

    public Task<IReadOnlyDictionary<string, SdkResult>> RunAllAsync(
        Uri gateway, string key, string prefix, Uri player, CancellationToken ct)
    {
        var client = new ResponsesClient(new ApiKeyCredential(key), new ResponsesClientOptions
        {
            Endpoint = new Uri(gateway, "v1"),
            RetryPolicy = new ClientRetryPolicy(maxRetries: 0),
        });

        CreateResponseOptions Request(string model, ResponseTool? tool = null, params ResponseContentPart[] parts)
        {
            var options = new CreateResponseOptions { Model = prefix + model, Instructions = "Be brief." };
            options.InputItems.Add(
                parts.Length == 0 ? ResponseItem.CreateUserMessageItem("Hello") : ResponseItem.CreateUserMessageItem(parts));
            if (tool is not null)
            {
                options.Tools.Add(tool);
            }

            return options;
        }

        async Task CreateAsync(SdkResult r, CreateResponseOptions options) =>
            Keep(r, (await client.CreateResponseAsync(options, ct)).Value);

        async Task StreamAsync(
            SdkResult r, CreateResponseOptions options, Func<SdkResult, Task>? onText = null, CancellationToken? stop = null)
        {
            options.StreamingEnabled = true;
            await foreach (var update in await client.CreateResponseStreamingAsync(options, stop ?? ct))
            {
                r.Chunks++;
                switch (update)
                {
                    case StreamingResponseOutputTextDeltaUpdate delta:
                        r.Text += delta.Delta;
                        await (onText?.Invoke(r) ?? Task.CompletedTask);
                        break;
                    case StreamingResponseCompletedUpdate completed:
                        Keep(r, completed.Response);
                        break;
                    case StreamingResponseIncompleteUpdate incomplete:
                        Keep(r, incomplete.Response);
                        break;
                    case StreamingResponseErrorUpdate error:
                        throw new InvalidOperationException($"{error.Code}: {error.Message}");
                }
            }
        }

        CreateResponseOptions Picture() => Request("image", null,
            ResponseContentPart.CreateInputTextPart("What is this?"),
            ResponseContentPart.CreateInputImagePart(BinaryData.FromBytes(Convert.FromBase64String(Scenarios.Pixel), "image/png")));

        CreateResponseOptions Schema()
        {
            var options = Request("schema");
            options.TextOptions = new ResponseTextOptions
            {
                TextFormat = ResponseTextFormat.CreateJsonSchemaFormat(
                    "answer", BinaryData.FromString(Scenarios.AnswerSchema), jsonSchemaIsStrict: true),
            };
            return options;
        }

        CreateResponseOptions Thinking()
        {
            var options = Request("thinking");
            options.ReasoningOptions = new ResponseReasoningOptions
            {
                ReasoningEffortLevel = ResponseReasoningEffortLevel.Low,
                ReasoningSummaryVerbosity = ResponseReasoningSummaryVerbosity.Auto,
            };
            return options;
        }

        return Scenarios.RunAsync(
            new Dictionary<string, Func<SdkResult, Task>>
            {
                ["text"] = r => CreateAsync(r, Request("text")),
                ["text-stream"] = r => StreamAsync(r, Request("text")),
                ["tools"] = r => CreateAsync(r, Request("tools", Weather())),
                ["tools-stream"] = r => StreamAsync(r, Request("tools", Weather())),
                ["parallel"] = r => CreateAsync(r, Request("parallel", Weather())),
                ["parallel-stream"] = r => StreamAsync(r, Request("parallel", Weather())),
                ["image"] = r => CreateAsync(r, Picture()),
                ["image-stream"] = r => StreamAsync(r, Picture()),
                ["schema"] = r => CreateAsync(r, Schema()),
                ["schema-stream"] = r => StreamAsync(r, Schema()),
                ["thinking"] = r => CreateAsync(r, Thinking()),
                ["thinking-stream"] = r => StreamAsync(r, Thinking()),
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
                ["stored"] = async r =>
                {
                    ResponseResult first = await client.CreateResponseAsync(Request("text"), ct);
                    var next = Request("text");
                    next.PreviousResponseId = first.Id;
                    ResponseResult second = await client.CreateResponseAsync(next, ct);
                    ResponseResult found = await client.GetResponseAsync(second.Id, cancellationToken: ct);
                    r.Text = found.GetOutputText();
                    r.Finish = found.PreviousResponseId == first.Id ? "completed" : found.PreviousResponseId;
                    await client.DeleteResponseAsync(second.Id, ct);
                    await client.GetResponseAsync(second.Id, cancellationToken: ct);
                },
            },
            static e => (e as ClientResultException)?.Status);
    }

    private static FunctionTool Weather() => ResponseTool.CreateFunctionTool(
        Scenarios.ToolName, BinaryData.FromString(Scenarios.ToolSchema), strictModeEnabled: null, Scenarios.ToolDescription);

    private static void Keep(SdkResult r, ResponseResult response)
    {
        r.Text = string.Concat(
            response.OutputItems.OfType<MessageResponseItem>().SelectMany(m => m.Content).Select(c => c.Text ?? c.Refusal));
        r.Finish = response.IncompleteStatusDetails?.Reason?.ToString()
            ?? (response.Status == ResponseStatus.Completed ? "completed" : response.Status?.ToString());
        if (response.OutputItems.OfType<ReasoningResponseItem>().FirstOrDefault() is { } reasoning)
        {
            (r.Thinking, r.Signature) = (reasoning.GetSummaryText(), reasoning.EncryptedContent);
        }

        r.Tools = [.. response.OutputItems.OfType<FunctionCallResponseItem>().Select(
            c => new SdkToolCall(c.FunctionName, JsonElement.Parse(c.FunctionArguments.ToString())))];
        r.Input = response.Usage.InputTokenCount;
        r.Output = response.Usage.OutputTokenCount;
    }
}

using System.ClientModel;
using System.ClientModel.Primitives;
using System.Text.Json;
using Anthropic;
using Anthropic.Models.Messages;
using Anthropic.Models.Messages.Batches;
using Gatehouse.EndToEnd.Tests.Sdk;
using OpenAI;
using OpenAI.Batch;
using OpenAI.Files;

#pragma warning disable OPENAI001 // The SDK calls this client one for evaluation; people use it.

namespace Gatehouse.EndToEnd.Tests;

/// <summary>One gateway with its simulator.</summary>
public sealed class BatchGateway : IAsyncLifetime
{
    internal GatehouseProcess Process { get; private set; } = null!;

    public async ValueTask InitializeAsync() => Process = await GatehouseProcess.StartAsync();

    public ValueTask DisposeAsync() => Process.DisposeAsync();
}

/// <summary>The official SDKs' clients for files and batches work against Gatehouse as against the providers.</summary>
public sealed class BatchSdkTests(BatchGateway gateway) : IClassFixture<BatchGateway>
{
    private const string Line =
        """{"custom_id":"ID","method":"POST","url":"/v1/chat/completions","body":{"model":"simulator","max_tokens":20,"messages":[{"role":"user","content":"Hello"}]}}""";

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    private GatehouseProcess Gateway => gateway.Process;

    [Fact]
    public async Task The_packages_for_node_run_batches_of_both_formats()
    {
        var results = await new NodeSdk("batches.mjs", SdkFormat.Chat).RunAllAsync(Gateway.Url, Gateway.SampleKey, "", Gateway.Url, Ct);

        var openai = Succeeded(results, "openai");
        Assert.Equal("completed 2 1 npm", openai.Finish);
        Assert.Equal("r0 chat.completion, r2 chat.completion", openai.Text);
        Assert.Equal("r1 context_length_exceeded", openai.Message);
        Assert.True(openai.Chunks >= 3, $"{openai.Chunks} files");
        Assert.Equal("listed deleted", openai.Thinking);
        Assert.Equal("cancelled", Succeeded(results, "openai-cancel").Finish);
        Assert.Equal(("NotFoundError", 404), (results["openai-missing"].Error, results["openai-missing"].Status));
        var anthropic = Succeeded(results, "anthropic");
        Assert.Equal("r0 succeeded message; r1 errored invalid_request_error; ", anthropic.Text);
        Assert.Equal(("message_batch_deleted", 1), (anthropic.Finish, anthropic.Chunks));
        Assert.Equal("canceling", Succeeded(results, "anthropic-cancel").Finish);
    }

    [Fact]
    public async Task The_NuGet_package_OpenAI_sends_a_file_and_runs_a_batch()
    {
        var options = new OpenAIClientOptions { Endpoint = new Uri(Gateway.Url, "v1"), RetryPolicy = new ClientRetryPolicy(maxRetries: 0) };
        var client = new OpenAIClient(new ApiKeyCredential(Gateway.SampleKey), options);
        var (files, batches) = (client.GetOpenAIFileClient(), client.GetBatchClient());

        OpenAIFile file = await files.UploadFileAsync(BinaryData.FromString(Line), "requests.jsonl", FileUploadPurpose.Batch);
        var created = await batches.CreateBatchAsync(
            BinaryContent.Create(
                BinaryData.FromString($$"""{"input_file_id":"{{file.Id}}","endpoint":"/v1/chat/completions","completion_window":"24h"}""")),
            waitUntilCompleted: false);
        JsonElement batch;
        do
        {
            batch = JsonElement.Parse((await created.GetBatchAsync(null)).GetRawResponse().Content);
        }
        while (batch.GetProperty("status").GetString() != "completed");

        BinaryData output = await files.DownloadFileAsync(batch.GetProperty("output_file_id").GetString(), Ct);
        Assert.Equal("ID", JsonElement.Parse(output).GetProperty("custom_id").GetString());
        OpenAIFile stored = await files.GetFileAsync(file.Id, Ct);
        Assert.Equal((FilePurpose.Batch, "requests.jsonl", (long)Line.Length), (stored.Purpose, stored.Filename, stored.SizeInBytesLong));
        OpenAIFileCollection listed = await files.GetFilesAsync(FilePurpose.BatchOutput, Ct);
        Assert.Contains(listed, f => f.Id == batch.GetProperty("output_file_id").GetString());
        FileDeletionResult deleted = await files.DeleteFileAsync(file.Id, Ct);
        Assert.True(deleted.Deleted);
    }

    [Fact]
    public async Task The_NuGet_package_Anthropic_runs_a_message_batch()
    {
        var client = new AnthropicClient { BaseUrl = Gateway.Url.ToString().TrimEnd('/'), ApiKey = Gateway.SampleKey, MaxRetries = 0 };

        var batch = await client.Messages.Batches.Create(
            new BatchCreateParams
            {
                Requests =
                [
                    new Request { CustomID = "one",
                        Params = new Params { Model = "simulator", MaxTokens = 20, Messages = [new UserMessageParam("Hello")] } },
                ],
            },
            Ct);
        while (batch.ProcessingStatus != ProcessingStatus.Ended)
        {
            batch = await client.Messages.Batches.Retrieve(batch.ID, cancellationToken: Ct);
        }

        var results = new List<MessageBatchIndividualResponse>();
        await foreach (var result in client.Messages.Batches.ResultsStreaming(batch.ID, cancellationToken: Ct))
        {
            results.Add(result);
        }

        var one = Assert.Single(results);
        Assert.Equal("one", one.CustomID);
        Assert.True(one.Result.TryPickSucceeded(out var succeeded));
        Assert.Equal("max_tokens", succeeded!.Message.StopReason?.Raw());
    }

    private static SdkResult Succeeded(IReadOnlyDictionary<string, SdkResult> results, string scenario)
    {
        var result = results[scenario];
        Assert.True(result.Error is null, $"{scenario} raised {result.Error}: {result.Message}");
        return result;
    }
}

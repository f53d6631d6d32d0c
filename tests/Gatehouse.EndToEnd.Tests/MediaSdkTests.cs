using System.ClientModel;
using System.ClientModel.Primitives;
using System.Text;
using Gatehouse.EndToEnd.Tests.Sdk;
using OpenAI;
using OpenAI.Audio;
using OpenAI.Images;

#pragma warning disable OPENAI001 // The SDK calls some of these clients ones for evaluation; people use them.

namespace Gatehouse.EndToEnd.Tests;

/// <summary>The official SDKs' clients for images and audio work against Gatehouse; the simulator answers.</summary>
public sealed class MediaSdkTests(BatchGateway gateway) : IClassFixture<BatchGateway>
{
    private const string Heard = "The simulator is no model: it was sent 9 bytes of sound.";

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    private GatehouseProcess Gateway => gateway.Process;

    [Fact]
    public async Task The_package_for_node_draws_speaks_and_transcribes()
    {
        var results = await new NodeSdk("media.mjs", SdkFormat.Chat).RunAllAsync(Gateway.Url, Gateway.SampleKey, "", Gateway.Url, Ct);

        Assert.Equal(("true,true", 128), (Succeeded(results, "image").Text, results["image"].Output));
        Assert.Equal(
            ("ppp", 3, "image_generation.completed", 64),
            (Succeeded(results, "image-stream").Text, results["image-stream"].Chunks, results["image-stream"].Finish,
                results["image-stream"].Output));
        Assert.Equal(("true", 170), (Succeeded(results, "image-edit").Text, results["image-edit"].Input));
        Assert.Equal("true", Succeeded(results, "image-variation").Text);
        Assert.Equal(("RIFF", "audio/wav"), (Succeeded(results, "speech").Text, results["speech"].Finish));
        Assert.Equal(Heard, Succeeded(results, "transcription").Text);
        Assert.True(results["transcription"].Output > 0);
        Assert.Equal(Heard + "\n", Succeeded(results, "transcription-text").Text);
        Assert.Equal(
            (Heard, "transcript.text.done"), (Succeeded(results, "transcription-stream").Text, results["transcription-stream"].Finish));
        Assert.Equal(Heard, Succeeded(results, "translation").Text);
        Assert.Equal(404, results["unknown-model"].Status);
    }

    [Fact]
    public async Task The_NuGet_package_draws_speaks_and_transcribes()
    {
        var options = new OpenAIClientOptions { Endpoint = new Uri(Gateway.Url, "v1"), RetryPolicy = new ClientRetryPolicy(maxRetries: 0) };
        var client = new OpenAIClient(new ApiKeyCredential(Gateway.SampleKey), options);
        var (images, audio) = (client.GetImageClient("simulator"), client.GetAudioClient("simulator"));
        using var pixel = new MemoryStream(Convert.FromBase64String(Scenarios.Pixel));
        using var sound = new MemoryStream("RIFFsound"u8.ToArray());

        GeneratedImage image = await images.GenerateImageAsync("A gate", cancellationToken: Ct);
        GeneratedImage edited = await images.GenerateImageEditAsync(pixel, "pixel.png", "A gate", cancellationToken: Ct);
        BinaryData speech = await audio.GenerateSpeechAsync("Hello there", GeneratedSpeechVoice.Alloy, cancellationToken: Ct);
        AudioTranscription heard = await audio.TranscribeAudioAsync(sound, "sound.wav", cancellationToken: Ct);

        Assert.All((GeneratedImage[])[image, edited], i => Assert.Equal("PNG", Encoding.ASCII.GetString(i.ImageBytes.ToArray()[1..4])));
        Assert.Equal("RIFF", Encoding.ASCII.GetString(speech.ToArray()[..4]));
        Assert.Equal(Heard, heard.Text);
    }

    private static SdkResult Succeeded(IReadOnlyDictionary<string, SdkResult> results, string scenario)
    {
        var result = results[scenario];
        Assert.True(result.Error is null, $"{scenario} raised {result.Error}: {result.Message}");
        return result;
    }
}

using System.Buffers;
using System.Text.Json;
using Gatehouse.Gateway.Conversation;
using Gatehouse.Gateway.Providers;
using Gatehouse.Gateway.Providers.Simulator;
using Gatehouse.Gateway.Routing;
using Gatehouse.Guardrails.Content;

namespace Gatehouse.Gateway.Moderations;

/// <summary>The content detector as a provider in this process: serves moderations until a route of the configuration does.</summary>
internal sealed class OwnModeration : IUpstream
{
    public const string Model = "guardrails";

    private const string ProviderName = "gatehouse";

    private static readonly Provider Provider = new(
        new ProviderSettings
        {
            Name = ProviderName,
            Kind = ProviderName,
            Wire = WireFormat.OpenAi,
            BaseUrl = new Uri("http://gatehouse.invalid/v1"),
        },
        new WaitedForUpstream(new OwnModeration()),
        TimeProvider.System);

    private OwnModeration()
    {
    }

    /// <summary>Where calls go that no route of the configuration takes.</summary>
    public static Route Route { get; } = new(ProviderName, [new Target(Provider, Model)]) { AttemptsPerTarget = 1 };

    public ValueTask<UpstreamAnswer> SendAsync(UpstreamRequest request, CancellationToken ct)
    {
        var input = ModerationInput.Read(request.Body.Span);
        request.Listener?.Sent();
        var body = new ArrayBufferWriter<byte>();
        Write(input, $"modr-{Guid.CreateVersion7():N}", body);
        return ValueTask.FromResult<UpstreamAnswer>(new Answer(body.WrittenMemory));
    }

    private static void Write(ModerationInput input, string id, IBufferWriter<byte> to)
    {
        Span<float> scores = stackalloc float[Moderation.Categories.Count];
        using var json = JsonOut.Begin(to);
        json.WriteStartObject();
        json.WriteString("id", id);
        json.WriteString("model", $"{ProviderName}-{Model}");
        json.WriteStartArray("results");
        foreach (var texts in input.Items)
        {
            scores.Clear();
            foreach (var text in texts)
            {
                Moderation.Score(text, scores);
            }

            WriteResult(scores, json);
        }

        json.WriteEndArray();
        json.WriteEndObject();
    }

    private static void WriteResult(ReadOnlySpan<float> scores, Utf8JsonWriter json)
    {
        json.WriteStartObject();
        json.WriteBoolean("flagged", IsFlagged(scores));
        json.WriteStartObject("categories");
        for (var i = 0; i < scores.Length; i++)
        {
            json.WriteBoolean(Moderation.Categories[i], Moderation.IsFlagged(scores[i]));
        }

        json.WriteEndObject();
        json.WriteStartObject("category_scores");
        for (var i = 0; i < scores.Length; i++)
        {
            json.WriteNumber(Moderation.Categories[i], scores[i]);
        }

        json.WriteEndObject();
        json.WriteStartObject("category_applied_input_types");
        foreach (var category in Moderation.Categories)
        {
            json.WriteStartArray(category);
            json.WriteStringValue("text");
            json.WriteEndArray();
        }

        json.WriteEndObject();
        json.WriteEndObject();
    }

    private static bool IsFlagged(ReadOnlySpan<float> scores)
    {
        foreach (var score in scores)
        {
            if (Moderation.IsFlagged(score))
            {
                return true;
            }
        }

        return false;
    }

    private sealed class Answer(ReadOnlyMemory<byte> body) : UpstreamAnswer
    {
        public override int Status => 200;

        public override Stream Body { get; } = new MemoryStream(body.ToArray(), writable: false);

        public override string? Header(string name) =>
            name.Equals("content-type", StringComparison.OrdinalIgnoreCase) ? "application/json" : null;

        public override ValueTask DisposeAsync() => Body.DisposeAsync();
    }
}

using System.Buffers;
using Gatehouse.Contracts;
using Gatehouse.Gateway.Calls;
using Gatehouse.Gateway.Embeddings;
using Gatehouse.Gateway.Providers;
using Gatehouse.Gateway.Providers.Gemini;
using Gatehouse.Gateway.Streaming;

namespace Gatehouse.Gateway.Generate;

/// <summary>Google's <c>embedContent</c> and <c>batchEmbedContents</c>; one for each call.</summary>
/// <param name="model">From the path.</param>
internal sealed class EmbedContentSurface(string model, bool batch) : OperationSurface
{
    private EmbeddingRequest? _request;

    public override string Name => "embed";

    public override WireFormat Wire => WireFormat.Gemini;

    public override Problem? Peek(ReadOnlySpan<byte> body, out RequestPeek peek) => GeneratePeek.Read(body, needsContents: false, out peek);

    public override string ModelOf(ReadOnlySpan<byte> body, in RequestPeek peek) => model;

    public override string PathAt(Attempt attempt, bool stream) => attempt.Wire == WireFormat.Gemini
        ? GeminiWire.PathOf(attempt.Model, batch ? "batchEmbedContents" : "embedContent")
        : EmbeddingProviders.PathAt(attempt) ?? throw NotOffered(attempt, "embeddings");

    public override AnswerTap NewTap(WireFormat provider) => EmbeddingProviders.NewTap(provider);

    public override bool TryPatch(Call call, Attempt attempt, IBufferWriter<byte> to, ref List<string>? dropped)
    {
        if (attempt.Wire == WireFormat.Gemini)
        {
            // The body may name a model beside the path's; Google refuses two that differ.
            return GenerateModelPatch.TryWrite(call.Body.Span, attempt.Model, to);
        }

        _request ??= EmbeddingRequest.ReadGemini(call.Body.Span, batch);
        EmbeddingProviders.Write(_request, attempt, to, dropped = []);
        return true;
    }

    public override bool PatchesAnswer(Attempt attempt, ReadOnlySpan<byte> body) => attempt.Wire != WireFormat.Gemini;

    public override void PatchAnswer(Attempt attempt, ReadOnlySpan<byte> body, IBufferWriter<byte> to) =>
        EmbeddingProviders.Read(attempt, body, _request!.Texts.Count).WriteGemini(batch, to);

    public override bool TakePart(Attempt attempt, ReadOnlySpan<byte> body) => EmbeddingProviders.TakePart(attempt, body);

    public override void WriteError(Problem problem, string requestId, IBufferWriter<byte> to) =>
        GenerateErrors.Write(problem, requestId, to);
}

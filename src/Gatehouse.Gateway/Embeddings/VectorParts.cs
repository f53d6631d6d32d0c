namespace Gatehouse.Gateway.Embeddings;

/// <summary>
/// The texts of one attempt at a provider that takes fewer at a time than the client sent: asked one part after another, answered as one.
/// </summary>
/// <param name="most">Texts that the provider takes at a time.</param>
internal sealed class VectorParts(IReadOnlyList<string> texts, int most)
{
    private readonly List<float[]> _vectors = new(texts.Count);

    public bool IsLast => texts.Count - _vectors.Count <= most;

    /// <summary>The texts that are to be asked for now.</summary>
    public IReadOnlyList<string> Texts => [.. texts.Skip(_vectors.Count).Take(most)];

    /// <summary>What a part before the last was answered with.</summary>
    public void Take(EmbeddingAnswer part) => _vectors.AddRange(part.Vectors);

    /// <summary>All vectors, with those of the last part.</summary>
    public EmbeddingAnswer Complete(EmbeddingAnswer last) => last with { Vectors = [.. _vectors, .. last.Vectors] };
}

namespace Gatehouse.Gateway.Media;

/// <summary>One of OpenAI's operations with pictures and sound.</summary>
/// <param name="Name">The surface, as recorded.</param>
/// <param name="Path">At a provider, after its base address.</param>
/// <param name="What">What a provider may not offer.</param>
/// <param name="TakesForm">The request is a form with files.</param>
internal sealed record MediaKind(string Name, string Path, string What, bool TakesForm)
{
    public static readonly MediaKind Images = new("images", "/images/generations", "generation of images", false);
    public static readonly MediaKind Edits = new("images", "/images/edits", "edits of images", true);
    public static readonly MediaKind Variations = new("images", "/images/variations", "variations of images", true);
    public static readonly MediaKind Speech = new("speech", "/audio/speech", "speech", false);
    public static readonly MediaKind Transcriptions = new("transcription", "/audio/transcriptions", "transcription", true);
    public static readonly MediaKind Translations = new("transcription", "/audio/translations", "translation of sound", true);

    private static readonly MediaKind[] All = [Images, Edits, Variations, Speech, Transcriptions, Translations];

    /// <summary>Of the gateway's own path.</summary>
    public static MediaKind? At(string path)
    {
        foreach (var kind in All)
        {
            if (path.AsSpan("/v1".Length).SequenceEqual(kind.Path))
            {
                return kind;
            }
        }

        return null;
    }

    /// <summary>The answer is a text, or about one.</summary>
    public bool HasText => Name == "transcription";
}

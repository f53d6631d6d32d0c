namespace Gatehouse.Guardrails.Pii.Names;

/// <summary>
/// The features of a word: hashes of it, its neighbours, how they are written, what is known of them, and the tags before.
/// </summary>
internal static class NameFeatures
{
    public const int Count = 24;

    public static void Of(ReadOnlySpan<char> text, ReadOnlySpan<Token> tokens, int at, Span<uint> features)
    {
        ref readonly var word = ref tokens[at];
        var (before, before2) = (at > 0 ? tokens[at - 1] : default, at > 1 ? tokens[at - 2] : default);
        var (after, after2) = (at + 1 < tokens.Length ? tokens[at + 1] : default, at + 2 < tokens.Length ? tokens[at + 2] : default);
        var shape = Kind(word);
        var (shapeBefore, shapeAfter) = (Kind(before), Kind(after));
        var (tag, tag2) = ((uint)before.Tag, (uint)before2.Tag);
        var flags = (uint)word.Flags;
        var length = (uint)Math.Min(word.End - word.Start, 7);
        var span = text[word.Start..word.End];
        var suffix = Tokenizer.HashOf(span[Math.Max(0, span.Length - 3)..]);
        var line = (word.IsLineStart ? 1u : 0) | (after.IsLineStart || after.End == 0 ? 2u : 0) | (word.IsSentenceStart ? 4u : 0);

        features[0] = Mix(1, 0);
        features[1] = Mix(2, word.Hash);
        features[2] = Mix(3, before.Hash);
        features[3] = Mix(4, after.Hash);
        features[4] = Mix(5, before2.Hash);
        features[5] = Mix(6, after2.Hash);
        features[6] = Mix(10, shape, length);
        features[7] = Mix(11, shapeBefore, shape);
        features[8] = Mix(12, shape, shapeAfter);
        features[9] = Mix(13, suffix);
        features[10] = Mix(15, flags, shape);
        features[11] = Mix(16, (uint)before.Flags, flags);
        features[12] = Mix(17, flags, (uint)after.Flags);
        features[13] = Mix(18, tag, shape);
        features[14] = Mix(19, tag2, tag);
        features[15] = Mix(20, tag, flags);
        features[16] = Mix(21, tag, word.Hash);
        features[17] = Mix(22, line, shape);
        features[18] = Mix(24, before.Hash, shape);
        features[19] = Mix(25, after.Hash, shape);
        features[20] = Mix(26, tag, (shapeAfter << 8) | Kind(after2));
        features[21] = Mix(27, tag, before.Hash);
        features[22] = Mix(28, tag, after.Hash);
        features[23] = Mix(29, tag | (line << 8), (shape << 16) | (shapeAfter << 8) | shapeBefore);
    }

    private static uint Kind(in Token token) =>
        token.End == 0
            ? 15u
            : token.IsMasked
                ? 14u
                : (uint)token.Shape | (token.Shape == Shape.Number ? (uint)Math.Min(token.End - token.Start, 6) << 4 : 0);

    private static uint Mix(uint template, uint a, uint b = 0)
    {
        var h = (template * 0x9E3779B1u) ^ a;
        h = (h ^ (h >> 15)) * 0x85EBCA77u;
        h = (h ^ b ^ (h >> 13)) * 0xC2B2AE3Du;
        return h ^ (h >> 16);
    }
}

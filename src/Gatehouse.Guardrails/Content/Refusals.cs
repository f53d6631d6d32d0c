namespace Gatehouse.Guardrails.Content;

/// <summary>Tells answers that refuse: a phrase of refusal near the beginning, in the languages that models refuse in most.</summary>
public static class Refusals
{
    private const int Beginning = 280;

    private static readonly TermSet Phrases = Build(
        "i can't help with", "i cannot help with", "i can't assist", "i cannot assist", "i'm unable to", "i am unable to",
        "i can't provide", "i cannot provide",
        "i won't be able to", "i will not provide", "i must decline", "i have to decline", "i can't comply", "i cannot comply",
        "i can't fulfill", "i cannot fulfill",
        "i'm not able to help", "i am not able to help", "i'm sorry but i can't", "i'm sorry but i cannot", "i'm sorry i can't",
        "as an ai language model i can't",
        "as an ai i cannot", "against my guidelines", "i can't generate", "i cannot generate", "i can't create", "i cannot create",
        "i cannot fulfil", "not comfortable with",
        "i can't support", "i cannot engage", "i can't discuss", "i'm not going to help", "i won't help",
        "ich kann dabei nicht helfen", "dabei kann ich nicht helfen", "ich kann ihnen dabei nicht", "ich kann dir dabei nicht",
        "ich kann ihnen dabei leider nicht", "ich kann dir dabei leider nicht", "ich kann dabei leider nicht",
        "dabei kann ich ihnen", "dabei kann ich dir", "dabei kann ich leider nicht", "kann ich leider nicht helfen",
        "kann ich nicht weiterhelfen",
        "ich kann ihnen leider nicht", "ich kann dir leider nicht", "ich kann leider nicht",
        "das kann ich leider nicht", "tut mir leid aber ich kann",
        "je ne peux pas vous aider", "je ne peux pas t'aider", "je ne suis pas en mesure", "je suis désolé mais je ne",
        "je ne peux pas fournir",
        "no puedo ayudarte", "no puedo ayudar", "lo siento pero no puedo", "no puedo proporcionar", "não posso ajudar",
        "desculpe mas não posso", "não posso fornecer",
        "non posso aiutarti", "mi dispiace ma non posso", "non posso fornire", "ik kan je daar niet", "het spijt me maar ik kan",
        "nie mogę pomóc", "przykro mi ale nie mogę",
        "я не могу помочь", "извините но я не могу", "к сожалению я не могу", "yardımcı olamam", "لا أستطيع مساعدتك", "لا يمكنني المساعدة",
        "मैं इसमें मदद नहीं",
        "抱歉 我无法", "我无法提供", "我不能帮助", "我无法协助", "申し訳ありません", "お手伝いできません", "도와드릴 수 없습니다", "제공할 수 없습니다",
        "tidak dapat membantu", "maaf saya tidak", "tôi không thể giúp", "xin lỗi tôi không thể");

    /// <summary>Where the refusal is said; empty when the text is none.</summary>
    public static (int Start, int Length) Find(ReadOnlySpan<char> text)
    {
        var state = (Start: -1, Length: 0);
        Phrases.Find(text[..Math.Min(text.Length, Beginning)], ref state, static (
            ref (int Start, int Length) s, int _, int start, int end) =>
        {
            s = s.Start < 0 ? (start, end - start) : s;
        });
        return state;
    }

    private static TermSet Build(params ReadOnlySpan<string> phrases)
    {
        var set = new TermSet();
        foreach (var phrase in phrases)
        {
            set.Add(phrase, 0);
        }

        return set;
    }
}

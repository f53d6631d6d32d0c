using Gatehouse.Guardrails.Text;

namespace Gatehouse.Guardrails.Content;

/// <summary>A language and how sure it is, from 0 to 1.</summary>
public readonly record struct LanguageGuess(string Code, float Confidence);

/// <summary>
/// Tells the language of a text by its script and, for those in Latin, Cyrillic and Arabic letters, by its commonest words. Needs about
/// five words; says "und" when it cannot tell. Allocates nothing.
/// </summary>
public static class Languages
{
    private const int Slots = 4096;

    /// <summary>At most, when a single word in Latin letters speaks for it: socket.io is no Italian.</summary>
    private const float OfOneWord = .4f;

    private static readonly (string Code, string Words)[] Common =
    [
        ("en", "the and of to is in that it for you with are this be have not what how was on your can my from they which do please "
            + "we me at by or an if when where who will would should has had there tell give does"),
        ("de", "der die und das ist nicht ich ein eine zu den mit sich des auf fur wie es wir sie auch dass werden kann mein bei du "
            + "hast bin bitte was wo wann oder wenn haben sind im am vom zum nach meine heisst hallo aber"),
        ("fr", "le la les et des est une que pour dans qui pas vous sur avec je ce il au sont mais nous plus comment mon ou "
            + "de du en un ces cette ma mes votre vos merci veuillez bonjour etre quel quelle comme aussi"),
        ("es", "el la los las que en una por con para es del se no como lo su esta pero mas al cual puedo mi "
            + "y sobre de un me mis tu hola gracias quiero donde cuando tiene hacer esto este"),
        ("pt", "o os um uma que em para com nao do da dos das por como se mais ao sua seu voce meu pelo isso "
            + "esta eu de e na me minha obrigado onde quando tem fazer ola este esse foi"),
        ("it", "il lo gli che di una per con non sono del della nel come questo piu anche alla mi posso dei "
            + "ma ho si un e mio ciao grazie quando dove questa essere fare io sei"),
        ("nl", "de het een van en dat niet voor met zijn op aan er ook hoe ik je naar maar wat deze "
            + "mijn kan worden te bent hebben geen jij hallo graag welke om uw u"),
        ("sv", "och det att en som ar av pa jag inte med den till har om vad kan ett min hur du vi hej tack ska nar ni mitt"),
        ("da", "og det at en af er jeg ikke med den til har om hvad kan et min hvordan der vi for fra hej tak du mit bruge skal nar"),
        ("no", "og det at en som er av jeg ikke med den til har om hva kan et min "
            + "hvordan vi for fra eller hei takk du mitt bruke skal nar"),
        ("fi", "ja on ei se etta mina han oli ovat mita miten kun mutta tama voi olen sen niin kuin"),
        ("pl", "i w nie na sie jest to z do ze jak co moj czy przez dla jaki ktory moge "
            + "mam po za prosze moja mojej jestem gdzie kiedy masz czesc dziekuje oraz"),
        ("cs", "a se na je ze v to jak pro co by jsem ale mi muj kde tak jsou nebo podle"),
        ("ro", "si in de la cu este pe nu un o sa care pentru ce mai din sunt cum mea imi"),
        ("hu", "a az es hogy nem egy van is ez azt mi csak meg hogyan vagy nekem mint"),
        ("tr", "ve bir bu da de icin ile ne mi nasil cok daha olarak var ben benim gibi olan nedir merhaba lutfen misin yok ama"),
        ("id", "yang dan di untuk dengan ini itu tidak dari dalam saya pada adalah bagaimana ke anda apa bisa akan"),
        ("vi", "la va cua toi khong mot nhung cho co cac nguoi duoc trong nay voi de nhu the nao"),
        ("tl", "ang ng sa na mga ay ko ako at hindi ano para paano ito siya kung mo"),
        ("ru", "и в не на что я с как это по но из у за то к вы мне для мой так от "
            + "пожалуйста мою моя мы он она где когда есть был все или если привет почему"),
        ("uk", "і в не на що я з як це та до але за у мені для мій від ви про є"),
        ("bg", "и в не на че аз с как това за но от се да ми са си по"),
        ("ar", "في من على ان هذا الي ما هل عن كيف التي هو مع لا هي الذي او كان هذه ذلك كل بعد قبل اريد"),
        ("fa", "در به از كه اين را با است براي آن چگونه من خود هاي يك مي"),
    ];

    private static readonly (uint Hash, int Mask)[] Table = Build();

    /// <summary>The languages that it tells, by their ISO 639-1 codes (and <c>tl</c>).</summary>
    public static IReadOnlyList<string> Codes { get; } =
        [.. Common.Select(l => l.Code).Concat(["ja", "zh", "ko", "hi", "bn", "th", "el", "he"]).Order(StringComparer.Ordinal)];

    public static LanguageGuess Of(ReadOnlySpan<char> text)
    {
        Span<int> scripts = stackalloc int[12];
        Span<int> votes = stackalloc int[32];
        var (letters, words, hash, length) = (0, 0, 2166136261u, 0);
        for (var i = 0; i <= text.Length; i++)
        {
            var c = i < text.Length ? text[i] : ' ';
            var kind = CharFold.Kind[c];
            if (kind is CharKind.Letter or CharKind.Ideograph)
            {
                letters++;
                scripts[Script(c)]++;
                hash = (hash ^ CharFold.Fold[c]) * 16777619;
                length++;
            }
            else if (kind != CharKind.Skip && length > 0)
            {
                words++;
                Vote(hash, votes);
                (hash, length) = (2166136261u, 0);
            }
        }

        if (letters == 0)
        {
            return new LanguageGuess("und", 0);
        }

        var script = 0;
        for (var s = 1; s < scripts.Length; s++)
        {
            script = scripts[s] > scripts[script] ? s : script;
        }

        var share = scripts[script] / (float)letters;
        return script switch
        {
            3 => new(scripts[4] * 10 > letters ? "ja" : "zh", share),
            4 => new("ja", share),
            5 => new("ko", share),
            6 => new("hi", share),
            7 => new("bn", share),
            8 => new("th", share),
            9 => new("el", share),
            10 => new("he", share),
            11 => new("und", 0),
            _ => ByWords(votes, words, script == 0 ? OfOneWord : 1),
        };
    }

    private static LanguageGuess ByWords(ReadOnlySpan<int> votes, int words, float ofOneWord)
    {
        var (best, second) = (0, -1);
        for (var l = 1; l < Common.Length; l++)
        {
            if (votes[l] > votes[best])
            {
                (best, second) = (l, best);
            }
            else if (second < 0 || votes[l] > votes[second])
            {
                second = l;
            }
        }

        if (votes[best] == 0 || votes[best] == votes[second])
        {
            return new LanguageGuess("und", 0);
        }

        var margin = (votes[best] - votes[second]) / (float)votes[best];
        var most = votes[best] == 1 ? ofOneWord : 1;
        return new LanguageGuess(Common[best].Code, Math.Min(most, margin * Math.Min(1, 4f * votes[best] / Math.Max(words, 4))));
    }

    private static int Script(char c) => c switch
    {
        < '\u0250' or (>= '\u1E00' and < '\u1F00') => 0,
        >= '\u0400' and < '\u0530' => 1,
        >= '\u0600' and < '\u0780' => 2,
        >= '\u4E00' and <= '\u9FFF' => 3,
        >= '\u3040' and <= '\u30FF' => 4,
        >= '\uAC00' and <= '\uD7AF' => 5,
        >= '\u0900' and <= '\u097F' => 6,
        >= '\u0980' and <= '\u09FF' => 7,
        >= '\u0E00' and <= '\u0E7F' => 8,
        >= '\u0370' and <= '\u03FF' => 9,
        >= '\u0590' and <= '\u05FF' => 10,
        _ => 11,
    };

    private static void Vote(uint hash, Span<int> votes)
    {
        for (var slot = (hash * 0x9e3779b1) >> 20; Table[slot].Mask != 0; slot = (slot + 1) & (Slots - 1))
        {
            if (Table[slot].Hash == hash)
            {
                for (var mask = Table[slot].Mask; mask != 0; mask &= mask - 1)
                {
                    votes[System.Numerics.BitOperations.TrailingZeroCount(mask)]++;
                }

                return;
            }
        }
    }

    private static (uint Hash, int Mask)[] Build()
    {
        var table = new (uint Hash, int Mask)[Slots];
        for (var l = 0; l < Common.Length; l++)
        {
            foreach (var word in Common[l].Words.Split(' '))
            {
                var hash = 2166136261u;
                foreach (var c in word)
                {
                    hash = (hash ^ CharFold.Fold[c]) * 16777619;
                }

                var slot = (hash * 0x9e3779b1) >> 20;
                while (table[slot].Mask != 0 && table[slot].Hash != hash)
                {
                    slot = (slot + 1) & (Slots - 1);
                }

                table[slot] = (hash, table[slot].Mask | (1 << l));
            }
        }

        return table;
    }
}

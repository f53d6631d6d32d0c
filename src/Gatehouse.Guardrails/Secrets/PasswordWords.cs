using System.Buffers;

namespace Gatehouse.Guardrails.Secrets;

/// <summary>
/// What follows a word for a password in other languages than English and German, and a sign: <c>mot de passe : …</c>. Looks at what
/// stands before each sign, so that a text without one costs nothing.
/// </summary>
internal static class PasswordWords
{
    private const int MaxGap = 3;

    private static readonly SearchValues<char> Signs = SearchValues.Create(":=");

    private static readonly string[] Words =
    [
        "mot de passe", "mdp", "contraseña", "contrasena", "clave de acceso", "senha", "palavra-passe", "parola d'ordine", "wachtwoord",
        "kennwort", "lösenord", "adgangskode", "adgangskoden", "salasana", "jelszó", "parolă", "kata sandi", "mật khẩu", "пароль",
        "пароля", "парола", "κωδικός πρόσβασης", "كلمة المرور", "كلمة السر", "گذرواژه", "पासवर्ड", "รหัสผ่าน", "パスワード", "密码", "密碼",
        "비밀번호",
    ];

    /// <summary>Everyday words too (key, word, slogan, cipher): what follows is a password only when it has a letter and a digit.</summary>
    private static readonly string[] Everyday =
        ["clave", "parola", "hasło", "haslo", "heslo", "şifre", "sifre", "sandi", "סיסמה", "口令", "암호"];

    private static readonly string[] All = [.. Words, .. Everyday];

    private static readonly string[][] ByLastLetter = [.. Enumerable.Range('a', 26).Select(l => All.Where(w => w[^1] == l).ToArray())];

    private static readonly string[] Others = [.. All.Where(w => !char.IsAsciiLetterLower(w[^1]))];

    /// <param name="text">The whole text.</param>
    /// <param name="reach">Its beginning, behind which no value is.</param>
    /// <param name="findings">Gets what is found.</param>
    public static void Find(ReadOnlySpan<char> text, ReadOnlySpan<char> reach, FindingList findings)
    {
        for (var at = 0; at < reach.Length; at++)
        {
            var next = reach[at..].IndexOfAny(Signs);
            if (next < 0)
            {
                return;
            }

            at += next;
            var end = at;
            while (end > 0 && at - end < MaxGap && text[end - 1] is ' ' or '"' or '\'' or '*')
            {
                end--;
            }

            if (end > 0 && LastWord(text[..end]) is { } word)
            {
                KeywordScanner.FindPassword(text, at, Everyday.Contains(word), findings);
            }
        }
    }

    private static string? LastWord(ReadOnlySpan<char> text)
    {
        var last = text[^1];
        foreach (var word in (last | 32) is >= 'a' and <= 'z' ? ByLastLetter[(last | 32) - 'a'] : last < 0x80 ? [] : Others)
        {
            if (text.EndsWith(word, StringComparison.OrdinalIgnoreCase)
                && (word[0] >= '\u0900' || text.Length == word.Length || !char.IsLetter(text[^(word.Length + 1)])))
            {
                return word;
            }
        }

        return null;
    }
}

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
        "mot de passe", "mdp", "contraseña", "contrasena", "clave", "senha", "palavra-passe", "parola", "parola d'ordine", "wachtwoord",
        "kennwort", "lösenord", "adgangskode", "adgangskoden", "salasana", "hasło", "haslo", "heslo", "jelszó", "parolă", "parole", "şifre",
        "sifre", "kata sandi", "sandi", "mật khẩu", "пароль", "пароля", "парола", "κωδικός", "סיסמה", "كلمة المرور", "كلمة السر", "گذرواژه",
        "पासवर्ड", "รหัสผ่าน", "パスワード", "密码", "密碼", "口令", "비밀번호", "암호",
    ];

    private static readonly string[][] ByLastLetter = [.. Enumerable.Range('a', 26).Select(l => Words.Where(w => w[^1] == l).ToArray())];

    private static readonly string[] Others = [.. Words.Where(w => !char.IsAsciiLetterLower(w[^1]))];

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

            if (end > 0 && EndsWithWord(text[..end]))
            {
                KeywordScanner.FindPassword(text, at, findings);
            }
        }
    }

    private static bool EndsWithWord(ReadOnlySpan<char> text)
    {
        var last = text[^1];
        foreach (var word in (last | 32) is >= 'a' and <= 'z' ? ByLastLetter[(last | 32) - 'a'] : last < 0x80 ? [] : Others)
        {
            if (text.EndsWith(word, StringComparison.OrdinalIgnoreCase)
                && (word[0] >= '\u0900' || text.Length == word.Length || !char.IsLetter(text[^(word.Length + 1)])))
            {
                return true;
            }
        }

        return false;
    }
}

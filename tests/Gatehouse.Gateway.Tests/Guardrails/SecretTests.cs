using Gatehouse.Guardrails;
using Gatehouse.Guardrails.Evaluation;
using Gatehouse.Guardrails.Secrets;

namespace Gatehouse.Gateway.Tests.Guardrails;

public sealed class SecretTests
{
    private const string Jwt =
        "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U";

    [Theory]
    [InlineData("key AKIAZ3MTZZFIY4QJ5XCE end", "secret.aws.access-key")]
    [InlineData("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", "secret.github.token")]
    [InlineData("Authorization: Bearer " + Jwt, "secret.jwt")]
    [InlineData("postgres://app:s3cr3tP4ss@db.internal:5432/app", "secret.address.password")]
    [InlineData("Server=db;User Id=app;Password=Tr0ub4dor;Database=x", "secret.password")]
    [InlineData("wonderapi SECRET ab12cd34ef56gh78ij90kl12mn34op56", "secret.keyword")]
    [InlineData("-----BEGIN RSA PRIVATE KEY-----\nMIIEowIBAAKCAQEAx0Zr1vW5kQyqkYw9sGm0m5zW3d0aBcD\n-----END RSA PRIVATE KEY-----",
        "secret.private-key")]
    [InlineData("4839574813:AAFD39kkdpWt3ywyRZergyOLMaJhac61qc4", "secret.telegram.token")]
    [InlineData("https://hooks.slack.com/services/T024TTTTT/BBB72BBL/AZAAA9u0pA4ad666eMgbi555", "secret.webhook")]
    [InlineData("curl -u elastic:P@ssw0rd1x https://localhost:9200", "secret.curl.user")]
    [InlineData("Mot de passe : Tr0ub4dor3x", "secret.password")]
    [InlineData("la contraseña: M1clave$ecreta, ¿vale?", "secret.password")]
    [InlineData("**Senha:** 9kLm2pQz!", "secret.password")]
    [InlineData("Пароль: Zima2024x", "secret.password")]
    [InlineData("密码：Abc12345x", "secret.password")]
    [InlineData("パスワード: hunter2xyz9", "secret.password")]
    [InlineData("key ghp_wWPw5k4aXcaT4fNP0Ucn\u200bZwJUVFk6LO0pINUx", "secret.github.token")]
    [InlineData("Use AIzaSyB3xKq8Zt5LwNp1RvYc7GdHm2JfUe9TsQo—keep it", "secret.google.api-key")]
    [InlineData("Use AKIAZ3MTZZFIY4QJ5XCE\u200bPLEASE", "secret.aws.access-key")]
    [InlineData("La clave: Sol2024xy", "secret.password")]
    [InlineData("Parola d'ordine: Tr0ub4dor3x", "secret.password")]
    [InlineData("Κωδικός πρόσβασης: Zima2024x", "secret.password")]
    public void Finds(string text, string rule)
    {
        Assert.Contains(rule, Rules(text));
    }

    [Theory]
    [InlineData("password: ********")]
    [InlineData("API_KEY=${API_KEY}")]
    [InlineData("token = process.env.TOKEN")]
    [InlineData("https://${user}:${password}@example.com")]
    [InlineData("commit 82dce08cf47144a157b3bdf71645cb0d3f9c2679")]
    [InlineData("\"integrity\": \"sha512-dhG34DXATL5hSxJbIexCft8FChFXtmskoZYnoPWjXQuebWYCNkVeV3KkGegCK9CP1oswI/vQibS2GY7Em/sJJA==\"")]
    [InlineData("I forgot my password, can you reset it? The key point is the token of appreciation.")]
    [InlineData("AIzaSyAnLA7NfeLquW1tJFpx_eQCxoX-oo6YyIs")]
    [InlineData("api_key = AIzaSyANUvH9H9BsUccjsu2pCmEkOPjjaXeDQgY")]
    [InlineData("-----BEGIN OPENSSH PRIVATE KEY----------END OPENSSH PRIVATE KEY-----")]
    [InlineData("In una parola: fantastico!")]
    [InlineData("In altre parole: impossibile!")]
    [InlineData("Unsere Parole: Durchhalten!")]
    [InlineData("La clave: constancia y paciencia.")]
    [InlineData("Das Kennwort: wer kennt es noch?")]
    [InlineData("Le mot de passe : comment le changer ?")]
    [InlineData("A senha: como posso mudar?")]
    [InlineData("La contraseña: paciencia!")]
    [InlineData("Een goed wachtwoord: geduld!")]
    [InlineData("Ditt lösenord: framtid!")]
    [InlineData("Salasana: rohkeus!")]
    [InlineData("A jelszó: kitartás!")]
    [InlineData("Mật khẩu: làm sao để đổi?")]
    [InlineData("Пароль: как его поменять?")]
    [InlineData("パスワード: わからない。")]
    [InlineData("密码：忘记了怎么办？")]
    [InlineData("비밀번호: 어떻게 바꾸나요?")]
    [InlineData("كلمة السر: الصبر!")]
    [InlineData("पासवर्ड: कैसे बदलें?")]
    [InlineData("De wachtwoord: hoe kan ik het wijzigen?")]
    [InlineData("Nasze hasło: Solidarność!")]
    [InlineData("Haslo: Wolnosc!")]
    [InlineData("Naše heslo: Svoboda!")]
    [InlineData("Bir parola: Vatan!")]
    [InlineData("Bu bir şifre: çözülemez!")]
    [InlineData("Sandi: merdeka!")]
    [InlineData("Κωδικός: AB12345 για το προϊόν")]
    [InlineData("הסיסמה: shalom!")]
    [InlineData("口令：Forward!")]
    [InlineData("암호: Morse!")]
    [InlineData("eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ.eyJzdWIiOiIxMjM0NTY3ODkwIn0.c2ln")]
    public void Ignores(string text)
    {
        Assert.Empty(Rules(text));
    }

    [Fact]
    public void Look_alikes_are_flagged_in_less_than_one_text_of_a_hundred()
    {
        var hard = GuardData.Read("secrets.jsonl.gz").Where(r => r.Source == "hard_negative").ToList();

        var all = SecretsEvaluation.Of("secrets", hard, SecretDetector.Default).First();

        Assert.True(all.FalsePositiveRate <= .01, $"{all.FalsePositiveRate}");
    }

    [Fact]
    public void Secrets_are_found_with_an_F1_of_90()
    {
        var all = SecretsEvaluation.Of("secrets", GuardData.Read("secrets.jsonl.gz"), SecretDetector.Default).First();

        Assert.True(all.F1 >= .9, $"{all.F1}");
    }

    private static List<string> Rules(string text)
    {
        using var findings = FindingList.Rent();
        SecretDetector.Default.Find(text, new DetectionContext(DetectionSide.Input), findings);
        return [.. findings.Items.ToArray().Select(f => f.Rule)];
    }
}

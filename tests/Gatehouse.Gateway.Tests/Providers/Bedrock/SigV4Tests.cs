using System.Text;
using Gatehouse.Gateway.Providers.Bedrock;

namespace Gatehouse.Gateway.Tests.Providers.Bedrock;

/// <summary>The vectors that AWS publishes for Signature Version 4.</summary>
public sealed class SigV4Tests
{
    private const string Date = "20150830T123600Z";
    private const string SessionToken =
        "AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKWHGBuFqwAeMicRXmxfpSPfIeoIYRqTflfKD8YUuwthAx7mSEI/qkPpKPi/kMcGdQrmGdeehM4IC1NtBmUpp2wUE8phUZampKsburEDy0KPkyQDYwT7WZ0wq5VSXDvp75YU9HFvlRd8Tx6q6fE8YQcHNVXAkiY9q6d+xo0rKwT38xVqr7ZD0u0iPPkUL64lIZbqBAz+scqKmlzm8FDrypNC9Yjc8fPOLn9FX9KSYvKTr4rvx3iSIlTJabIQwj2ICCR/oLxBA==";

    private static readonly AwsCredentials Credentials = new("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", null);

    [Theory]
    [InlineData("GET", "", "", "", "", "host;x-amz-date",
        "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31")] // get-vanilla
    [InlineData("GET", "Param1=value1&Param2=value2", "", "", "", "host;x-amz-date",
        "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500")] // get-vanilla-query-order-key-case
    [InlineData("POST", "", "", "", "", "host;x-amz-date",
        "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b")] // post-vanilla
    [InlineData("POST", "Param1=value1", "", "", "", "host;x-amz-date",
        "28038455d6de14eafc1f9222cf5aa6f1a96197d7deb8263271d420d138af7f11")] // post-vanilla-query
    [InlineData("POST", "", "my-header1", "value1", "", "host;my-header1;x-amz-date",
        "c5410059b04c1ee005303aed430f6e6645f61f4dc9e1461ec8f8916fdf18852c")] // post-header-key-sort
    [InlineData("POST", "", "my-header1", "VALUE1", "", "host;my-header1;x-amz-date",
        "cdbc9802e29d2942e5e10b5bccfdd67c5f22c7c4e8ae67b53629efa58b974b7d")] // post-header-value-case
    [InlineData("POST", "", "x-amz-security-token", SessionToken, "", "host;x-amz-date;x-amz-security-token",
        "85d96828115b5dc0cfc3bd16ad9e210dd772bbebba041836c64533a82be05ead")] // post-sts-header-before
    [InlineData("POST", "", "content-type", "application/x-www-form-urlencoded", "Param1=value1", "content-type;host;x-amz-date",
        "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a")] // post-x-www-form-urlencoded
    [InlineData("POST", "", "content-type", "application/x-www-form-urlencoded; charset=utf8", "Param1=value1",
        "content-type;host;x-amz-date",
        "1a72ec8f64bd914b0e42e42607c7fbce7fb2c7465f63e3092b3b0d39fa77a6fe")] // post-x-www-form-urlencoded-parameters
    public void Signs_as_the_published_vectors_do(
        string method, string query, string name, string value, string body, string signed, string signature)
    {
        var headers = new List<KeyValuePair<string, string>> { new("host", "example.amazonaws.com"), new("x-amz-date", Date) };
        if (name.Length > 0)
        {
            headers.Add(new(name, value));
            headers.Sort((a, b) => string.CompareOrdinal(a.Key, b.Key));
        }

        var authorization = SigV4.Authorization(
            method, "/", query, headers, Encoding.UTF8.GetBytes(body), Credentials, "us-east-1", "service", Date);

        Assert.Equal(
            $"AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders={signed}, Signature={signature}", authorization);
    }

    [Fact]
    public void A_path_is_escaped_once_more_than_it_is_sent()
    {
        var once = Sign("/-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz");

        // get-unreserved
        Assert.EndsWith("07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f", once, StringComparison.Ordinal);
        // get-utf8
        Assert.EndsWith("8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85", Sign("/\u1234"), StringComparison.Ordinal);
        Assert.NotEqual(Sign("/a%3Ab"), Sign("/a:b"));

        static string Sign(string path) => SigV4.Authorization(
            "GET", path, "", [new("host", "example.amazonaws.com"), new("x-amz-date", Date)], [], Credentials, "us-east-1", "service",
            Date);
    }
}

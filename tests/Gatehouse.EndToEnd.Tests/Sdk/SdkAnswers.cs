namespace Gatehouse.EndToEnd.Tests.Sdk;

/// <summary>What holds of an SDK's answers in every format.</summary>
internal static class SdkAnswers
{
    public static SdkResult Succeeded(IReadOnlyDictionary<string, SdkResult> results, string scenario)
    {
        var result = results[scenario];
        Assert.True(result.Error is null, $"{scenario} raised {result.Error}: {result.Message}");
        return result;
    }

    public static IEnumerable<string> Tools(SdkResult result) =>
        result.Tools.Select(t => $"{t.Name} {t.Arguments.GetProperty("city").GetString()}");

    /// <summary>Errors before the answer raise with the provider's status, asked for whole or as a stream.</summary>
    public static void RaisedBeforeTheAnswer(IReadOnlyDictionary<string, SdkResult> results)
    {
        foreach (var suffix in (string[])["", "-stream"])
        {
            Assert.NotNull(results["rate-limited" + suffix].Error);
            Assert.Equal(429, results["rate-limited" + suffix].Status);
            Assert.NotNull(results["bad-request" + suffix].Error);
            Assert.Equal(400, results["bad-request" + suffix].Status);
            Assert.Contains("temperature", results["bad-request" + suffix].Message, StringComparison.Ordinal);
        }
    }

    /// <summary>Errors and breaks in mid-stream raise after the text that came.</summary>
    public static void RaisedInMidStream(IReadOnlyDictionary<string, SdkResult> results)
    {
        foreach (var scenario in (string[])["mid-stream-error", "truncated"])
        {
            Assert.True(results[scenario].Error is not null, $"{scenario} ended as if it were complete: {results[scenario]}");
            Assert.Equal("Hello from", results[scenario].Text);
        }
    }
}

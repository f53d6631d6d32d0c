using System.Text.Json;
using Gatehouse.Gateway.Providers;

namespace Gatehouse.Gateway.Tests.Providers;

public sealed class UsageWordTests
{
    [Fact]
    public void A_word_that_is_no_text_is_none_and_breaks_nothing()
    {
        Assert.Equal("priority", Read("\"priority\""u8));
        Assert.Null(Read("7"u8));
        Assert.Null(Read("{\"a\":1}"u8));
        Assert.Null(Read([(byte)'"', 0xAC, (byte)'"']));
        Assert.Null(Read("\"\\ud800\""u8));
    }

    private static string? Read(ReadOnlySpan<byte> json)
    {
        var reader = new Utf8JsonReader(json);
        return UsageWord.Read(ref reader);
    }
}

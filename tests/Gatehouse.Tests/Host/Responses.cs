using System.Net;
using System.Net.Http.Json;
using System.Text.Json;

namespace Gatehouse.Tests.Host;

/// <summary>Reads answers of the API.</summary>
internal static class Responses
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    public static async Task<JsonElement> JsonAsync(this Task<HttpResponseMessage> pending, HttpStatusCode expected)
    {
        using var response = await pending;
        var text = await response.Content.ReadAsStringAsync(Ct);
        Assert.True(expected == response.StatusCode, $"{(int)response.StatusCode} in place of {(int)expected}: {text}");
        return text.Length == 0 ? default : JsonElement.Parse(text);
    }

    /// <summary>The stable code of a problem.</summary>
    public static async Task<string> ProblemAsync(this Task<HttpResponseMessage> pending, HttpStatusCode expected)
    {
        using var response = await pending;
        var body = await response.Content.ReadAsStringAsync(Ct);
        Assert.True(expected == response.StatusCode, $"{(int)response.StatusCode} in place of {(int)expected}: {body}");
        Assert.Equal("application/problem+json", response.Content.Headers.ContentType?.MediaType);
        return JsonElement.Parse(body).GetProperty("code").GetString()!;
    }

    public static async Task<HttpStatusCode> StatusAsync(this Task<HttpResponseMessage> pending)
    {
        using var response = await pending;
        return response.StatusCode;
    }

    public static Task<HttpResponseMessage> SendAsync(
        this HttpClient http, string method, string path, object? body = null) => http.SendAsync(
        new HttpRequestMessage(new HttpMethod(method), path) { Content = body is null ? null : JsonContent.Create(body) },
        HttpCompletionOption.ResponseHeadersRead,
        Ct);

    public static Guid Id(this JsonElement row, string name = "id") => row.GetProperty(name).GetGuid();

    public static string Text(this JsonElement row, string name) => row.GetProperty(name).GetString()!;
}

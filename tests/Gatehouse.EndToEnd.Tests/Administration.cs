using System.Net.Http.Json;
using System.Text.Json;

namespace Gatehouse.EndToEnd.Tests;

/// <summary>The API as an administrator.</summary>
internal static class Administration
{
    public static async Task<JsonElement> AdminAsync(
        this GatehouseProcess node, string method, string path, object? body = null)
    {
        using var http = node.CreateClient(node.CliToken);
        using var response = await http.SendAsync(
            new HttpRequestMessage(new HttpMethod(method), path) { Content = body is null ? null : JsonContent.Create(body) });
        var text = await response.Content.ReadAsStringAsync();
        Assert.True(response.IsSuccessStatusCode, $"{(int)response.StatusCode} {text}");
        return text.Length == 0 ? default : JsonElement.Parse(text);
    }
}

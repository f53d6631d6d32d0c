using System.Net;
using System.Net.Http.Headers;
using System.Text;
using Gatehouse.Tests.Host;

namespace Gatehouse.Tests.Governance;

/// <summary>What an address of the API says to a request that it does not take.</summary>
public sealed class AddressTests
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("POST", "api/version", "GET")]
    [InlineData("GET", "api/session/welcome", "POST")]
    [InlineData("DELETE", "api/teams", "GET, POST")]
    [InlineData("PUT", "API/calls", "GET")]
    [InlineData("GET", "api/keys/0195f2c4-7d1e-7c3a-9b52-3f6d1a2b4c5d", "DELETE")]
    [InlineData("PATCH", "api/openapi.json", "GET")]
    public async Task A_wrong_method_is_answered_with_the_right_ones(string method, string path, string allowed)
    {
        await using var app = await TestApp.StartAsync();
        var (_, token) = await app.AddPersonAsync("ann@example.org", null, Contracts.Role.Admin);
        using var http = app.Program(token);

        using var response = await http.SendAsync(method, path);

        Assert.Equal("method_not_allowed", await Task.FromResult(response).ProblemAsync(HttpStatusCode.MethodNotAllowed));
        Assert.Equal(allowed, string.Join(", ", response.Content.Headers.Allow));
    }

    [Theory]
    [InlineData("text/plain")]
    [InlineData("application/x-www-form-urlencoded")]
    [InlineData(null)]
    public async Task A_body_that_is_not_json_by_its_type_is_refused_as_such(string? type)
    {
        await using var app = await TestApp.StartAsync();
        var (_, token) = await app.AddPersonAsync("ann@example.org", null, Contracts.Role.Admin);
        using var http = app.Program(token);
        using var content = new ByteArrayContent(Encoding.UTF8.GetBytes("""{"name":"red"}"""));
        content.Headers.ContentType = type is null ? null : new MediaTypeHeaderValue(type);

        Assert.Equal(
            "unsupported_media_type", await http.PostAsync("api/teams", content, Ct).ProblemAsync(HttpStatusCode.UnsupportedMediaType));
    }

    [Fact]
    public async Task An_id_that_is_none_and_an_unknown_address_are_not_found_whatever_the_method()
    {
        await using var app = await TestApp.StartAsync();
        using var http = app.Program(null);

        Assert.Equal("not_found", await http.SendAsync("DELETE", "api/keys/none").ProblemAsync(HttpStatusCode.NotFound));
        Assert.Equal("not_found", await http.SendAsync("POST", "api/nothing").ProblemAsync(HttpStatusCode.NotFound));
    }

    [Fact]
    public async Task The_document_of_the_api_is_made_once_and_not_sent_again_to_who_has_it()
    {
        await using var app = await TestApp.StartAsync();
        using var http = app.Program(null);
        using var first = await http.GetAsync("api/openapi.json", Ct);
        http.DefaultRequestHeaders.IfNoneMatch.Add(Assert.IsType<EntityTagHeaderValue>(first.Headers.ETag));

        using var second = await http.GetAsync("api/openapi.json", Ct);

        Assert.Equal((HttpStatusCode.OK, HttpStatusCode.NotModified), (first.StatusCode, second.StatusCode));
        Assert.Empty(await second.Content.ReadAsByteArrayAsync(Ct));
        Assert.Equal("application/json", first.Content.Headers.ContentType?.MediaType);
    }
}

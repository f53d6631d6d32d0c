using System.Text.Encodings.Web;
using System.Text.Json;
using Gatehouse.Configuration;
using Gatehouse.Hosting;
using Microsoft.Extensions.Logging;

namespace Gatehouse.Tests.House;

/// <summary>The public HTTP API as one document: a change to it shows in a diff that a person reads.</summary>
public sealed class ApiDocumentTests
{
    private static readonly JsonSerializerOptions Indented =
        new() { WriteIndented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    [Fact]
    public async Task The_document_of_the_running_server_is_the_one_in_docs()
    {
        var folder = Directory.CreateTempSubdirectory("gatehouse-test-");
        var ct = TestContext.Current.CancellationToken;
        var source = new ConfigurationSource(
            Path.Combine(folder.FullName, ConfigurationSource.DefaultFile), Required: false, "127.0.0.1:0", folder.FullName);
        await using (var server = await Server.StartAsync(source, new ServerFlags(Sample: false, TimeSpan.Zero, LogLevel.Warning), ct))
        {
            using var http = new HttpClient { BaseAddress = server.Describe().Url };
            var document = JsonElement.Parse(await http.GetStringAsync("api/openapi.json", ct));

            Golden.Check("docs/reference/openapi.json", JsonSerializer.Serialize(document, Indented));
        }

        folder.Delete(recursive: true);
    }
}

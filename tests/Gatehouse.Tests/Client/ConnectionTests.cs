using Gatehouse.Client;

namespace Gatehouse.Tests.Client;

public sealed class ConnectionTests : IDisposable
{
    private readonly string _data = Directory.CreateTempSubdirectory("gatehouse-").FullName;

    [Fact]
    public void An_address_that_a_directory_names_gets_that_directorys_token_and_no_other()
    {
        File.WriteAllText(Path.Combine(_data, Connection.AddressFile), "http://evil.example");
        Environment.SetEnvironmentVariable("GATEHOUSE_TOKEN", "ght_mine");
        try
        {
            var stranger = Connection.Resolve(null, null, _data);
            File.WriteAllText(Path.Combine(_data, Connection.TokenFile), "ght_theirs");
            var local = Connection.Resolve(null, null, _data);
            var meant = Connection.Resolve(null, "ght_given", _data);
            var named = Connection.Resolve("http://server.example", null, _data);

            Assert.Equal((null, "ght_theirs", "ght_given", "ght_mine"), (stranger.Token, local.Token, meant.Token, named.Token));
        }
        finally
        {
            Environment.SetEnvironmentVariable("GATEHOUSE_TOKEN", null);
        }
    }

    public void Dispose() => Directory.Delete(_data, recursive: true);
}

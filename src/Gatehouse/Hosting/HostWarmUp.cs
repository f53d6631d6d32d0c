namespace Gatehouse.Hosting;

/// <summary>
/// A host that nobody starts, put together as the real one is, which waits for the configuration meanwhile: its types are loaded and its
/// code is there when they are needed.
/// </summary>
internal static class HostWarmUp
{
    public static void Run()
    {
        var builder = Server.NewBuilder();
        builder.Services.AddModules(dataFolder: "", keyRingFolder: null, tablesFile: null, kept: null);
        using var app = builder.Build();
        app.MapModules();
    }
}

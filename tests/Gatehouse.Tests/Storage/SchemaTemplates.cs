using System.Collections.Concurrent;
using Gatehouse.Configuration;
using Gatehouse.Storage;
using Gatehouse.Tests.Storage;

[assembly: AssemblyFixture(typeof(SchemaTemplates))]

namespace Gatehouse.Tests.Storage;

/// <summary>A database of each kind with the schema of this version, made when the first test wants it and gone after the last.</summary>
public sealed class SchemaTemplates : IAsyncDisposable
{
    private static readonly ConcurrentDictionary<string, Lazy<Task<TestDatabase>>> Made = new();

    /// <returns>Its name; nobody is connected to it.</returns>
    internal static async Task<string> GetAsync(string kind) =>
        (await Made.GetOrAdd(kind, k => new Lazy<Task<TestDatabase>>(() => MakeAsync(k))).Value).Name;

    public async ValueTask DisposeAsync()
    {
        foreach (var made in Made.Values)
        {
            await (await made.Value).DisposeAsync();
        }
    }

    private static async Task<TestDatabase> MakeAsync(string kind)
    {
        var template = await TestDatabase.CreateAsync(kind);
        await Migrations.ApplyAsync(template.Db, typeof(ConfigurationState).Assembly, CancellationToken.None);
        await template.Db.DisposeAsync();
        return template;
    }
}

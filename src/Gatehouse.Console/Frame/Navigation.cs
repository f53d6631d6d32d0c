namespace Gatehouse.Console.Frame;

/// <summary>A page of the navigation.</summary>
/// <param name="Scoped">Whether it looks at a time, a team and an environment, which a link to it then carries on.</param>
internal sealed record NavigationPage(string Path, string Name, string Icon, bool Scoped = true)
{
    public bool IsOn(string path) => Path == "/" ? path == "/" : path == Path || path.StartsWith(Path + "/", StringComparison.Ordinal);
}

/// <summary>The pages that exist, in their groups.</summary>
internal static class Navigation
{
    public static IReadOnlyList<(string Group, IReadOnlyList<NavigationPage> Pages)> Groups { get; } =
    [
        ("Observe", [
            new("/", "Overview", "overview"), new("/calls", "Calls", "calls"), new("/batches", "Batches", "batches"),
            new("/guards", "Guards", "guards"), new("/incidents", "Incidents", "incidents")]),
        ("Build", [new("/systems", "Systems", "systems"), new("/budgets", "Budgets", "budgets")]),
        ("Prove", [new("/reviews", "Reviews", "reviews")]),
        ("Run",
        [
            new("/providers", "Providers", "providers"),
            new("/routes", "Routes", "routes"),
            new("/settings", "Settings", "settings", Scoped: false),
        ]),
    ];
}

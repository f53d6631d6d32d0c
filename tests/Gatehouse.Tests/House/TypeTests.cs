using System.Reflection;
using System.Runtime.CompilerServices;
using System.Xml.Linq;

namespace Gatehouse.Tests.House;

/// <summary>How types look.</summary>
public sealed class TypeTests
{
    private static readonly string[] EmptySuffixes = ["Manager", "Helper", "Util", "Utils", "Service", "Impl", "Base", "Data", "Info"];

    [Fact]
    public void A_class_that_nothing_inherits_from_is_sealed()
    {
        var types = Types().ToList();
        var parents = types.Select(t => t.BaseType).OfType<Type>().Select(t => t.IsGenericType ? t.GetGenericTypeDefinition() : t)
            .ToHashSet();

        var open = types.Where(t => t.IsClass && !t.IsSealed && !t.IsAbstract && !parents.Contains(t)).Select(t => t.FullName);

        Assert.Empty(open);
    }

    [Fact]
    public void A_name_says_what_the_type_is()
    {
        var vague = Types().Where(t => EmptySuffixes.Any(s => t.Name.EndsWith(s, StringComparison.Ordinal))).Select(t => t.FullName);

        Assert.Empty(vague);
    }

    [Fact]
    public void A_public_type_has_a_summary()
    {
        var undocumented = new List<string>();
        foreach (var assembly in Assemblies())
        {
            var file = Path.Combine(AppContext.BaseDirectory, $"{assembly.GetName().Name}.xml");
            Assert.True(File.Exists(file), $"{file} is missing: the project does not generate documentation.");
            var documented = XDocument.Load(file).Descendants("member").Select(m => (string?)m.Attribute("name")).ToHashSet();
            undocumented.AddRange(Written(assembly).Where(t => t.IsPublic && !IsComponent(t) && !documented.Contains($"T:{t.FullName}"))
                .Select(t => t.FullName!));
        }

        Assert.Empty(undocumented);
    }

    private static IEnumerable<Type> Types() => Assemblies().SelectMany(Written).Where(t => !IsComponent(t));

    /// <summary>Razor compiles a component, and the file of its imports, into a public, open class; its file is the markup.</summary>
    private static bool IsComponent(Type t) =>
        typeof(Microsoft.AspNetCore.Components.IComponent).IsAssignableFrom(t) || t.Name == "_Imports";

    private static IEnumerable<Type> Written(Assembly assembly) => assembly.GetTypes()
        .Where(t => t.Namespace?.StartsWith("Gatehouse", StringComparison.Ordinal) == true
            && !t.IsDefined(typeof(CompilerGeneratedAttribute), true)
            && !t.Name.Contains('<', StringComparison.Ordinal)
            && t.DeclaringType?.IsDefined(typeof(CompilerGeneratedAttribute), true) != true);

    private static IEnumerable<Assembly> Assemblies() => Directory.GetFiles(AppContext.BaseDirectory, "*atehouse*.dll")
        .Where(f => !f.EndsWith(".Tests.dll", StringComparison.Ordinal))
        .Select(f => Assembly.LoadFrom(f));
}

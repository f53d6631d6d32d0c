using System.Globalization;
using Gatehouse.Console.Frame;

namespace Gatehouse.Console.Guards;

/// <summary>Addresses of the pages about guards.</summary>
internal static class GuardLinks
{
    public static string Activity(Scope scope, Guid? system = null, string? detector = null, string? type = null) =>
        "/guards" + scope.AddTo(new QueryText().Set("system", system?.ToString()).Set("detector", detector).Set("type", type));

    public static string Policy(string name) => "/guards/policies/" + Uri.EscapeDataString(name);

    /// <summary>A page of a policy's history, beside the revision that is open.</summary>
    public static string Revisions(string name, long? open, long? before) => Policy(name) + new QueryText()
        .Set("revision", open?.ToString(CultureInfo.InvariantCulture)).Set("before", before?.ToString(CultureInfo.InvariantCulture))
        + "#history";

    /// <summary>The form that asks for an exception, filled in.</summary>
    public static string Except(Guid system, string detector, string type) => "/guards/exceptions" + new QueryText()
        .Set("system", system.ToString()).Set("detector", detector).Set("type", type) + "#ask";
}

using Microsoft.AspNetCore.Http;

namespace Gatehouse.Gateway.Caching;

/// <summary>The headers of an answer that belong to its content, and go with it when it is served again.</summary>
internal static class KeptHeaders
{
    private static readonly string[] Names = ["x-gatehouse-dropped-params", "x-gatehouse-emulated-params"];

    /// <returns>Name and value, one after the other.</returns>
    public static string[] Of(IHeaderDictionary headers)
    {
        List<string>? kept = null;
        foreach (var name in Names)
        {
            if (headers.TryGetValue(name, out var value))
            {
                (kept ??= []).AddRange([name, value.ToString()]);
            }
        }

        return kept?.ToArray() ?? [];
    }

    public static void Set(string[] kept, IHeaderDictionary headers)
    {
        for (var i = 0; i < kept.Length; i += 2)
        {
            headers[kept[i]] = kept[i + 1];
        }
    }
}

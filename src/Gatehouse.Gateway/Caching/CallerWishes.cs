using System.Globalization;
using Microsoft.AspNetCore.Http;

namespace Gatehouse.Gateway.Caching;

/// <summary>What the caller's <c>Cache-Control</c> asks for; directives that are not named here change nothing.</summary>
/// <param name="NoStore">Neither serve a kept answer nor keep the new one.</param>
/// <param name="NoCache">Serve a new answer, and keep it.</param>
/// <param name="OnlyIfCached">Serve a kept answer or none.</param>
/// <param name="MaxAge">The oldest answer that will do; <see langword="null"/>: whatever the route keeps.</param>
internal readonly record struct CallerWishes(bool NoStore, bool NoCache, bool OnlyIfCached, TimeSpan? MaxAge)
{
    /// <summary>Whether the caller leaves it to the route how old an answer may be.</summary>
    public bool AreLoose => !NoStore && !NoCache && MaxAge is null;

    public static CallerWishes Of(HttpRequest request)
    {
        var wishes = default(CallerWishes);
        foreach (var value in request.Headers.CacheControl)
        {
            foreach (var part in value.AsSpan().Split(','))
            {
                wishes = With(wishes, value.AsSpan()[part].Trim());
            }
        }

        return wishes;
    }

    private static CallerWishes With(CallerWishes wishes, ReadOnlySpan<char> directive)
    {
        if (Is(directive, "no-store"))
        {
            return wishes with { NoStore = true };
        }

        if (Is(directive, "no-cache"))
        {
            return wishes with { NoCache = true };
        }

        if (Is(directive, "only-if-cached"))
        {
            return wishes with { OnlyIfCached = true };
        }

        if (!directive.StartsWith("max-age=", StringComparison.OrdinalIgnoreCase))
        {
            return wishes;
        }

        // What cannot be read asks for the freshest there is.
        var seconds = int.TryParse(directive["max-age=".Length..].Trim('"'), NumberStyles.None, CultureInfo.InvariantCulture, out var age)
            ? age
            : 0;
        return wishes with { MaxAge = TimeSpan.FromSeconds(seconds) };
    }

    private static bool Is(ReadOnlySpan<char> directive, string name) => directive.Equals(name, StringComparison.OrdinalIgnoreCase);
}

using System.Globalization;
using Gatehouse.Gateway.Providers;
using Microsoft.AspNetCore.Http;

namespace Gatehouse.Gateway.Limits;

/// <summary>
/// How a caller stands with the limits of requests and tokens, in the names that its format's SDKs know. They take the place of the
/// provider's own, which are Gatehouse's business where Gatehouse has a limit. Of several limits the tightest is shown.
/// </summary>
internal static class RateHeaders
{
    public static void Set(IHeaderDictionary headers, WireFormat wire, IReadOnlyList<Allowance> rules, DateTimeOffset now)
    {
        Set(headers, wire, Tightest(rules, Measure.Requests, now), "requests", now);
        Set(headers, wire, Tightest(rules, Measure.Tokens, now), "tokens", now);
    }

    private static Allowance? Tightest(IReadOnlyList<Allowance> rules, Measure measure, DateTimeOffset now)
    {
        Allowance? tightest = null;
        foreach (var rule in rules)
        {
            if (rule.Rule.Measure == measure && (tightest is null || Left(rule, now) < Left(tightest, now)))
            {
                tightest = rule;
            }
        }

        return tightest;
    }

    private static long Left(Allowance allowance, DateTimeOffset now)
    {
        var window = allowance.Current(now);
        return Math.Max(0, window.MostLeft - window.Underway);
    }

    private static void Set(IHeaderDictionary headers, WireFormat wire, Allowance? allowance, string what, DateTimeOffset now)
    {
        if (allowance is null)
        {
            return;
        }

        var until = allowance.Current(now).Until;
        var (limit, left) = (Text(allowance.Rule.Cap), Text(Left(allowance, now)));
        if (wire == WireFormat.Anthropic)
        {
            headers[$"anthropic-ratelimit-{what}-limit"] = limit;
            headers[$"anthropic-ratelimit-{what}-remaining"] = left;
            headers[$"anthropic-ratelimit-{what}-reset"] = until.UtcDateTime.ToString(
                "yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture);
            return;
        }

        headers[$"x-ratelimit-limit-{what}"] = limit;
        headers[$"x-ratelimit-remaining-{what}"] = left;
        headers[$"x-ratelimit-reset-{what}"] = Text(Math.Max(0, (long)Math.Ceiling((until - now).TotalSeconds))) + "s";
    }

    private static string Text(long number) => number.ToString(CultureInfo.InvariantCulture);
}

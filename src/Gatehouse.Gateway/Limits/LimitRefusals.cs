using System.Globalization;
using Gatehouse.Contracts;
using Gatehouse.Gateway.Calls;
using Gatehouse.Gateway.Resilience;
using Microsoft.AspNetCore.Http;

namespace Gatehouse.Gateway.Limits;

/// <summary>What a caller reads when a budget or limit refuses the call: which one, why, and whether waiting helps.</summary>
internal static class LimitRefusals
{
    private static readonly TimeSpan Soon = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Later = TimeSpan.FromSeconds(10);

    public static AttemptFailure Unpriced(LimitRule rule, string target) => new(NextStep.PassOn, new Problem(
        "price_unknown", 403,
        $"The budget '{rule.Name}' is hard and the price of {target} is not known, so the call cannot be kept within it: "
        + "set its price under prices.models, or let the budget count unknown prices."))
    {
        IsLasting = true,
    };

    public static AttemptFailure TooManyUsers(LimitRule rule) => new(NextStep.PassOn, new Problem(
        "too_many_end_users", 429, string.Create(
            CultureInfo.InvariantCulture,
            $"'{rule.Name}' gives each end user their own, and {AllowanceBook.MaxUsers} have called lately: another one has to wait.")))
    {
        RetryAfter = Later,
    };

    public static AttemptFailure Of(Call call, Holds holds, LimitRule rule, AllowanceWindow window, long amount, DateTimeOffset now)
    {
        var failure = rule.Measure switch
        {
            Measure.Money => OfBudget(rule, window, amount),
            Measure.Concurrency => new AttemptFailure(NextStep.PassOn, new Problem(
                "concurrency_limit_exceeded", 429, string.Create(
                    CultureInfo.InvariantCulture,
                    $"The limit '{rule.Name}' allows {rule.Cap} calls at the same time, and as many are under way.")))
            {
                RetryAfter = Soon,
            },
            _ => new AttemptFailure(NextStep.PassOn, new Problem(
                "rate_limit_exceeded", 429, string.Create(
                    CultureInfo.InvariantCulture,
                    $"The limit '{rule.Name}' allows {rule.Cap} {(rule.Measure == Measure.Requests ? "requests" : "tokens")} a minute; the next minute begins in {Seconds(window, now)} s.")))
            {
                RetryAfter = TimeSpan.FromSeconds(Seconds(window, now)),
            },
        };
        var headers = new HeaderDictionary();
        RateHeaders.Set(headers, call.Surface.Wire, holds.Rules, now);
        return failure with { Headers = headers };
    }

    /// <summary>Of an attempt that would have come after others which were billed.</summary>
    public static readonly Problem NotCovered = new(
        "budget_exhausted", 429, "Earlier attempts of this call were billed, and what is left of its budget does not cover another one.");

    private static AttemptFailure OfBudget(LimitRule rule, AllowanceWindow window, long amount)
    {
        var left = Math.Max(0, window.MostLeft);
        if (amount <= left && window is { IsCutOff: true, Underway: 0 })
        {
            return new AttemptFailure(NextStep.PassOn, new Problem(
                "budget_unavailable", 503,
                $"The budget '{rule.Name}' must hold, and what is left of it is not known here while the database is away: try again when it is back."))
            {
                RetryAfter = Later,
            };
        }

        if (amount <= left)
        {
            return new AttemptFailure(NextStep.PassOn, new Problem(
                "budget_reserved", 429, $"What is left of the budget '{rule.Name}' is reserved by calls under way."))
            {
                RetryAfter = Soon,
            };
        }

        var renewal = rule.Period == LimitPeriod.Total
            ? "It does not begin anew."
            : string.Create(CultureInfo.InvariantCulture, $"It begins anew at {window.Until.UtcDateTime:yyyy-MM-dd HH:mm} UTC.");
        var text = left == 0
            ? $"The budget '{rule.Name}' ({Usd(rule.Cap)}) is used up. {renewal}"
            : $"This call may cost up to {Usd(amount)}, and {Usd(left)} of the budget '{rule.Name}' ({Usd(rule.Cap)}) is left: lower its output limit. {renewal}";
        return new AttemptFailure(NextStep.PassOn, new Problem("budget_exhausted", 429, text)) { IsLasting = true };
    }

    private static long Seconds(AllowanceWindow window, DateTimeOffset now) =>
        Math.Max(1, (long)Math.Ceiling((window.Until - now).TotalSeconds));

    private static string Usd(long nanos) => string.Create(CultureInfo.InvariantCulture, $"${Nanos.ToUsd(nanos):0.00####}");
}

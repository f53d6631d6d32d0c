using System.Buffers;
using System.Text.Json;
using Gatehouse.Contracts;

namespace Gatehouse.Governance;

/// <summary>Enums as tables hold them, and the rules of names.</summary>
internal static class Words
{
    public const int MaxNameChars = 63;

    private const int MaxReasonChars = 500;

    private static readonly SearchValues<char> NameChars = SearchValues.Create("abcdefghijklmnopqrstuvwxyz0123456789-");

    /// <exception cref="ProblemException">The value has no name: somebody sent a number.</exception>
    public static string Of<T>(T value)
        where T : struct, Enum => Enum.IsDefined(value)
            ? JsonNamingPolicy.SnakeCaseLower.ConvertName(value.ToString())
            : throw new ProblemException(Problem.Invalid(
                JsonNamingPolicy.SnakeCaseLower.ConvertName(typeof(T).Name),
                $"must be one of {string.Join(", ", Enum.GetValues<T>().Select(Of))}"));

    public static T Parse<T>(string word)
        where T : struct, Enum => Enum.Parse<T>(word.Replace("_", "", StringComparison.Ordinal), ignoreCase: true);

    /// <summary>A word of a query; <see langword="null"/> when it was left out.</summary>
    /// <exception cref="ProblemException">It is none of the allowed ones.</exception>
    public static T? Read<T>(string field, string? word)
        where T : struct, Enum
    {
        foreach (var value in Enum.GetValues<T>())
        {
            if (Of(value) == word)
            {
                return value;
            }
        }

        return string.IsNullOrEmpty(word)
            ? null
            : throw new ProblemException(Problem.Invalid(field, $"must be one of {string.Join(", ", Enum.GetValues<T>().Select(Of))}"));
    }

    /// <summary>Names that people type into commands.</summary>
    /// <exception cref="ProblemException">The name breaks the rule.</exception>
    public static string Name(string field, string? name)
    {
        if (name is not { Length: > 0 and <= MaxNameChars } || name[0] == '-' || name[^1] == '-'
            || name.AsSpan().ContainsAnyExcept(NameChars))
        {
            throw new ProblemException(Problem.Invalid(
                field, $"must be 1 to {MaxNameChars} lower-case letters, digits and hyphens, with no hyphen at either end"));
        }

        return name;
    }

    /// <summary>Free text of one line or more.</summary>
    /// <exception cref="ProblemException">It is empty or too long.</exception>
    public static string Text(string field, string? text, int maxChars)
    {
        var trimmed = text?.Trim();
        return trimmed is { Length: > 0 } && trimmed.Length <= maxChars
            ? trimmed
            : throw new ProblemException(Problem.Invalid(field, $"must be 1 to {maxChars} characters"));
    }

    /// <summary>Adds the reason that someone gave to what the audit log says of an act.</summary>
    /// <exception cref="ProblemException">The reason is too long.</exception>
    public static string WithReason(string detail, string? reason)
    {
        if (string.IsNullOrWhiteSpace(reason))
        {
            return detail;
        }

        return (detail.Length == 0 ? "" : detail + "; ") + "reason: " + Text("reason", reason, MaxReasonChars);
    }

    /// <summary>Lower case, so that one person is one account.</summary>
    /// <exception cref="ProblemException">It is no e-mail address.</exception>
    public static string Email(string? email)
    {
        var text = email?.Trim().ToLowerInvariant() ?? "";
        var at = text.IndexOf('@', StringComparison.Ordinal);
        return at > 0 && at < text.Length - 1 && text.Length <= 254 && text.IndexOf('@', at + 1) < 0
            && !text.Any(c => char.IsWhiteSpace(c) || char.IsControl(c))
            ? text
            : throw new ProblemException(Problem.Invalid("email", "must be an e-mail address"));
    }
}

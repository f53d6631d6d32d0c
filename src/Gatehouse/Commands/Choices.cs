using System.CommandLine;

namespace Gatehouse.Commands;

/// <summary>Options whose values are words. Without this the number of a word would pass for it, and so would any other number.</summary>
internal static class Choices
{
    /// <summary>Takes only the words of the option's <see cref="Option.HelpName"/>, in any case.</summary>
    public static Option<T> AcceptOnlyItsWords<T>(this Option<T> option)
    {
        var words = option.HelpName!.Split('|');
        option.Validators.Add(result =>
        {
            foreach (var token in result.Tokens)
            {
                if (!words.Contains(token.Value, StringComparer.OrdinalIgnoreCase))
                {
                    result.AddError($"{option.Name} takes {string.Join(", ", words[..^1])} or {words[^1]}, not '{token.Value}'.");
                }
            }
        });
        return option;
    }
}

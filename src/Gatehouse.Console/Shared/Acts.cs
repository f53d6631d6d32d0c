using Gatehouse.Contracts;

namespace Gatehouse.Console.Shared;

/// <summary>Runs an act of a form: a problem is shown to the person, anything else is a bug and throws.</summary>
internal static class Acts
{
    public static async Task<Problem?> TryAsync(Func<Task> act)
    {
        try
        {
            await act();
            return null;
        }
        catch (ProblemException e)
        {
            return e.Problem;
        }
    }
}

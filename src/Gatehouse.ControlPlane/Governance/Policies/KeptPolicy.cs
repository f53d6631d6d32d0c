namespace Gatehouse.Governance;

/// <summary>A revision of a guard policy that is kept in the database.</summary>
/// <param name="Number">From 1.</param>
/// <param name="Hash">Names its content, as records of calls do.</param>
/// <param name="Note">What its author says about it.</param>
/// <param name="Person">Who saved it.</param>
/// <param name="InForce">It is the revision that applies.</param>
public sealed record PolicyRevision(
    string Name, long Number, string Hash, string Text, string Note, string Person, DateTimeOffset At, bool InForce);

/// <summary>What Governance asks Configuration about policies.</summary>
/// <param name="Taken">Names that a kept policy may not have.</param>
/// <param name="Judge">Reads a text as a policy of a name.</param>
public sealed record PolicyJoint(Func<IReadOnlyList<string>> Taken, Func<string, string, PolicyJudgement> Judge)
{
    /// <summary>Where nobody can read policies.</summary>
    public static readonly PolicyJoint None = new(
        static () => [], static (_, _) => new PolicyJudgement("", ["No policy can be read here."], []));
}

/// <summary>What is to be said about the text of a policy.</summary>
/// <param name="Hash">Names its content.</param>
/// <param name="Errors">Why it is no policy.</param>
/// <param name="Failures">Its own tests that fail.</param>
public sealed record PolicyJudgement(string Hash, IReadOnlyList<string> Errors, IReadOnlyList<string> Failures);

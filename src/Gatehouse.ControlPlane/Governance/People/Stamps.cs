using System.Security.Cryptography;

namespace Gatehouse.Governance;

/// <summary>The stamp of a person's sessions: a new one ends all of them.</summary>
internal static class Stamps
{
    public static string New() => RandomNumberGenerator.GetHexString(32, lowercase: true);
}

namespace Gatehouse.Gateway.Providers;

/// <summary>What a provider says went wrong, in its own words.</summary>
/// <param name="Code">The provider's code, when its format has one.</param>
/// <param name="Type">The provider's class of error.</param>
/// <param name="Message">Never empty.</param>
/// <param name="Param">The field of the request that it blames.</param>
internal readonly record struct UpstreamError(string? Code, string? Type, string Message, string? Param)
{
    /// <summary>The message when the provider gave none that can be read.</summary>
    public static string Generic(int status) => $"The provider answered with status {status} and no message.";
}

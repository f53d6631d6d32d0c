namespace Gatehouse.Gateway.Calls;

/// <summary>A call that Gatehouse makes itself, for the holder of a key that nobody presents.</summary>
/// <param name="KeyId">Looked up anew for each call: a key that was revoked meanwhile calls no more.</param>
/// <param name="BatchId">The batch that the call is an item of.</param>
internal sealed record CallOrigin(Guid KeyId, string BatchId);

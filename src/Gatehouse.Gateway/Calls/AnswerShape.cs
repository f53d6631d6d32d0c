namespace Gatehouse.Gateway.Calls;

/// <summary>How a provider's answer goes to the client.</summary>
internal enum AnswerShape
{
    /// <summary>Read to the end and checked before a byte of it goes out.</summary>
    Whole,

    /// <summary>A stream of events.</summary>
    Events,

    /// <summary>Bytes with nothing in them to read, such as sound: each piece goes out as the next one comes.</summary>
    Bytes,
}

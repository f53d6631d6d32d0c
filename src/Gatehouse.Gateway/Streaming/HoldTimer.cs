namespace Gatehouse.Gateway.Streaming;

/// <summary>How long the guards of a stream have held text back without a look at what may go on.</summary>
internal sealed class HoldTimer(TimeProvider clock, TimeSpan holdTime)
{
    private long? _from;
    private long _released;

    public bool IsRunning => _from is not null;

    /// <summary>Time until what is held is due; zero or less when it is.</summary>
    public TimeSpan Left => holdTime - clock.GetElapsedTime(_from!.Value);

    /// <summary>More of the stream has come. Where guards let something go by themselves, the time begins anew.</summary>
    /// <param name="holds">Whether something is held now.</param>
    /// <param name="released">Units that guards have let go so far.</param>
    public void Took(bool holds, long released)
    {
        _from = !holds ? null : _from is null || released > _released ? clock.GetTimestamp() : _from;
        _released = released;
    }

    /// <summary>What is due has gone on; what is held still is open, and waits with what comes next.</summary>
    public void LetGo() => _from = null;
}

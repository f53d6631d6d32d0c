using Gatehouse.Gateway.Streaming;
using Gatehouse.Guardrails.Policies;

namespace Gatehouse.Gateway.Reviews;

/// <summary>
/// Splits a stream where a rule asks for a person: what was written before goes to the client, the event that brings the finding and all
/// after it stay here until the answer is complete and somebody has decided. One for each stream that guards look at.
/// </summary>
internal sealed class StreamHold(GuardSession session) : IDisposable
{
    private PooledBuffer? _held;
    private int _from = -1;

    public bool IsHeld => _from >= 0;

    /// <summary>Something was written.</summary>
    /// <param name="before">The length of the buffer before it.</param>
    public void Note(int before)
    {
        if (_from < 0 && session.HeldBy is not null)
        {
            _from = before;
        }
    }

    /// <summary>Where the client's bytes are to be written: first those that go out, later those that wait.</summary>
    /// <param name="events">What goes out; what must wait is taken out of it.</param>
    public PooledBuffer Split(PooledBuffer events)
    {
        if (_from < 0)
        {
            return events;
        }

        if (_held is null)
        {
            _held = new PooledBuffer(Math.Max(1024, events.Length - _from));
            _held.Write(events.Span[_from..]);
            events.Truncate(_from);
        }

        return _held;
    }

    public void Dispose() => _held?.Dispose();
}

namespace Gatehouse.Contracts;

/// <summary>One immutable value that readers see whole: a change builds a new value and publishes it. Lock-free for readers.</summary>
public sealed class Snapshot<T>(T initial)
    where T : class
{
    private T _current = initial;

    /// <summary>Read it once per call and keep it: a second read may see another revision.</summary>
    public T Current => Volatile.Read(ref _current);

    public void Publish(T value) => Volatile.Write(ref _current, value);
}

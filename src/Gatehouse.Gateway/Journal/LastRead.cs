using Gatehouse.Contracts;

namespace Gatehouse.Gateway.Journal;

/// <summary>A part of the record that was read last, with its bytes.</summary>
internal sealed class LastRead<T>
    where T : class
{
    private byte[] _bytes = [];
    private int _length;

    /// <summary>Empty before the first.</summary>
    public ReadOnlySpan<byte> Bytes => _bytes.AsSpan(0, _length);

    /// <summary>What the part adds to.</summary>
    public object? About { get; private set; }

    public T? Value { get; private set; }

    public void Keep(ReadOnlySpan<byte> bytes, object? about, T? value)
    {
        if (_bytes.Length < bytes.Length)
        {
            _bytes = new byte[bytes.Length];
        }

        bytes.CopyTo(_bytes);
        _length = bytes.Length;
        About = about;
        Value = value;
    }
}

/// <summary>An attempt while its parts are read, which lie apart.</summary>
internal struct AttemptDraft
{
    public string Provider;
    public string Model;
    public long StartMicros;
    public long? HeadersMicros;
    public long? FirstByteMicros;
    public long EndMicros;
    public int Status;
    public string? ErrorCode;
    public string? Error;
    public TokenUsage? Usage;
    public decimal? CostUsd;

    public readonly CallAttempt Whole() => new(
        Provider, Model, StartMicros, HeadersMicros, FirstByteMicros, EndMicros, Status, ErrorCode, Error, Usage, CostUsd);
}

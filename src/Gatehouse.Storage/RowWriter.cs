namespace Gatehouse.Storage;

/// <summary>Takes the cells of a row in the order of its columns, past everything that boxes: for rows by the thousand.</summary>
public abstract class RowWriter
{
    public abstract void Null();

    public abstract void Long(long value);

    public abstract void Bool(bool value);

    /// <summary>NUL and lone surrogates become U+FFFD, as everywhere.</summary>
    public abstract void Text(string value);

    public abstract void Id(Guid value);

    public abstract void Bytes(ReadOnlySpan<byte> value);

    /// <summary>For a <c>BIGINT</c> of Unix microseconds.</summary>
    public void Instant(DateTimeOffset value) => Long(Statement.Micros(value));

    public void LongOrNull(long? value)
    {
        if (value is { } number)
        {
            Long(number);
        }
        else
        {
            Null();
        }
    }

    public void TextOrNull(string? value)
    {
        if (value is not null)
        {
            Text(value);
        }
        else
        {
            Null();
        }
    }
}

/// <summary>A row has a key that is taken. The transaction is over: begin another.</summary>
public sealed class DuplicateRowException(string table, Exception inner) : Exception($"A row of '{table}' has a key that is taken.", inner);

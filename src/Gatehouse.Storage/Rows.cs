namespace Gatehouse.Storage;

/// <summary>
/// Where the rows of a query go. What overrides methods of <see cref="Database"/> knows no type of rows: generic methods that are overridden
/// are in no image for types that are values, and each would be compiled, with all that it calls, while a server starts.
/// </summary>
internal abstract class Rows
{
    public abstract void Add(Row row);
}

/// <param name="read">Reads one.</param>
internal sealed class Rows<T>(Func<Row, T> read) : Rows
{
    private readonly List<T> _list = [];

    public override void Add(Row row) => _list.Add(read(row));

    /// <param name="asked">The query that adds them.</param>
    public Task<List<T>> AfterAsync(Task asked) => asked.IsCompletedSuccessfully ? Task.FromResult(_list) : WaitAsync(asked);

    private async Task<List<T>> WaitAsync(Task asked)
    {
        await asked;
        return _list;
    }
}

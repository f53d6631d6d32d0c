namespace Gatehouse.Gateway.Guarding;

/// <summary>The texts of one JSON document, in their order, in pooled memory. Rent, use on one thread, dispose.</summary>
internal sealed class JsonTextList : IDisposable
{
    [ThreadStatic]
    private static JsonTextList? _spare;

    private JsonText[] _items = new JsonText[64];
    private int _count;

    public ReadOnlySpan<JsonText> Items => _items.AsSpan(0, _count);

    public static JsonTextList Rent()
    {
        var list = _spare ?? new JsonTextList();
        _spare = null;
        list._count = 0;
        return list;
    }

    public void Add(in JsonText text)
    {
        if (_count == _items.Length)
        {
            Array.Resize(ref _items, _items.Length * 2);
        }

        _items[_count++] = text;
    }

    public void Clear() => _count = 0;

    public void Dispose() => _spare = _items.Length <= 1024 ? this : null;
}

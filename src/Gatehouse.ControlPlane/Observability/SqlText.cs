using System.Runtime.CompilerServices;
using System.Text;

namespace Gatehouse.Observability;

/// <summary>A statement put together from parts, for filters that are there or not. The holes of each part stay parameters.</summary>
internal sealed class SqlText
{
    private readonly List<object?> _parts = [];

    public bool IsEmpty => _parts.Count == 0;

    public SqlText Add(FormattableString part)
    {
        _parts.Add(part);
        return this;
    }

    public FormattableString Build()
    {
        var format = new StringBuilder();
        for (var i = 0; i < _parts.Count; i++)
        {
            format.Append('{').Append(i).Append('}');
        }

        return FormattableStringFactory.Create(format.ToString(), [.. _parts]);
    }
}

using System.Globalization;
using System.Runtime.CompilerServices;
using System.Text;

namespace Gatehouse.Observability;

/// <summary>A statement put together from parts, for filters that are there or not. The holes of each part stay parameters.</summary>
internal sealed class SqlText
{
    private readonly StringBuilder _format = new();
    private readonly List<object?> _arguments = [];

    public SqlText Add(FormattableString part)
    {
        var format = part.Format.AsSpan();
        for (var i = 0; i < format.Length; i++)
        {
            if (format[i] == '{' && i + 1 < format.Length && char.IsAsciiDigit(format[i + 1]))
            {
                var end = i + format[i..].IndexOf('}');
                var hole = int.Parse(format[(i + 1)..end], NumberStyles.None, CultureInfo.InvariantCulture);
                _format.Append('{').Append(_arguments.Count).Append('}');
                _arguments.Add(part.GetArgument(hole));
                i = end;
                continue;
            }

            _format.Append(format[i]);
        }

        return this;
    }

    /// <summary>Adds <c>({first}, {second}, …)</c>; an empty list becomes <c>(NULL)</c>, which nothing equals.</summary>
    public SqlText AddList<T>(IReadOnlyCollection<T> values)
    {
        _format.Append('(');
        var first = true;
        foreach (var value in values)
        {
            _format.Append(first ? "{" : ", {").Append(_arguments.Count).Append('}');
            _arguments.Add(value);
            first = false;
        }

        _format.Append(first ? "NULL)" : ")");
        return this;
    }

    public FormattableString Build() => FormattableStringFactory.Create(_format.ToString(), [.. _arguments]);
}

using YamlDotNet.Core;
using YamlDotNet.Core.Events;

namespace Gatehouse.Configuration;

/// <summary>A place in the file; lines and columns count from 1.</summary>
internal readonly record struct Place(int Line, int Column)
{
    public static Place Of(Mark mark) => new((int)mark.Line, (int)mark.Column);
}

/// <summary>A node of the configuration file.</summary>
internal abstract class YamlTree(Place place)
{
    public Place Place { get; } = place;
}

/// <summary>A value; <see cref="IsNull"/> when nothing (or <c>~</c> or <c>null</c>) stands there.</summary>
internal sealed class YamlValue(Place place, string text, bool plain) : YamlTree(place)
{
    public string Text { get; } = text;

    public bool IsNull { get; } = plain && text is "" or "~" or "null";
}

/// <summary>A list.</summary>
internal sealed class YamlList(Place place) : YamlTree(place)
{
    public List<YamlTree> Items { get; } = [];
}

/// <summary>A mapping, in the order of the file; keys may repeat, which the binder reports.</summary>
internal sealed class YamlMapping(Place place) : YamlTree(place)
{
    public List<(YamlValue Key, YamlTree Value)> Entries { get; } = [];
}

/// <summary>
/// Reads YAML into a tree that is bounded in size and depth. Anchors, aliases and tags are refused: they can make a small file huge.
/// </summary>
internal static class YamlReader
{
    public const int MaxChars = 1 << 20;
    private const int MaxDepth = 20;
    private const int MaxNodes = 100_000;

    /// <returns>The root, or <see langword="null"/> when the text is empty or an error was added.</returns>
    public static YamlMapping? Read(string? file, string text, List<ConfigurationError> errors)
    {
        if (text.Length > MaxChars)
        {
            errors.Add(new(file, 1, 1, $"The configuration is larger than {MaxChars} characters."));
            return null;
        }

        try
        {
            var reader = new TreeBuilder(new Parser(new Scanner(new StringReader(text), skipComments: true)));
            return reader.Read(file, errors);
        }
        catch (Refused refused)
        {
            errors.Add(new(file, refused.Place.Line, refused.Place.Column, refused.Message, refused.Suggestion));
        }
        catch (YamlException e)
        {
            if (e.Message.Contains("tab", StringComparison.Ordinal) && FirstTab(text) is { } tab)
            {
                errors.Add(new(file, tab.Line, tab.Column, "A line is indented with a tab.", "Indent with spaces."));
                return null;
            }

            var place = Place.Of(e.Start);
            errors.Add(new(
                file, place.Line, place.Column, "This is not valid YAML: " + Reason(e), "Check indentation, colons and quotes here."));
        }
        catch (Exception e) when (e is InvalidOperationException or ArgumentException or IndexOutOfRangeException or InvalidCastException)
        {
            // The parser throws these, without a place, on some malformed flow sequences.
            errors.Add(new(file, 1, 1, "This is not valid YAML.", "Check that every '[' and '{' has its closing one."));
        }

        return null;
    }

    /// <summary>Where a line's indentation first has a tab: the parser names the mapping's beginning only.</summary>
    private static Place? FirstTab(string text)
    {
        var number = 0;
        foreach (var line in text.AsSpan().EnumerateLines())
        {
            number++;
            var indent = line.Length - line.TrimStart(" \t").Length;
            if (line[..indent].IndexOf('\t') is >= 0 and var column)
            {
                return new(number, column + 1);
            }
        }

        return null;
    }

    /// <summary>The parser's own sentence, unless it could quote a part of the file.</summary>
    private static string Reason(YamlException e) =>
        e.Message.Length > 120 || e.Message.Contains('\'', StringComparison.Ordinal) && e.Message.Any(char.IsAsciiDigit)
            ? "the parser cannot read on."
            : e.Message.TrimEnd('.') + ".";

    private sealed class Refused(Place place, string message, string? suggestion = null) : Exception(message)
    {
        public Place Place { get; } = place;

        public string? Suggestion { get; } = suggestion;
    }

    /// <summary>Iterative, so that no nesting can overflow the stack.</summary>
    private sealed class TreeBuilder(Parser parser)
    {
        private readonly Stack<(YamlTree Node, YamlValue? Key)> _open = new();
        private YamlTree? _root;
        private bool _rootSeen;
        private int _nodes;

        public YamlMapping? Read(string? file, List<ConfigurationError> errors)
        {
            while (parser.MoveNext())
            {
                Take(parser.Current!);
            }

            switch (_root)
            {
                case null or YamlValue { IsNull: true }:
                    return new YamlMapping(new(1, 1));
                case YamlMapping mapping:
                    return mapping;
                default:
                    errors.Add(new(file, _root.Place.Line, _root.Place.Column, "The configuration must be a mapping of sections.",
                        "Begin with a section such as 'providers:'."));
                    return null;
            }
        }

        private void Take(ParsingEvent e)
        {
            var place = Place.Of(e.Start);
            switch (e)
            {
                case AnchorAlias:
                    throw new Refused(place, "Aliases ('*name') are not allowed.", "Write the value out.");
                case DocumentStart when _rootSeen:
                    throw new Refused(place, "There is a second document in the file.", "Remove everything from this '---' on.");
                case Scalar scalar:
                    Check(scalar, place);
                    Add(new YamlValue(place, scalar.Value, scalar.Style == ScalarStyle.Plain));
                    break;
                case SequenceStart start:
                    Check(start, place);
                    Open(new YamlList(place));
                    break;
                case MappingStart start:
                    Check(start, place);
                    Open(new YamlMapping(place));
                    break;
                case SequenceEnd or MappingEnd:
                    _open.Pop();
                    break;
            }
        }

        private static void Check(NodeEvent e, Place place)
        {
            if (!e.Anchor.IsEmpty)
            {
                throw new Refused(
                    place, "Anchors ('&name') are not allowed.", "Remove the anchor and write values out where they are used.");
            }

            if (!e.Tag.IsEmpty)
            {
                throw new Refused(place, "Tags ('!name') are not allowed.", "Remove the tag.");
            }
        }

        private void Open(YamlTree node)
        {
            Add(node);
            if (_open.Count >= MaxDepth)
            {
                throw new Refused(node.Place, $"The configuration is nested deeper than {MaxDepth} levels.");
            }

            _open.Push((node, null));
        }

        private void Add(YamlTree node)
        {
            if (++_nodes > MaxNodes)
            {
                throw new Refused(node.Place, $"The configuration has more than {MaxNodes} values.");
            }

            if (!_open.TryPop(out var parent))
            {
                _root = node;
                _rootSeen = true;
                return;
            }

            switch (parent.Node)
            {
                case YamlList list:
                    list.Items.Add(node);
                    _open.Push(parent);
                    break;
                case YamlMapping when parent.Key is null:
                    _open.Push((parent.Node, node as YamlValue ?? throw new Refused(node.Place, "A key must be a plain name.")));
                    break;
                case YamlMapping mapping:
                    mapping.Entries.Add((parent.Key!, node));
                    _open.Push((mapping, null));
                    break;
            }
        }
    }
}

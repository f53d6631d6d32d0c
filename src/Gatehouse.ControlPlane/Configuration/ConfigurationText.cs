using System.Collections;
using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace Gatehouse.Configuration;

/// <summary>Writes options as YAML, secrets masked: what <c>config show</c> prints, and what a revision is the hash of.</summary>
internal static class ConfigurationText
{
    internal enum Values
    {
        /// <summary>For people: what was written as a reference is shown as the reference.</summary>
        AsWritten,

        /// <summary>For hashing: what the references resolved to.</summary>
        Effective,
    }

    public static string Write(GatehouseOptions options, Sources sources, Values values)
    {
        var text = new StringBuilder();
        WriteSection(options, 0);
        return text.ToString();

        void WriteSection(object section, int indent)
        {
            foreach (var definition in Definition.Of(section.GetType()))
            {
                if (definition.Property.GetValue(section) is { } value)
                {
                    WriteSetting(section, definition, value, indent);
                }
            }
        }

        void WriteSetting(object section, Definition definition, object value, int indent)
        {
            switch (definition.Kind)
            {
                case SettingKind.Section:
                    Line(indent, definition.Key, null);
                    WriteSection(value, indent + 2);
                    break;
                case SettingKind.List when definition.Item == typeof(string) && ((IList)value).Count > 0:
                    Line(indent, definition.Key, null);
                    var index = 0;
                    foreach (var item in (IList)value)
                    {
                        var shown = Shown(value, (index++).ToString(CultureInfo.InvariantCulture), definition, item);
                        text.Append(' ', indent + 2).Append("- ").Append(shown).Append('\n');
                    }

                    break;
                case SettingKind.List when ((IList)value).Count > 0:
                    Line(indent, definition.Key, null);
                    foreach (var item in (IList)value)
                    {
                        var start = text.Length;
                        WriteSection(item, indent + 4);
                        text[start + indent + 2] = '-';
                    }

                    break;
                case SettingKind.Entries when ((IDictionary)value).Count > 0:
                    Line(indent, definition.Key, null);
                    foreach (DictionaryEntry entry in (IDictionary)value)
                    {
                        var key = (string)entry.Key;
                        if (entry.Value is string single)
                        {
                            Line(indent + 2, Quote(key), Shown(value, key, definition, single));
                        }
                        else
                        {
                            Line(indent + 2, Quote(key), null);
                            WriteSection(entry.Value!, indent + 4);
                        }
                    }

                    break;
                case SettingKind.List or SettingKind.Entries:
                    break;
                default:
                    Line(indent, definition.Key, Shown(section, definition.Key, definition, value));
                    break;
            }
        }

        string Shown(object owner, string key, Definition definition, object value)
        {
            var raw = sources.Raw(owner, key);
            if (definition.About.Secret)
            {
                return Quote(References.Mask(raw ?? ""));
            }

            return Quote(values == Values.AsWritten && raw is not null && References.IsIn(raw) ? raw : Definition.Format(value));
        }

        void Line(int indent, string key, string? value)
        {
            text.Append(' ', indent).Append(key).Append(':');
            if (value is not null)
            {
                text.Append(' ').Append(value);
            }

            text.Append('\n');
        }
    }

    /// <summary>Plain where that is the same text in YAML, else quoted.</summary>
    private static string Quote(string text) =>
        IsPlain(text) ? text : $"\"{JsonEncodedText.Encode(text, JavaScriptEncoder.UnsafeRelaxedJsonEscaping)}\"";

    private static bool IsPlain(string text) =>
        text.Length > 0
        && text != "null"
        && char.IsAsciiLetterOrDigit(text[0])
        && text.All(c => char.IsAsciiLetterOrDigit(c) || c is '.' or '_' or '-' or '/' or ':' or '+' or ' ')
        && !text.Contains(": ", StringComparison.Ordinal)
        && text[^1] is not (':' or ' ');
}

using System.Text;
using Gatehouse.Guardrails.Policies;

namespace Gatehouse.Gateway.Guarding;

/// <summary>
/// What a streamed answer said, text by text, as guarded and with its pseudonyms: for those who judge it whole. A stream that waited for
/// them and was changed goes through its relay a second time, and gets its texts from here.
/// </summary>
internal sealed class AnswerTranscript
{
    private readonly List<(GuardedText About, StringBuilder Text)> _texts = [];
    private readonly Dictionary<int, string> _tools = [];
    private readonly List<(string Name, string Arguments)> _wholeCalls = [];
    private readonly List<string?> _checked = [];
    private Dictionary<int, string>? _changed;
    private int _replayed;

    /// <summary>The stream goes through for the second time.</summary>
    public bool IsReplay => _changed is not null;

    /// <summary>The model refused, and the format says so.</summary>
    public bool Refuses { get; set; }

    /// <summary>Tool calls whose arguments came as one value.</summary>
    public IReadOnlyList<(string Name, string Arguments)> WholeCalls => _wholeCalls;

    public List<Passage> Passages() =>
    [
        .. _texts.Select(t => new Passage(t.About, TextOrigin.Assistant, default, t.Text.ToString())
        {
            Tool = _tools.GetValueOrDefault(t.About.Part),
        }),
    ];

    public void Append(in GuardedText about, StringBuilder text)
    {
        if (text.Length == 0)
        {
            return;
        }

        foreach (var known in _texts)
        {
            if (known.About.Part == about.Part)
            {
                known.Text.Append(text);
                return;
            }
        }

        _texts.Add((about, new StringBuilder().Append(text)));
    }

    /// <summary>Whose arguments a text holds.</summary>
    public void NameTool(int part, string name) => _tools.TryAdd(part, name);

    public void AddCall(string name, string arguments)
    {
        if (!IsReplay)
        {
            _wholeCalls.Add((name, arguments));
        }
    }

    /// <summary>What became of a text that came whole: asked for once, and known the second time.</summary>
    public string? Checked(Func<string?> check)
    {
        if (IsReplay)
        {
            return _checked[_replayed++];
        }

        var result = check();
        _checked.Add(result);
        return result;
    }

    /// <param name="changed">By the number of the text.</param>
    public void Replay(Dictionary<int, string> changed) => _changed = changed;

    /// <summary>A text as it was decided; empty from the second time on.</summary>
    public string Take(int part)
    {
        for (var i = 0; i < _texts.Count; i++)
        {
            if (_texts[i].About.Part == part)
            {
                var text = _changed!.GetValueOrDefault(part) ?? _texts[i].Text.ToString();
                _texts.RemoveAt(i);
                return text;
            }
        }

        return "";
    }
}

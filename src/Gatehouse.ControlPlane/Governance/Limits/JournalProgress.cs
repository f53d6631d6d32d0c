using Gatehouse.Gateway.Journal;

namespace Gatehouse.Governance;

/// <summary>How far this node's journal is in the ledger. Safe from any thread.</summary>
internal sealed class JournalProgress(CallJournal journal)
{
    private readonly JournalPosition _start = journal.End;
    private readonly Lock _one = new();
    private JournalPosition? _drained;
    private volatile bool _isReplayed;

    /// <summary>Raised when everything that earlier runs of this node journalled is in the ledger.</summary>
    public event Action? Replayed;

    public string NodeId => journal.NodeId;

    public JournalPosition End => journal.End;

    /// <summary>Whether everything that earlier runs of this node journalled is in the ledger.</summary>
    public bool IsReplayed => _isReplayed;

    /// <summary>Whether all of it is.</summary>
    public bool IsWhole => DrainedTo is { } upTo && Reaches(upTo, journal.End);

    /// <summary><see langword="null"/>: the ledger has told nothing yet.</summary>
    public JournalPosition? DrainedTo
    {
        get
        {
            lock (_one)
            {
                return _drained;
            }
        }
    }

    /// <summary>Everything up to here is in the ledger.</summary>
    public void Drained(JournalPosition upTo)
    {
        lock (_one)
        {
            _drained = upTo;
        }

        if (!_isReplayed && Reaches(upTo, _start))
        {
            _isReplayed = true;
            Replayed?.Invoke();
        }
    }

    /// <summary>Whether a reader of the journal who is at one place has come to the other.</summary>
    public static bool Reaches(JournalPosition reader, JournalPosition place) =>
        reader.Segment > place.Segment || (reader.Segment == place.Segment && reader.Offset >= place.Offset);
}

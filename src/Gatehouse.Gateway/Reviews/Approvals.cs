using System.Security.Cryptography;
using System.Text;
using Gatehouse.Contracts;

namespace Gatehouse.Gateway.Reviews;

/// <summary>
/// What people approved lately, so that nobody is asked about the same text of a conversation again with each of its turns. Knows
/// fingerprints, no text; of this node alone. Safe from any thread.
/// </summary>
internal sealed class Approvals(TimeProvider clock)
{
    /// <summary>How long an approval of a text holds.</summary>
    public static readonly TimeSpan Kept = TimeSpan.FromHours(1);

    private const int Most = 10_000;

    private readonly Lock _lock = new();
    private readonly Dictionary<(Guid SystemId, SystemEnvironment Environment, UInt128 Text), DateTimeOffset> _known = [];

    /// <summary>A person said yes to these texts.</summary>
    public void Remember(Guid systemId, SystemEnvironment environment, IReadOnlyList<ReviewText> texts)
    {
        var now = clock.GetUtcNow();
        lock (_lock)
        {
            if (_known.Count >= Most)
            {
                foreach (var (key, until) in _known)
                {
                    if (until <= now)
                    {
                        _known.Remove(key);
                    }
                }
            }

            foreach (var text in texts)
            {
                if (text.Marks.Count > 0 && _known.Count < Most)
                {
                    _known[(systemId, environment, Of(text))] = now + Kept;
                }
            }
        }
    }

    /// <summary>Whether a person said yes to all that is asked about.</summary>
    public bool Cover(Guid systemId, SystemEnvironment environment, IReadOnlyList<ReviewText> texts)
    {
        var now = clock.GetUtcNow();
        var covered = 0;
        lock (_lock)
        {
            if (_known.Count == 0)
            {
                return false;
            }

            foreach (var text in texts)
            {
                if (text.IsCut || !_known.TryGetValue((systemId, environment, Of(text)), out var until) || until <= now)
                {
                    return false; // what was shown in part was approved in part
                }

                covered++;
            }
        }

        return covered > 0;
    }

    /// <summary>Of what was said and what was found in it; not of where: an answer comes back as a turn of the next request.</summary>
    private static UInt128 Of(ReviewText text)
    {
        var said = new StringBuilder(text.Text);
        foreach (var mark in text.Marks)
        {
            said.Append('\0').Append(mark.Rule).Append('\0').Append(mark.Start).Append('\0').Append(mark.Length);
        }

        return System.Buffers.Binary.BinaryPrimitives.ReadUInt128LittleEndian(SHA256.HashData(Encoding.UTF8.GetBytes(said.ToString())));
    }
}

using Gatehouse.Contracts;

namespace Gatehouse.Observability;

/// <summary>Counts who follows calls, since each follower asks the database every second. Safe from any thread.</summary>
internal sealed class Followers
{
    private const int MaxPerPerson = 8;
    private const int MaxInAll = 100;

    private readonly Lock _one = new();
    private readonly Dictionary<Guid, int> _perPerson = [];
    private int _inAll;

    /// <exception cref="ProblemException">429: there are too many.</exception>
    public void Enter(Guid person)
    {
        lock (_one)
        {
            var before = _perPerson.GetValueOrDefault(person);
            if (before == MaxPerPerson || _inAll == MaxInAll)
            {
                throw new ProblemException(new Problem("too_many_followers", 429, before == MaxPerPerson
                    ? $"You follow calls in {MaxPerPerson} places; close one of them."
                    : $"{MaxInAll} followers are all that this node serves; try again later."));
            }

            _perPerson[person] = before + 1;
            _inAll++;
        }
    }

    public void Leave(Guid person)
    {
        lock (_one)
        {
            _inAll--;
            if (--_perPerson[person] == 0)
            {
                _perPerson.Remove(person);
            }
        }
    }
}

/// <summary>A place among those who follow calls; disposing of it gives it to the next.</summary>
public sealed class Follower : IDisposable
{
    private readonly Followers _followers;
    private readonly Func<Person?> _who;
    private readonly Guid _person;

    internal Follower(Followers followers, Guid person, Func<Person?> who)
    {
        followers.Enter(person);
        _followers = followers;
        _person = person;
        _who = who;
    }

    /// <summary>The person as they are now; <see langword="null"/> once their sign-in is revoked.</summary>
    internal Person? Now => _who();

    public void Dispose() => _followers.Leave(_person);
}

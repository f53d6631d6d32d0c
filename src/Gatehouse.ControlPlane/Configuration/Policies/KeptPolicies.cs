using Gatehouse.Gateway.Guarding;
using Microsoft.Extensions.Logging;

namespace Gatehouse.Configuration;

/// <summary>A policy that governance keeps, as it is written.</summary>
/// <param name="Number">Its revision, from 1.</param>
public sealed record KeptPolicyText(string Name, long Number, string Text);

/// <summary>
/// Makes policies of the texts that are kept in Gatehouse. New ones are read as strictly as files are; one that was saved before holds
/// though this version takes some of its words no more. They refer to nothing of the machine, and extend built-in policies only. Safe
/// from any thread.
/// </summary>
public sealed partial class KeptPolicies(ConfigurationState state, ILogger<KeptPolicies> log)
{
    private readonly Lock _one = new();
    private Dictionary<KeptPolicyText, Made> _made = [];

    /// <summary>Names of the stored secrets that the policies in force refer to.</summary>
    public IReadOnlyCollection<string> Secrets
    {
        get
        {
            lock (_one)
            {
                return [.. _made.Values.SelectMany(m => m.Secrets.Keys).Distinct()];
            }
        }
    }

    /// <summary>Names that a kept policy may not have: those of the configuration's policies, and the one for none.</summary>
    public IReadOnlyList<string> Taken => [.. state.Current.Compiled.PolicyFiles.Select(f => f.Policy.Name), PolicyTable.None];

    /// <summary>Reads a text that is to be saved or put in force: the routes that it asks must be there too.</summary>
    /// <param name="name"><see langword="null"/>: whatever name it gives itself.</param>
    public PolicyFile? Check(string? name, string text, out IReadOnlyList<ConfigurationError> errors)
    {
        var made = Read(name, 0, text, dead: null, out errors);
        if (made is not null
            && PolicyCompiler.MissingRoute(made.Policy, made.Policy.Name, state.Current.Config.Routes.Keys) is { } missing)
        {
            errors = [missing];
            return null;
        }

        return made;
    }

    /// <summary>Reads a revision that was saved, as it is in force: entries that this version does not know break nothing.</summary>
    public PolicyFile? Read(string name, long number, string text, out IReadOnlyList<ConfigurationError> errors) =>
        Read(name, number, text, [], out errors);

    private PolicyFile? Read(
        string? name, long number, string text, List<ConfigurationError>? dead, out IReadOnlyList<ConfigurationError> errors)
    {
        var found = new List<ConfigurationError>();
        var made = state.Loader.ReadPolicy(text, name ?? "policy", number, found, dead, out _);
        if (made is not null && name is not null && made.Policy.Name != name)
        {
            found.Add(new(
                name, 1, 1, $"The policy is called '{made.Policy.Name}' in the text and '{name}' in the address.", "Use one name."));
        }

        errors = found;
        return found.Count == 0 ? made : null;
    }

    /// <summary>The policies in force. One that this version cannot read is left out and logged: calls that need it are refused.</summary>
    public IReadOnlyList<PolicyFile> Compile(IReadOnlyList<KeptPolicyText> texts)
    {
        lock (_one)
        {
            var before = _made;
            _made = [];
            foreach (var text in texts)
            {
                var made = before.TryGetValue(text, out var known) && IsFresh(known) ? known : Make(text);
                _made.Add(text, made);
            }

            return [.. _made.Values.Where(m => m.File is not null).Select(m => m.File!)];
        }
    }

    private Made Make(KeptPolicyText text)
    {
        var (errors, dead) = (new List<ConfigurationError>(), new List<ConfigurationError>());
        var file = state.Loader.ReadPolicy(text.Text, text.Name, text.Number, errors, dead, out var names);
        if (file is null)
        {
            NotTaken(text.Name, text.Number, string.Join(' ', errors));
        }

        foreach (var entry in dead)
        {
            Dead(text.Name, text.Number, $"line {entry.Line}: {entry.Message} {entry.Suggestion}".TrimEnd());
        }

        return new Made(file, names.ToDictionary(n => n, ValueOf));
    }

    private bool IsFresh(Made made) => made.Secrets.All(s => ValueOf(s.Key) == s.Value);

    private string? ValueOf(string secret) => state.Loader.StoredSecrets?.GetValueOrDefault(secret);

    [LoggerMessage(Level = LogLevel.Error,
        Message = "The kept guard policy {Name}, revision {Number}, cannot be used; calls of systems that chose it are refused. {Errors}")]
    private partial void NotTaken(string name, long number, string errors);

    [LoggerMessage(Level = LogLevel.Warning,
        Message = "The kept guard policy {Name}, revision {Number}, is in force, but has an entry that protects nothing: {Entry}")]
    private partial void Dead(string name, long number, string entry);

    private sealed record Made(PolicyFile? File, IReadOnlyDictionary<string, string?> Secrets)
    {
        public override string ToString() => nameof(Made);
    }
}

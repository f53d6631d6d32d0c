using System.Globalization;
using System.Reflection;
using System.Security.Cryptography;
using System.Text;
using Gatehouse.Contracts;
using Gatehouse.Gateway.Guarding;
using Gatehouse.Gateway.Guarding.PlugIns;
using Gatehouse.Gateway.Reviews;
using Gatehouse.Guardrails.Pii;
using Gatehouse.Guardrails.Policies;

namespace Gatehouse.Configuration;

/// <summary>Reads policy files, built-in ones first, checks them, runs their tests, and makes the table that the gateway reads.</summary>
internal sealed class PolicyCompiler(References references, List<ConfigurationError> errors)
{
    private const int MaxFileChars = 1 << 20;
    private const int RevisionChars = 10;
    private const int MaxTypeChars = 60;

    /// <summary>Mildest first.</summary>
    public static readonly IReadOnlyList<string> BuiltIn = ["minimal", "standard", "strict"];

    private static readonly string[] Classifications = [.. Enum.GetNames<DataClassification>().Select(n => n.ToLowerInvariant())];
    private static readonly Lazy<IReadOnlyList<PolicyFile>> BuiltInFiles = new(ReadBuiltIn);

    private readonly List<PolicyFile> _files = [.. BuiltInFiles.Value];
    private bool _isComplete; // every file was read: a name that is not there is wrong

    public static IReadOnlyList<PolicyFile> BuiltInPolicies => BuiltInFiles.Value;

    public IReadOnlyList<PolicyFile> Files => _files;

    /// <summary>Texts that were sent in place of files, by the paths that the configuration names.</summary>
    public IReadOnlyDictionary<string, string> Sent { get; init; } = new Dictionary<string, string>();

    /// <summary>The policy files of a configuration whose text is not bound yet, as far as they can be read.</summary>
    public static IEnumerable<string> TextsOf(YamlMapping root, string folder)
    {
        var section = root.Entries.Find(e => e.Key.Text == "policies").Value as YamlMapping;
        var patterns = section?.Entries.Find(e => e.Key.Text == "files").Value as YamlList;
        var finder = new PolicyCompiler(new References(static _ => null, folder, readFiles: true, KeptValues.Unknown), []);
        foreach (var path in (patterns?.Items.OfType<YamlValue>() ?? []).SelectMany(p => finder.Find(p.Text, "", default)))
        {
            string text;
            try
            {
                text = File.ReadAllText(path);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                continue; // told when it is bound
            }

            yield return text;
        }
    }

    /// <returns>The table; it is complete only when no error was added.</returns>
    public PolicyTable Compile(PoliciesOptions options, string file, Sources sources)
    {
        var before = errors.Count;
        var unread = false;
        for (var i = 0; i < options.Files.Count; i++)
        {
            var pattern = options.Files[i];
            var place = sources.Of(options.Files, i.ToString(CultureInfo.InvariantCulture));
            var sent = Sent.Where(s => Matches(pattern, s.Key)).ToList();
            foreach (var (path, text) in sent.Where(s => ForeignPolicy.Check(s.Value, s.Key, isKept: false, errors)))
            {
                Take(text, path, new References(static _ => null, references.Folder, readFiles: false, KeptValues.Unknown)
                {
                    KnowsNothing = true,
                });
            }

            foreach (var path in sent.Count > 0 ? [] : Find(pattern, file, place))
            {
                if (references.ReadsFiles)
                {
                    ReadFile(path, file, place);
                }
                else
                {
                    unread = true;
                }
            }
        }

        _isComplete = errors.Count == before && !unread;
        CheckName(options.Default, file, sources.Of(options, "default"), "policies.default");
        var byClassification = new Dictionary<DataClassification, string>
        {
            [DataClassification.Confidential] = "standard",
            [DataClassification.Restricted] = "strict",
        };
        foreach (var (word, name) in options.ByClassification)
        {
            var place = sources.Of(options.ByClassification, word);
            var index = Array.IndexOf(Classifications, word);
            if (index >= 0)
            {
                var classification = (DataClassification)index;
                byClassification[classification] = name;
                CheckName(name, file, place, $"policies.by_classification.{word}");
            }
            else
            {
                errors.Add(new(
                    file, place.Line, place.Column, $"'{word}' is no classification.",
                    "Use public, internal, confidential or restricted."));
            }
        }

        return new PolicyTable(
            _files.Select(f => f.Policy), options.Default, byClassification, Exceptions(options, file, sources), default)
        {
            Reviews = new ReviewLimits(options.Reviews.MaxWaiting, options.Reviews.MaxWaitingPerSystem),
        };
    }

    /// <summary>A guard whose route is not there would let every call pass, or none.</summary>
    public void CheckRoutes(IReadOnlyCollection<string> routes)
    {
        errors.AddRange(
            _files.Where(f => f.Path is not null).Select(f => MissingRoute(f.Policy, f.Path!, routes)).OfType<ConfigurationError>());
    }

    /// <returns>A rule that asks a route which is not there; <see langword="null"/> when none does.</returns>
    public static ConfigurationError? MissingRoute(GuardPolicy policy, string file, IReadOnlyCollection<string> routes)
    {
        if (GuardRoutes.Missing(policy, IsRoute) is not { } missing)
        {
            return null;
        }

        var nearest = Nearest.To(missing.Route, [.. routes]);
        return new(
            file, 1, 1, $"The rule '{missing.Rule.Name}' asks the route '{missing.Route}', which is not there.",
            nearest is null ? "Add it under 'routes'." : $"Did you mean '{nearest}'?");

        bool IsRoute(string name) => name == ProviderPresets.Simulator || routes.Any(r =>
            r == name || (r.EndsWith('*') && name.StartsWith(r.AsSpan(0, r.Length - 1), StringComparison.Ordinal)));
    }

    private void CheckName(string name, string file, Place place, string setting)
    {
        if (_isComplete && name != PolicyTable.None && !_files.Exists(f => f.Policy.Name == name))
        {
            var known = _files.Select(f => f.Policy.Name).Append(PolicyTable.None).ToList();
            var nearest = Nearest.To(name, known);
            errors.Add(new(file, place.Line, place.Column, $"'{setting}' names a policy that is not there.",
                nearest is null ? $"There are: {string.Join(", ", known)}." : $"Did you mean '{nearest}'?"));
        }
    }

    private List<GuardException> Exceptions(PoliciesOptions options, string file, Sources sources)
    {
        var exceptions = new List<GuardException>();
        foreach (var exception in options.Exceptions)
        {
            if (DateTimeOffset.TryParseExact(
                exception.Until, "yyyy-MM-dd", CultureInfo.InvariantCulture,
                DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal, out var until))
            {
                exceptions.Add(
                    new GuardException(
                        exception.System, exception.Detector, exception.Types, until, exception.ApprovedBy, exception.Reason));
            }
            else if (exception.Until.Length > 0)
            {
                var place = sources.Of(exception, "until");
                errors.Add(new(file, place.Line, place.Column, "'until' must be a day.", "For example 'until: 2027-03-31'."));
            }
        }

        return exceptions;
    }

    private List<string> Find(string pattern, string file, Place place)
    {
        try
        {
            var full = Path.GetFullPath(pattern, references.Folder);
            var folder = Path.GetDirectoryName(full)!;
            List<string> found = pattern.Contains('*', StringComparison.Ordinal)
                ? [.. Directory.EnumerateFiles(folder, Path.GetFileName(full)).Order(StringComparer.Ordinal)]
                : [full];
            if (found.Count == 0 || !found.TrueForAll(File.Exists))
            {
                errors.Add(new(
                    file, place.Line, place.Column, $"There is no policy file '{pattern}'.",
                    "A relative path starts at the folder of the configuration file."));
            }

            references.Files.UnionWith([full, .. found]);
            return [.. found.Where(File.Exists)];
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            errors.Add(new(
                file, place.Line, place.Column, $"The policy files '{pattern}' cannot be found.",
                "A relative path starts at the folder of the configuration file."));
            return [];
        }
    }

    private void ReadFile(string path, string from, Place place)
    {
        string text;
        try
        {
            text = File.ReadAllText(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            errors.Add(new(
                from, place.Line, place.Column, $"The policy file '{path}' cannot be read.", "Let the user that runs Gatehouse read it."));
            return;
        }

        Take(text, path, references);
    }

    /// <summary>Whether a path that was sent is one that a pattern names.</summary>
    private static bool Matches(string pattern, string path)
    {
        var star = pattern.IndexOf('*', StringComparison.Ordinal);
        return star < 0 ? path == pattern
            : path.Length >= pattern.Length - 1 && path.StartsWith(pattern[..star], StringComparison.Ordinal)
                && path.EndsWith(pattern[(star + 1)..], StringComparison.Ordinal)
                && !path[star..^(pattern.Length - star - 1)].Contains('/', StringComparison.Ordinal);
    }

    private void Take(string text, string path, References known)
    {
        var before = errors.Count;
        if (Read(text, path, path, known, errors, _files) is { } made && errors.Count == before)
        {
            if (made.Policy.Name == PolicyTable.None || _files.Exists(f => f.Policy.Name == made.Policy.Name))
            {
                errors.Add(new(
                    path, 1, 1, $"The name '{made.Policy.Name}' is taken.",
                    $"These are: {string.Join(", ", _files.Select(f => f.Policy.Name).Append(PolicyTable.None))}."));
                return;
            }

            foreach (var test in made.Tests.Where(t => t.Failure is not null))
            {
                errors.Add(new(
                    path, test.Line, 1, $"The test '{test.Name}' fails: {test.Failure}.",
                    "Mend the rule or the test; 'gatehouse policy test' runs them alone."));
            }

            _files.Add(made);
        }
    }

    /// <summary>Reads one policy.</summary>
    /// <param name="dead">
    /// Gets what protects nothing and breaks nothing: types and languages that no detector knows, names of types that cannot stand in
    /// masks. <see langword="null"/>: these are errors too.
    /// </param>
    internal static PolicyFile? Read(
        string text, string file, string? path, References references, List<ConfigurationError> errors, IReadOnlyList<PolicyFile> known,
        long? number = null, List<ConfigurationError>? dead = null)
    {
        if (text.Length > MaxFileChars)
        {
            errors.Add(new(file, 0, 0, "The policy is too large.", "A policy has at most a million characters."));
            return null;
        }

        if (YamlReader.Read(file, text, errors) is not { } root)
        {
            return null;
        }

        var before = errors.Count;
        var binder = new Binder(file, references, errors);
        var options = binder.Bind<PolicyFileOptions>(root);
        var extended = Extended(options, known, file, binder.Sources, errors);
        var definition = Define(options, extended, file, binder.Sources, references, errors, dead ?? errors);
        if (errors.Count > before)
        {
            return null;
        }

        try
        {
            var revision = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(
                text + extended?.Revision + string.Concat(definition.Rules.Select(r => r.AnswerCheck.Schema)))))[..RevisionChars];
            var policy = new GuardPolicy(definition, revision);
            if (path is not null || number is not null)
            {
                policy.Build(); // a built-in one that nobody uses costs nothing
            }

            return new PolicyFile(
                policy, path, text, [.. options.Tests.Select((t, i) => new PolicyTest(t, i + 1, binder.Sources.Of(t).Line))])
            {
                Number = number,
            };
        }
        catch (CustomRecogniserException e)
        {
            var place = binder.Sources.Of(options.Recognisers.Find(r => r.Type == e.Type)!);
            errors.Add(new(file, place.Line, place.Column, e.Message, "Mend the pattern, the check or the example."));
            return null;
        }
        catch (ArgumentException e)
        {
            errors.Add(new(file, 1, 1, $"The policy cannot be used: {e.Message}", null));
            return null;
        }
    }

    private static GuardPolicy? Extended(
        PolicyFileOptions options, IReadOnlyList<PolicyFile> known, string file, Sources sources, List<ConfigurationError> errors)
    {
        if (options.Extends is not { } name)
        {
            return null;
        }

        var found = known.FirstOrDefault(f => f.Path is null && f.Policy.Name == name);
        if (found is null)
        {
            var place = sources.Of(options, "extends");
            errors.Add(new(
                file, place.Line, place.Column, $"'{name}' is no built-in policy.", $"There are: {string.Join(", ", BuiltIn)}."));
        }

        return found?.Policy;
    }

    private static GuardPolicyDefinition Define(
        PolicyFileOptions options, GuardPolicy? extended, string file, Sources sources, References references,
        List<ConfigurationError> errors, List<ConfigurationError> dead)
    {
        foreach (var recogniser in options.Recognisers.Where(r => r.Type.Length is 0 or > MaxTypeChars || !IsType(r.Type)))
        {
            var place = sources.Of(recogniser, "type");
            dead.Add(new(
                file, place.Line, place.Column, $"'{recogniser.Type}' cannot name a type: it stands in masks and pseudonyms.",
                "Use at most 60 letters, digits and '_', a letter first: 'type: STAFF_ID'."));
        }

        var rules = new List<GuardRule>();
        foreach (var rule in options.Rules)
        {
            rules.Add(PolicyRules.Of(options, rule, rules.Count + 1, file, sources, references, errors, dead));
        }

        // What the extended policy tells callers is about its own rules.
        IEnumerable<GuardRule> after = extended?.Definition.Rules ?? [];
        if (options.Messages.Count == 0)
        {
            after = after.Select(r => r.Messages.Count > 0 ? r : r with { Messages = extended!.Definition.Messages });
        }

        return new GuardPolicyDefinition(options.Name, [.. rules, .. after])
        {
            Description = options.Description,
            Allow = options.Allow,
            Deny = options.Deny,
            Hosts = options.Hosts,
            Messages = options.Messages,
            Spotlight = options.Spotlight != SpotlightChoice.None
                ? options.Spotlight : extended?.Definition.Spotlight ?? SpotlightChoice.None,
            Breakers = PolicyBreakers.Of(options, file, sources, errors),
            FailClosed = options.FailClosed || extended?.Definition.FailClosed == true,
            TimeLimit = options.TimeLimit,
            HoldTime = options.HoldTime,
            Recognisers =
            [
                .. options.Recognisers.Select(r => new CustomRecogniser(r.Type, r.Pattern)
                {
                    Score = (float)r.Score,
                    ScoreWithContext = (float)r.ScoreWithContext,
                    Context = r.Context,
                    Check = r.Check,
                    Finds = r.Finds,
                    Ignores = r.Ignores,
                }),
            ],
        };
    }

    private static bool IsType(string name) =>
        char.IsAsciiLetter(name[0]) && name.All(static c => char.IsAsciiLetterOrDigit(c) || c == '_');

    private static List<PolicyFile> ReadBuiltIn()
    {
        var errors = new List<ConfigurationError>();
        var references = new References(static _ => null, Path.GetTempPath(), readFiles: false, KeptValues.Unknown);
        var files = new List<PolicyFile>();
        foreach (var name in BuiltIn)
        {
            using var stream = Assembly.GetExecutingAssembly().GetManifestResourceStream($"Configuration/Policies/{name}.yaml")!;
            using var reader = new StreamReader(stream);
            files.Add(Read(reader.ReadToEnd(), name, null, references, errors, files)
                ?? throw new InvalidOperationException($"The built-in policy '{name}' cannot be read: {errors[0]}"));
        }

        return files;
    }
}

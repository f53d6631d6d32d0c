using System.Security.Cryptography;
using System.Text;
using Gatehouse.Contracts;

namespace Gatehouse.Configuration;

/// <summary>
/// Reads the configuration: file or embedded default, references, checks, prices, compilation. Touches nothing that runs.
/// </summary>
public sealed class ConfigurationLoader(ConfigurationSource source, ConfigurationEdges edges)
{
    private readonly ProviderCompiler _providers = new(edges.Variable);
    private readonly string _path = Path.GetFullPath(source.Path);
    private readonly VaultValues _vault = new(
        new VaultClient(VaultClient.Http(), edges.Variable, Path.GetDirectoryName(Path.GetFullPath(source.Path))!, edges.Clock),
        edges.Clock);

    private IReadOnlyList<string>? _ollamaModels;
    private bool _ollamaAsked;

    /// <summary>Full path of the file, whether or not it exists.</summary>
    public string SourcePath => _path;

    /// <summary>Reads what is the same for every configuration, the built-in policies, before the first one needs it.</summary>
    public static void WarmUp() => _ = PolicyCompiler.BuiltInPolicies;

    /// <param name="previous">The revision in force, whose unchanged providers are kept; <see langword="null"/> at the start.</param>
    public async Task<ConfigurationOutcome> LoadAsync(LoadedConfiguration? previous, CancellationToken ct)
    {
        string? text;
        try
        {
            text = await ReadAsync(ct);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return new(null, [Directory.Exists(_path)
                ? new(_path, 0, 0, "This is a folder and no configuration file.",
                    $"Name the file in it, for example --config {Path.Combine(_path, ConfigurationSource.DefaultFile)}.")
                : new(_path, 0, 0, "The configuration file cannot be read.", "Let the user that runs Gatehouse read it.")]) { Files = [
                    _path] };
        }

        if (text is null && (source.Required || previous?.SourcePath is not null))
        {
            return new(null,
                [new(_path, 0, 0, "The configuration file does not exist.", "Create it, or name another with --config.")]) { Files = [
                    _path] };
        }

        if (text is not null && string.IsNullOrWhiteSpace(text))
        {
            // An editor that empties the file before it writes must not switch everything off for a moment.
            return new(null,
                [new(_path, 0, 0, "The configuration file is empty.", "Write the configuration; a comment alone is one without settings.")])
            {
                Files = [_path],
            };
        }

        if (text is null && !_ollamaAsked)
        {
            _ollamaModels = await edges.FindOllamaModels(ct);
            _ollamaAsked = true;
        }

        return Load(text, previous, await KeptAsync(text, ct));
    }

    /// <summary>
    /// The first look at the start: where the database is, in which the stored secrets lie that the whole configuration may refer to.
    /// Everything else that is wrong is told as well.
    /// </summary>
    public async Task<StartOutcome> LoadStartAsync(CancellationToken ct)
    {
        string? text;
        try
        {
            text = await ReadAsync(ct);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            text = null;
        }

        if (string.IsNullOrWhiteSpace(text))
        {
            // No file, or one whose fault a whole load tells.
            var outcome = await LoadAsync(null, ct);
            return new(outcome.Loaded?.Start, outcome.Errors);
        }

        var errors = new List<ConfigurationError>();
        var kept = await KeptAsync(text, ct) with { Stored = null };
        var references = new References(edges.Variable, Folder, readFiles: true, kept);
        var options = Bind(text, _path, references, errors, out _, out _);
        return errors.Count > 0 ? new(null, errors) : new(StartOf(options) with { StoredSecrets = references.Secrets }, errors);
    }

    /// <summary>Whether what the vault gave is to be read again.</summary>
    internal bool IsVaultDue => _vault.IsDue;

    /// <summary>
    /// Everything that is wrong with a text that somebody sent, as if it stood in the file. Opens no file that the text names.
    /// </summary>
    /// <param name="policies">Texts of policy files by their paths, checked with it.</param>
    /// <param name="exceptions">The systems that its exceptions name.</param>
    public IReadOnlyList<ConfigurationError> Check(
        string text, IReadOnlyDictionary<string, string>? policies, out IReadOnlyList<string> exceptions)
    {
        var errors = new List<ConfigurationError>();
        var references = new References(edges.Variable, Folder, readFiles: false, KeptValues.Unknown);
        var file = Path.GetFileName(_path);
        var options = Bind(text, file, references, errors, out var sources, out _);
        new PolicyCompiler(references, errors) { Sent = policies ?? new Dictionary<string, string>() }
            .Compile(options.Policies, file, sources);
        exceptions = [.. options.Policies.Exceptions.Select(e => e.System).Where(s => s.Length > 0)];
        return errors;
    }

    /// <summary>Reads a policy that did not come from a file of this installation: it refers to nothing but stored secrets.</summary>
    /// <param name="dead">Gets entries that protect nothing and break nothing; <see langword="null"/>: these are errors too.</param>
    /// <param name="secrets">Gets the names of the stored secrets that it refers to.</param>
    internal PolicyFile? ReadPolicy(
        string text, string name, long number, List<ConfigurationError> errors, List<ConfigurationError>? dead,
        out IReadOnlySet<string> secrets)
    {
        var references = new References(static _ => null, Folder, readFiles: false, new KeptValues { Stored = edges.StoredSecrets() })
        {
            IsForeign = true,
        };
        secrets = references.Secrets;
        return ForeignPolicy.Check(text, name, isKept: true, errors)
            ? PolicyCompiler.Read(text, name, null, references, errors, PolicyCompiler.BuiltInPolicies, number, dead)
            : null;
    }

    /// <summary>Stored secrets by name, as they are now.</summary>
    internal IReadOnlyDictionary<string, string>? StoredSecrets => edges.StoredSecrets();

    private async Task<string?> ReadAsync(CancellationToken ct)
    {
        try
        {
            await using var file = new FileStream(_path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
            using var reader = new StreamReader(file, Encoding.UTF8);
            var most = file.CanSeek && file.Length > 0 ? Math.Min(file.Length + 1, YamlReader.MaxChars + 1) : YamlReader.MaxChars + 1;
            var text = new char[most]; // one more than it has: a file that grows meanwhile is read again
            return new string(text, 0, await reader.ReadBlockAsync(text, ct));
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            return null;
        }
    }

    /// <summary>Asks the vault, where the text refers to it; its own settings are read first and alone.</summary>
    private async Task<KeptValues> KeptAsync(string? text, CancellationToken ct)
    {
        var kept = new KeptValues { Stored = edges.StoredSecrets() };
        var ignored = new List<ConfigurationError>(); // the whole load tells them
        var settings = new YamlMapping(default);
        IReadOnlyCollection<string> paths = [];
        if (text is not null && text.Contains("vault", StringComparison.Ordinal) && YamlReader.Read(_path, text, ignored) is { } root)
        {
            settings.Entries.AddRange(root.Entries.Where(e => e.Key.Text == "vault"));
            paths = [.. KeptReferences.VaultPaths(text).Union(PolicyCompiler.TextsOf(root, Folder).SelectMany(KeptReferences.VaultPaths))];
        }

        var vault = new Binder(_path, new References(edges.Variable, Folder, readFiles: true, KeptValues.Unknown), ignored).Bind(
            settings).Vault;
        return ignored.Count > 0 ? kept : kept with { Vault = await _vault.ReadAsync(vault, paths, ct) };
    }

    private ConfigurationOutcome Load(string? text, LoadedConfiguration? previous, KeptValues kept)
    {
        var errors = new List<ConfigurationError>();
        var references = new References(edges.Variable, Folder, readFiles: true, kept);
        var options = Bind(text, _path, references, errors, out var sources, out var imported);
        var policies = new PolicyCompiler(references, errors);
        var table = policies.Compile(options.Policies, _path, sources);
        policies.CheckRoutes(options.Routes.Keys);
        string[] files = [_path, .. references.Files];
        IReadOnlyList<string> warnings = _vault.Warning is { } warning ? [warning] : [];
        if (errors.Count > 0)
        {
            return new(null, errors) { Files = files, Warnings = warnings };
        }

        var compiled = ConfigurationCompiler.Compile(
            options, sources, PriceTables.Build(options.Prices, imported), table, policies.Files, _providers, edges.CreateProvider,
            previous?.Compiled);
        var start = StartOf(options);
        return new(new(compiled.Revision, text is null ? null : _path, edges.Clock.GetUtcNow(), options, compiled)
        {
            Text = ConfigurationText.Write(options, sources, ConfigurationText.Values.AsWritten),
            DataFolder = start.DataFolder,
            SqlitePath = start.SqlitePath,
            KeyRingFolder = options.Server.Keys is { } keys ? Path.GetFullPath(keys, Folder) : null,
            StoredSecrets = references.Secrets,
            StoredSecretUses = references.SecretUses,
            AtStart = AtStart(options),
        }, []) { Files = files, Warnings = warnings };
    }

    private StartSettings StartOf(GatehouseOptions options)
    {
        var data = Path.GetFullPath(options.Server.Data, source.Data is null ? Folder : Environment.CurrentDirectory);
        var sqlite = options.Storage.Postgres is null
            ? Path.GetFullPath(options.Storage.Sqlite ?? Path.Combine(data, "gatehouse.db"), Folder)
            : null;
        return new(data, sqlite, options.Storage.Postgres, options.Server.Durability)
        {
            SnapshotMaxAge = options.Storage.SnapshotMaxAge,
        };
    }

    private string Folder => Path.GetDirectoryName(_path)!;

    /// <param name="text"><see langword="null"/> for the embedded default.</param>
    private GatehouseOptions Bind(
        string? text, string file, References references, List<ConfigurationError> errors, out Sources sources,
        out Dictionary<string, Price>? imported)
    {
        imported = null;
        var binder = new Binder(file, references, errors);
        sources = binder.Sources;
        GatehouseOptions options;
        if (text is null)
        {
            options = EmbeddedDefault.Make(_providers, _ollamaModels);
        }
        else
        {
            if (YamlReader.Read(file, text, errors) is not { } root)
            {
                return new();
            }

            options = binder.Bind(root);
        }

        options.Server.Address = source.Address ?? options.Server.Address;
        options.Server.Data = source.Data ?? options.Server.Data;
        new ConfigurationChecks(file, sources, _providers, errors).Check(options);
        imported = references.ReadsFiles && options.Prices.Import is { } import
            ? Import(import, references, file, sources.Of(options.Prices, "import"), errors)
            : null;
        return options;
    }

    private static Dictionary<string, Price>? Import(
        string import, References references, string file, Place place, List<ConfigurationError> errors)
    {
        try
        {
            var path = Path.GetFullPath(import, references.Folder);
            references.Files.Add(path);
            using var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
            var bytes = new byte[(int)Math.Min(stream.Length, PriceFile.MaxFileBytes) + 1];
            var read = stream.ReadAtLeast(bytes, bytes.Length, throwOnEndOfStream: false);
            return read <= PriceFile.MaxFileBytes
                ? PriceFile.Read(bytes.AsMemory(0, read))
                : throw new FormatException($"the file is larger than {PriceFile.MaxFileBytes} bytes");
        }
        catch (FormatException e)
        {
            errors.Add(new(
                file, place.Line, place.Column, $"'prices.import' cannot be used: {e.Message}.", "Mend the file, or import an older one."));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            var what = e is FileNotFoundException or DirectoryNotFoundException ? "does not exist" : "cannot be read";
            errors.Add(new(
                file, place.Line, place.Column, $"The file of 'prices.import' {what}.",
                "A relative path starts at the folder of the configuration file."));
        }

        return null;
    }

    private static Dictionary<string, string> AtStart(GatehouseOptions options)
    {
        var values = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var section in Definition.Of(typeof(GatehouseOptions)).Where(d => d.Kind == SettingKind.Section))
        {
            var owner = section.Property.GetValue(options)!;
            foreach (var setting in Definition.Of(section.Value).Where(d => d.About.Restart))
            {
                var value = setting.Property.GetValue(owner) switch
                {
                    null => "",
                    Dictionary<string, string> map => string.Join('\n', map.Select(e => $"{e.Key}={e.Value}")),
                    { } single => Definition.Format(single),
                };
                values[$"{section.Key}.{setting.Key}"] = Convert.ToHexString(SHA256.HashData(Encoding.UTF8.GetBytes(value)));
            }
        }

        return values;
    }
}

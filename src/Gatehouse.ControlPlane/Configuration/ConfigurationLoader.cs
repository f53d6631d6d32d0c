using System.Security.Cryptography;
using System.Text;
using Gatehouse.Contracts;

namespace Gatehouse.Configuration;

/// <summary>Reads the configuration: file or embedded default, references, checks, prices, compilation. Touches nothing that runs.</summary>
public sealed class ConfigurationLoader(ConfigurationSource source, ConfigurationEdges edges)
{
    private readonly ProviderCompiler _providers = new(edges.Variable);
    private readonly string _path = Path.GetFullPath(source.Path);
    private IReadOnlyList<string>? _ollamaModels;
    private bool _ollamaAsked;

    /// <summary>Full path of the file, whether or not it exists.</summary>
    public string SourcePath => _path;

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
            return new(null, [new(_path, 0, 0, "The configuration file cannot be read.", "Let the user that runs Gatehouse read it.")]);
        }

        if (text is null && (source.Required || previous?.SourcePath is not null))
        {
            return new(null, [new(_path, 0, 0, "The configuration file does not exist.", "Create it, or name another with --config.")]);
        }

        if (text is null && !_ollamaAsked)
        {
            _ollamaModels = await edges.FindOllamaModels(ct);
            _ollamaAsked = true;
        }

        return Load(text, previous);
    }

    /// <summary>Everything that is wrong with a configuration, without putting it in force.</summary>
    public IReadOnlyList<ConfigurationError> Check(string text)
    {
        var errors = new List<ConfigurationError>();
        Bind(text, Path.GetFileName(_path), errors, out _, out _, out _);
        return errors;
    }

    private async Task<string?> ReadAsync(CancellationToken ct)
    {
        try
        {
            await using var file = new FileStream(_path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
            using var reader = new StreamReader(file, Encoding.UTF8);
            var text = new char[YamlReader.MaxChars + 1];
            return new string(text, 0, await reader.ReadBlockAsync(text, ct));
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            return null;
        }
    }

    private ConfigurationOutcome Load(string? text, LoadedConfiguration? previous)
    {
        var errors = new List<ConfigurationError>();
        var options = Bind(text, _path, errors, out var sources, out var references, out var imported);
        if (errors.Count > 0)
        {
            return new(null, errors);
        }

        var compiled = ConfigurationCompiler.Compile(
            options, sources, PriceTables.Build(options.Prices, imported), _providers, edges.CreateProvider, previous?.Compiled);
        var data = Path.GetFullPath(options.Server.Data, source.Data is null ? Folder : Environment.CurrentDirectory);
        var sqlite = options.Storage.Postgres is null ? Path.GetFullPath(options.Storage.Sqlite ?? Path.Combine(data, "gatehouse.db"), Folder) : null;
        return new(new(compiled.Revision, text is null ? null : _path, edges.Clock.GetUtcNow(), options, compiled)
        {
            Text = ConfigurationText.Write(options, sources, ConfigurationText.Values.AsWritten),
            DataFolder = data,
            SqlitePath = sqlite,
            AtStart = AtStart(options),
            Files = [_path, .. references.Files],
        }, []);
    }

    private string Folder => Path.GetDirectoryName(_path)!;

    /// <param name="text"><see langword="null"/> for the embedded default.</param>
    private GatehouseOptions Bind(
        string? text, string file, List<ConfigurationError> errors, out Sources sources, out References references, out Dictionary<string, Price>? imported)
    {
        references = new References(edges.Variable, Folder);
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
        imported = Import(options.Prices, file, sources, references, errors);
        return options;
    }

    private Dictionary<string, Price>? Import(
        PricesOptions options, string file, Sources sources, References references, List<ConfigurationError> errors)
    {
        if (options.Import is not { } import)
        {
            return null;
        }

        var place = sources.Of(options, "import");
        try
        {
            var path = Path.GetFullPath(import, Folder);
            references.Files.Add(path);
            if (new FileInfo(path) is { Exists: true, Length: > PriceFile.MaxFileBytes })
            {
                throw new FormatException($"the file is larger than {PriceFile.MaxFileBytes} bytes");
            }

            return PriceFile.Read(File.ReadAllBytes(path));
        }
        catch (FormatException e)
        {
            errors.Add(new(file, place.Line, place.Column, $"'prices.import' cannot be used: {e.Message}.", "Mend the file, or import an older one."));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException)
        {
            var what = e is FileNotFoundException or DirectoryNotFoundException ? "does not exist" : "cannot be read";
            errors.Add(new(file, place.Line, place.Column, $"The file of 'prices.import' {what}.", "A relative path starts at the folder of the configuration file."));
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

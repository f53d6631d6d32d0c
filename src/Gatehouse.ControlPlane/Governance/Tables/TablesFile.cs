using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Gatehouse.Governance;

/// <summary>
/// The tables that a node last read, on its own disk, so that it can start while the database is away.
/// <list type="number">
/// <item>A line of words with a space between: <c>gatehouse-tables</c>, the format, the installation, the signature. Behind it JSON.</item>
/// <item>The signature is HMAC-SHA-256, under a key derived from the installation's secret, of the words before it and the JSON.</item>
/// <item>It holds nothing that the database does not: keys and tokens as hashes, stored secrets sealed. Only its owner may read it.</item>
/// <item>It is replaced whole, or not at all.</item>
/// </list>
/// </summary>
/// <param name="folder">The data folder.</param>
/// <param name="database">Which database the tables are of: those of another one are refused.</param>
/// <param name="maxAge">Tables that the database confirmed longer ago are refused; zero: all are, and none are kept.</param>
public sealed class TablesFile(string folder, string database, TimeSpan maxAge, InstallationSecret secret)
{
    /// <summary>The name of the file in the data folder.</summary>
    public const string Name = "tables-snapshot";

    /// <summary>To be raised with every change of <see cref="GovernanceRows"/>: what is missing must not be taken for empty.</summary>
    internal const int Format = 1;

    private const string Mark = "gatehouse-tables";

    /// <summary>How far clocks of one machine may be apart from one start to the next.</summary>
    private static readonly TimeSpan ClockSlack = TimeSpan.FromMinutes(5);

    private readonly string _path = Path.Combine(folder, Name);
    private readonly byte[] _key = secret.Derive("tables");
    private readonly string _installation = new Secrets(secret).Check[..16];

    /// <summary>Whether tables are to be kept.</summary>
    public bool IsWanted => maxAge > TimeSpan.Zero;

    /// <summary>The longest time ago that the database may have confirmed what a node starts from.</summary>
    public TimeSpan MaxAge => maxAge;

    /// <exception cref="TablesRefusedException">There are none, or they are not to be trusted; the message says why.</exception>
    public KeptTables Read(DateTimeOffset now)
    {
        if (!IsWanted)
        {
            throw new TablesRefusedException("'storage.snapshot_max_age' is 0, which forbids it");
        }

        if (!File.Exists(_path))
        {
            throw new TablesRefusedException(
                $"there is no {_path}: a node keeps it from its first start beside the database on");
        }

        var bytes = File.ReadAllBytes(_path);
        var end = bytes.AsSpan().IndexOf((byte)'\n');
        var words = end < 0 ? [] : Encoding.UTF8.GetString(bytes.AsSpan(0, end)).Split(' ');
        if (words is not [Mark, var version, var installation, var signature]
            || !int.TryParse(version, NumberStyles.None, CultureInfo.InvariantCulture, out var format))
        {
            throw new TablesRefusedException($"{_path} is no snapshot of tables, or damaged");
        }

        if (format != Format)
        {
            throw new TablesRefusedException(string.Create(
                CultureInfo.InvariantCulture, $"{_path} was written by another version of Gatehouse (format {format}; this one reads {Format})"));
        }

        if (installation != _installation)
        {
            throw new TablesRefusedException($"{_path} was written under another installation secret");
        }

        var json = bytes.AsMemory(end + 1);
        if (!CryptographicOperations.FixedTimeEquals(Encoding.UTF8.GetBytes(Sign(json.Span)), Encoding.UTF8.GetBytes(signature)))
        {
            throw new TablesRefusedException($"{_path} was changed or cut off since this installation wrote it");
        }

        return Check(Parse(json.Span), now);
    }

    /// <param name="at">When the database confirmed them.</param>
    /// <param name="nodes">How many nodes were alive, this one included.</param>
    internal void Write(GovernanceRows rows, DateTimeOffset at, int nodes)
    {
        var json = JsonSerializer.SerializeToUtf8Bytes(new TablesContent(database, at, nodes, rows), TablesJson.Default.TablesContent);
        var options = new FileStreamOptions { Mode = FileMode.Create, Access = FileAccess.Write };
        if (!OperatingSystem.IsWindows())
        {
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        }

        var draft = _path + ".new"; // the journal's lock keeps other processes out of the folder
        File.Delete(draft);
        using (var file = new FileStream(draft, options))
        {
            file.Write(Encoding.UTF8.GetBytes($"{Head} {Sign(json)}\n"));
            file.Write(json);
            file.Flush(flushToDisk: true);
        }

        File.Move(draft, _path, overwrite: true);
    }

    /// <summary>For a node that is not to start from them.</summary>
    public void Remove() => File.Delete(_path);

    private string Head => string.Create(CultureInfo.InvariantCulture, $"{Mark} {Format} {_installation}");

    private string Sign(ReadOnlySpan<byte> json)
    {
        using var hmac = IncrementalHash.CreateHMAC(HashAlgorithmName.SHA256, _key);
        hmac.AppendData(Encoding.UTF8.GetBytes(Head + "\n"));
        hmac.AppendData(json);
        return Convert.ToHexStringLower(hmac.GetHashAndReset());
    }

    private TablesContent Parse(ReadOnlySpan<byte> json)
    {
        try
        {
            return JsonSerializer.Deserialize(json, TablesJson.Default.TablesContent)!;
        }
        catch (JsonException)
        {
            throw new TablesRefusedException($"{_path} lacks what this version of Gatehouse needs");
        }
    }

    private KeptTables Check(TablesContent content, DateTimeOffset now)
    {
        if (content.Database != database)
        {
            throw new TablesRefusedException($"{_path} is of the database {content.Database}, and the configuration names {database}");
        }

        var age = now - content.At;
        if (age > maxAge)
        {
            throw new TablesRefusedException(string.Create(
                CultureInfo.InvariantCulture,
                $"{_path} is of {content.At.UtcDateTime:yyyy-MM-dd HH:mm} UTC, and 'storage.snapshot_max_age' allows {maxAge.TotalHours:0.##} h"));
        }

        if (age < -ClockSlack)
        {
            throw new TablesRefusedException(string.Create(
                CultureInfo.InvariantCulture,
                $"{_path} is of {content.At.UtcDateTime:yyyy-MM-dd HH:mm} UTC, which is ahead of this machine's clock"));
        }

        return new KeptTables(content.Rows.ToTables(secret), content.At, Math.Max(1, content.Nodes), content.Rows.RingKeys);
    }
}

/// <summary>What a node starts from while the database is away.</summary>
/// <param name="At">When the database confirmed them.</param>
/// <param name="Nodes">How many nodes were alive then, this one included.</param>
/// <param name="RingKeys">The key ring of sessions, encrypted.</param>
public sealed record KeptTables(GovernanceTables Tables, DateTimeOffset At, int Nodes, IReadOnlyList<string> RingKeys);

/// <summary>Tables on the disk cannot be started from; the message says why, without a full stop.</summary>
public sealed class TablesRefusedException(string message) : Exception(message);

internal sealed record TablesContent(string Database, DateTimeOffset At, int Nodes, GovernanceRows Rows);

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, UseStringEnumConverter = true, IgnoreReadOnlyProperties = true,
    RespectNullableAnnotations = true, RespectRequiredConstructorParameters = true)]
[JsonSerializable(typeof(TablesContent))]
internal sealed partial class TablesJson : JsonSerializerContext;

using System.Collections.Frozen;
using System.IO.Compression;
using System.Reflection;
using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Gatehouse.Console.Frame;

/// <summary>
/// Styles, scripts and pictures, embedded in the assembly and served under <c>/assets/{revision}/</c>. The revision is a hash of all
/// of them, so browsers may keep them for ever and modules may import each other by relative path.
/// </summary>
internal sealed class Assets
{
    private readonly FrozenDictionary<string, Asset> _byName;

    /// <param name="Brotli">Packed when somebody asks for it: a page waits for the names alone.</param>
    private sealed record Asset(string ContentType, byte[] Plain, Lazy<byte[]> Brotli);

    public Assets()
    {
        var assets = new SortedDictionary<string, Asset>(StringComparer.Ordinal);
        var styles = new SortedDictionary<string, string>(StringComparer.Ordinal);
        var assembly = Assembly.GetExecutingAssembly();
        foreach (var resource in assembly.GetManifestResourceNames())
        {
            if (resource.StartsWith("asset/", StringComparison.Ordinal))
            {
                var name = resource["asset/".Length..];
                assets[name] = Make(name, Read(assembly, resource));
            }
            else if (resource.StartsWith("style/", StringComparison.Ordinal))
            {
                styles[resource] = Encoding.UTF8.GetString(Read(assembly, resource));
            }
        }

        assets["console.css"] = Make("console.css", Encoding.UTF8.GetBytes(Bundle(styles)));
        Revision = Hash(assets);
        _byName = assets.ToFrozenDictionary(StringComparer.Ordinal);
    }

    public string Revision { get; }

    public string Path(string name) => _byName.ContainsKey(name)
        ? $"/assets/{Revision}/{name}"
        : throw new ArgumentException($"There is no asset '{name}'.", nameof(name));

    /// <summary>Size on the wire, in bytes, of a browser that takes Brotli.</summary>
    public int WireBytes(string name) => _byName[name].Brotli.Value.Length;

    /// <summary>They are read when the first of them, or a page, is asked for.</summary>
    public static void Map(IEndpointRouteBuilder app) =>
        app.MapMethods("/assets/{revision}/{name}", ["GET", "HEAD"], Serve).AllowAnonymous().ExcludeFromDescription();

    private static IResult Serve(string revision, string name, HttpContext http, Assets assets)
    {
        if (!assets._byName.TryGetValue(name, out var asset))
        {
            return Results.NotFound();
        }

        // A node of another version may be asked during an upgrade: it answers with what it has, and nobody keeps that.
        http.Response.Headers.CacheControl = revision == assets.Revision ? "public, max-age=31536000, immutable" : "no-cache";
        http.Response.Headers.Vary = "Accept-Encoding";
        if (http.Request.Headers.AcceptEncoding.ToString().Contains("br", StringComparison.Ordinal))
        {
            http.Response.Headers.ContentEncoding = "br";
            return Results.Bytes(asset.Brotli.Value, asset.ContentType);
        }

        return Results.Bytes(asset.Plain, asset.ContentType);
    }

    /// <summary>Variables first, then the ground rules, then each component in order of its path.</summary>
    private static string Bundle(SortedDictionary<string, string> styles)
    {
        var bundle = new StringBuilder();
        foreach (var (_, text) in styles.OrderBy(s => Rank(s.Key)))
        {
            bundle.Append(text).Append('\n');
        }

        return bundle.ToString();

        static int Rank(string name) => name switch
        {
            "style/Styles/variables.css" => 0,
            "style/Styles/ground.css" => 1,
            "style/Styles/libraries.css" => 3,
            _ => 2,
        };
    }

    private static Asset Make(string name, byte[] plain) => new(ContentType(name), plain, new(() => Pack(plain)));

    private static byte[] Pack(byte[] plain)
    {
        using var packed = new MemoryStream();
        using (var brotli = new BrotliStream(packed, CompressionLevel.Optimal, leaveOpen: true))
        {
            brotli.Write(plain);
        }

        return packed.ToArray();
    }

    private static string ContentType(string name) => System.IO.Path.GetExtension(name) switch
    {
        ".css" => "text/css; charset=utf-8",
        ".js" => "text/javascript; charset=utf-8",
        ".svg" => "image/svg+xml",
        _ => "text/plain; charset=utf-8",
    };

    private static byte[] Read(Assembly assembly, string resource)
    {
        using var stream = assembly.GetManifestResourceStream(resource)!;
        var bytes = new byte[stream.Length];
        stream.ReadExactly(bytes);
        return bytes;
    }

    private static string Hash(SortedDictionary<string, Asset> assets)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var (name, asset) in assets)
        {
            hash.AppendData(Encoding.UTF8.GetBytes(name));
            hash.AppendData(asset.Plain);
        }

        return Convert.ToHexStringLower(hash.GetHashAndReset().AsSpan(0, 6));
    }
}

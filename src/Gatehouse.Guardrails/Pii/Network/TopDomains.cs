using System.Collections.Frozen;

namespace Gatehouse.Guardrails.Pii.Network;

/// <summary>
/// Top-level domains that make a bare <c>name.tld</c> a link. Those that are also common file endings (md, py, rs, sh) need a scheme or
/// www.
/// </summary>
internal static class TopDomains
{
    private static readonly FrozenSet<string> Bare = (
        "com org net edu gov mil int info biz name pro museum coop aero jobs travel mobi asia tel post app dev cloud online site store shop tech xyz blog wiki news live " +
        "agency email group today world digital media studio design space website solutions services support systems software academy company global network zone life team work " +
        "ac ad ae af ag am ar at au az ba bd be bg bh bo br by bz ca ch cl cn co cr cu cy cz de dk dz ec ee eg es eu fi fj fo fr gb ge gg gh gi gl gr gt hk hn hr ht hu id ie il im in io " +
        "iq ir is it jm jo jp ke kg kh kr kw kz la lb li lk lt lu lv ly ma mc me mg mk mm mn mo mt mu mv mx my mz na ng ni nl no np nu nz om pa pe pf pg ph pk pr pt py qa ro ru sa sd " +
        "se sg si sk sm sn su sv sy th tj tk tm tn tr tt tv tw tz ua ug uk us uy uz va ve vn ws ye za zm zw ai")
        .Split(' ').Except(["py", "in", "is", "it", "at", "no", "me", "so", "my", "am", "be", "us", "la", "id", "im", "na", "pa", "ma"])
        .ToFrozenSet();

    private static readonly FrozenSet<string>.AlternateLookup<ReadOnlySpan<char>> BareSpans = Bare.GetAlternateLookup<ReadOnlySpan<char>>();

    public static bool IsBare(ReadOnlySpan<char> domain)
    {
        if (domain.Length is < 2 or > 16)
        {
            return false;
        }

        Span<char> lower = stackalloc char[16];
        var length = domain.ToLowerInvariant(lower);
        return BareSpans.Contains(lower[..length]);
    }
}

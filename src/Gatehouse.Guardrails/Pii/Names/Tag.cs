namespace Gatehouse.Guardrails.Pii.Names;

/// <summary>What a word is part of: the first word of a span, or a later one.</summary>
internal enum Tag : byte
{
    None,
    PersonStart,
    PersonMore,
    LocationStart,
    LocationMore,
    AddressStart,
    AddressMore,
    OrganizationStart,
    OrganizationMore,
    TitleStart,
    TitleMore,
}

/// <summary>Tags as types.</summary>
internal static class Tags
{
    public const int Count = 11;

    private static readonly string[] Types = [PiiTypes.Person, PiiTypes.Location, PiiTypes.Address, PiiTypes.Organization, PiiTypes.Title];

    private static readonly string[] Rules =
        ["pii.name.person", "pii.name.location", "pii.name.address", "pii.name.organization", "pii.name.title"];

    public static string TypeOf(Tag tag) => Types[((int)tag - 1) / 2];

    public static string RuleOf(Tag tag) => Rules[((int)tag - 1) / 2];

    public static bool IsStart(Tag tag) => tag != Tag.None && ((int)tag & 1) == 1;

    public static Tag More(Tag tag) => IsStart(tag) ? tag + 1 : tag;

    public static Tag StartOf(string type) => (Tag)((Array.IndexOf(Types, type) * 2) + 1);
}

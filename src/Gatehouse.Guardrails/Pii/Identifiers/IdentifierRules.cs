namespace Gatehouse.Guardrails.Pii.Identifiers;

/// <summary>Every identifier that is letters, digits and separators. A score below one half needs a context word by default.</summary>
internal static class IdentifierRules
{
    private static readonly string[] Licence =
        ["driver", "license", "licence", "permit", "lic#", "identification", "dls", "dl#", "dl no", "dl:"];
    private static readonly string[] Passport =
        ["passport", "travel document", "pass-nr", "passnummer", "reisepass", "pasaporte", "passaporto", "여권", "passeport"];
    private static readonly string[] Plate =
        ["plate", "vehicle", "registration", "reg no", "number plate", "plaka", "kennzeichen", "kfz", "rc book", "rto", "car "];
    private static readonly string[] IdCard = ["personalausweis", "ausweis", "perso ", "perso:", "perso-"];
    private static readonly string[] Tax = ["tax", "steuer", "tin", "vat", "ust", "ustid", "fiscal", "gst"];

    public static IReadOnlyList<IdentifierRule> All { get; } = [.. Worldwide(), .. America(), .. AsiaAndAfrica(), .. German(), .. Europe()];

    private static IEnumerable<IdentifierRule> Worldwide() =>
    [
        new(PiiTypes.Card, ["d{12,19}", "dddd_dddd_dddd_dddd", "dddd_dddddd_dddd{1,2}", "dddd_dddd_dddd_ddd"], .85f, IdentifierChecks.Card,
            ["credit", "card", "visa", "mastercard", "amex", "cc ", "debit", "jcb", "diners", "discover", "maestro"]),
        new(PiiTypes.Iban, ["aaddx{11,30}"], 1, IbanCountries.Check, ["iban", "bank", "account"]) { IsGrouped = true },
        new(PiiTypes.Crypto, ["1x{25,34}", "3x{25,34}", "BC1x{36,59}"], 1, CryptoChecks.Bitcoin,
            ["wallet", "btc", "bitcoin", "crypto"]) { KeepsCase = true },
    ];

    private static IEnumerable<IdentifierRule> America() =>
    [
        new("ABA_ROUTING_NUMBER", ["ddddddddd", "dddd-dddd-d"], .2f, IdentifierChecks.AbaRouting,
            ["aba", "routing", "bank", "banking", "transit", "rtn"]),
        new(PiiTypes.Ssn, ["ddd-dd-dddd"], .85f, IdentifierChecks.Ssn, ["social", "security", "ssn", "ssns", "ssid"]),
        new(PiiTypes.Ssn, ["ddd_dd_dddd"], .4f, IdentifierChecks.Ssn, ["social", "security", "ssn", "ssns", "ssid"]),
        new("US_ITIN", ["9dd-dd-dddd", "9dd dd dddd"], .55f, IdentifierChecks.Itin, ["itin", "taxpayer", "tax"]),
        new("US_ITIN", ["9dddddddd"], .2f, IdentifierChecks.Itin, ["itin", "taxpayer", "tax id"]),
        new("US_NPI", ["dddddddddd", "dddd_ddd_ddd"], .3f, IdentifierChecks.Npi, ["npi", "national provider", "provider", "prescriber"]),
        new("US_MBI", ["dxxdxxdxxdd", "dxxd-xxd-xxdd"], .6f, IdentifierChecks.Mbi, ["medicare", "mbi", "beneficiary", "patient"]),
        new("US_BANK_NUMBER", ["d{8,17}"], .05f, static c =>
            !Checksums.AllSame(c), ["account number", "bank account", "check", "account#", "acct", "save", "debit"]),
        new("US_PASSPORT", ["ad{8}"], .1f, null, Passport),
        new("US_PASSPORT", ["ddddddddd"], .05f, null, Passport),
        new(PiiTypes.DriverLicense,
            ["ad{3,8}", "ad{9}", "ad{12,14}", "aad{2,7}", "aad{3,6}a", "aaad{6}", "aaaad{6}", "ddaaaddddd", "ddddddddda", "ad{6}R",
                "ad-d{6,8}"], .15f, null, Licence),
        new(PiiTypes.DriverLicense, ["d{4,12}", "dddd-dd-dddd", "ddd-ddd-ddd", "ddd ddd ddd", "addd-dddd-dddd", "addd-ddd-ddd-ddd"], .06f,
            null, Licence),
        new("MEDICAL_LICENSE", ["aaddddddd", "a9ddddddd"], .5f, IdentifierChecks.Dea, ["medical", "certificate", "dea", "prescriber"]),
        new("CA_SIN", ["ddd-ddd-ddd", "ddd ddd ddd"], .5f, IdentifierChecks.CanadaSin,
            ["sin", "social insurance", "nas", "assurance sociale"]),
        new("CA_SIN", ["ddddddddd"], .2f, IdentifierChecks.CanadaSin, ["sin", "social insurance", "assurance sociale"]),
    ];

    private static IEnumerable<IdentifierRule> AsiaAndAfrica() =>
    [
        new("AU_ABN", ["dd ddd ddd ddd"], .5f, IdentifierChecks.AustraliaAbn, ["abn", "business number"]),
        new("AU_ABN", ["ddddddddddd"], .2f, IdentifierChecks.AustraliaAbn, ["abn", "business number"]),
        new("AU_ACN", ["ddd_ddd_ddd"], .25f, IdentifierChecks.AustraliaAcn, ["acn", "company number"]),
        new("AU_TFN", ["ddd_ddd_ddd"], .25f, IdentifierChecks.AustraliaTfn, ["tfn", "tax file"]),
        new("AU_MEDICARE", ["dddd_ddddd_d"], .3f, IdentifierChecks.AustraliaMedicare, ["medicare"]),
        new("IN_AADHAAR", ["dddd_dddd_dddd"], .4f, IdentifierChecks.Aadhaar, ["aadhaar", "aadhar", "uidai"]),
        new("IN_PAN", ["aaaaadddda"], .55f, IdentifierChecks.Pan, ["pan", "permanent account", "income tax"]),
        new("IN_PAN", ["xxxxxxxxxx"], .02f, IdentifierChecks.LoosePan, ["permanent account"]),
        new("IN_GSTIN", ["ddaaaaadddda" + "xZx"], .85f, IdentifierChecks.Gstin, ["gstin", "gst"]),
        new("IN_PASSPORT", ["addddddd"], .1f, static c => c[1] != '0', Passport),
        new("IN_VOTER", ["aaaddddddd"], .3f, null, ["voter", "epic", "elector", "election"]),
        new("IN_VEHICLE_REGISTRATION", ["aadd_a{1,3}_dddd", "aad_aa_dddd"], .5f, IdentifierChecks.IndianPlate, Plate),
        new("IN_VEHICLE_REGISTRATION", ["aadddd"], .02f, null, Plate),
        new("KR_RRN", ["dddddd-ddddddd"], .6f, IdentifierChecks.KoreanResident, ["rrn", "korean", "resident", "주민"]),
        new("KR_RRN", ["ddddddddddddd"], .15f, IdentifierChecks.KoreanResident, ["rrn", "korean", "resident", "주민"]),
        new("KR_FRN", ["dddddd-ddddddd"], .6f, IdentifierChecks.KoreanForeigner, ["frn", "korean", "foreigner", "외국인"]),
        new("KR_FRN", ["ddddddddddddd"], .15f, IdentifierChecks.KoreanForeigner, ["frn", "korean", "foreigner", "외국인"]),
        new("KR_BRN", ["ddd-dd-ddddd"], .6f, IdentifierChecks.KoreanBusiness, ["brn", "business registration", "사업자"]),
        new("KR_BRN", ["dddddddddd"], .1f, IdentifierChecks.KoreanBusiness, ["brn", "business registration", "사업자"]),
        new("KR_PASSPORT", ["addddddddd", "adddddddd", "adddadddd"], .1f, IdentifierChecks.KoreanPassport, Passport),
        new("KR_DRIVER_LICENSE", ["dd-dd-dddddd-dd"], .5f, static c => Checksums.Number(c[..2]) is >= 11 and <= 28, ["운전면허", .. Licence]),
        new("KR_DRIVER_LICENSE", ["dddddddddddd"], .05f, static c => Checksums.Number(c[..2]) is >= 11 and <= 28, ["운전면허"]),
        new("PH_MOBILE_NUMBER", ["09dd_ddd_dddd", "639dd_ddd_dddd", "63_9dd_ddd_dddd"], .55f, null,
            ["mobile", "phone", "cell", "globe", "smart"]) { TakesPlus = true },
        new("PH_TIN", ["ddd-ddd-ddd-ddd", "ddd-ddd-ddd-ddddd", "ddd-ddd-ddd"], .3f, null, ["tin", "bir", "taxpayer"]),
        new("PH_TIN", ["ddddddddd", "dddddddddddd"], .02f, null, ["tin", "bir", "taxpayer"]),
        new("SG_NRIC_FIN", ["addddddda"], .3f, IdentifierChecks.SingaporeNric, ["nric", "fin", "identity card", "singapore"]),
        new("SG_NRIC_FIN", ["addddddda"], .1f, null, ["nric"]),
        new("SG_UEN", ["dddddddda", "19ddddddda", "20ddddddda", "Tddaadddda", "Sddaadddda", "Rddaadddda"], .3f,
            IdentifierChecks.SingaporeUen, ["uen", "unique entity", "acra", "business registration"]),
        new("TH_TNIN", ["ddddddddddddd", "d-dddd-ddddd-dd-d", "d dddd ddddd dd d"], .3f, IdentifierChecks.ThaiNational,
            ["thai id", "บัตรประชาชน", "เลขประจำตัว", "citizen id", "national id", "id card", "tnin"]),
        new("NG_NIN", ["ddddddddddd"], .3f, static c => Checksums.Verhoeff(c), ["nin", "national identification", "nimc"]),
        new("NG_VEHICLE_REGISTRATION", ["aaa-dddaa"], .5f, null, Plate),
        new("NG_VEHICLE_REGISTRATION", ["aaadddaa", "aaa dddaa"], .2f, null, Plate),
        new("TR_NATIONAL_ID", ["ddddddddddd"], .5f, IdentifierChecks.TurkishNational, ["tckn", "t.c.", "kimlik", "tc no", "turkish id"]),
        new("TR_LICENSE_PLATE", ["dd_a_d{2,5}", "dd_aa_d{3,4}", "dd_aaa_d{2,4}"], .3f, IdentifierChecks.TurkishPlate, Plate),
        new("ZA_ID_NUMBER", ["ddddddddddddd"], .3f, IdentifierChecks.SouthAfrica,
            ["sa id", "rsa id", "identity number", "id number", "south africa"]),
    ];

    private static IEnumerable<IdentifierRule> German() =>
    [
        new("DE_BSNR", ["ddddddddd"], .1f, IdentifierChecks.GermanPractice, ["bsnr", "betriebsstätte", "praxis"]),
        new("DE_LANR", ["ddddddddd"], .2f, IdentifierChecks.GermanPhysician, ["lanr", "arztnummer"]),
        new("DE_FUEHRERSCHEIN", ["aaddddddddx"], .4f, null, ["führerschein", "fahrerlaubnis", "fuehrerschein"]),
        new("DE_HANDELSREGISTER", ["HRAd{1,6}", "HRBd{1,6}", "HRA d{1,6}", "HRB d{1,6}"], .7f, null,
            ["handelsregister", "amtsgericht", "registergericht"]),
        new("DE_HEALTH_INSURANCE", ["addddddddd"], .6f, IdentifierChecks.GermanHealth,
            ["kvnr", "krankenkasse", "egk", "versicherten", "krankenversicherung"]),
        new("DE_ID_CARD", ["xxxxxxxxd", "xxxxxxxxdd"], .25f, IdentifierChecks.GermanIdCard, IdCard),
        new("DE_ID_CARD", ["Tdddddddd"], .15f, null, IdCard),
        new("DE_PASSPORT", ["axxxxxxxd"], .25f, IdentifierChecks.GermanPassport, Passport),
        new("DE_KFZ", ["a{1,3}_a{1,2}_d{1,4}", "a{1,3}_a{1,2}_d{1,4}E", "a{1,3}_a{1,2}_d{1,4}H"], .15f, static c => c.Length is >= 4
            and <= 9, ["kennzeichen", "fahrzeug", "nummernschild", "kfz"]),
        new("DE_PLZ", ["ddddd"], .05f, static c => Checksums.Number(c) is >= 1001 and <= 99998, ["plz", "postleitzahl"]),
        new("DE_SOCIAL_SECURITY", ["dd_dddddd_a_ddd"], .6f, IdentifierChecks.GermanPension,
            ["rvnr", "rentenversicherung", "sozialversicherung", "svnr"]),
        new("DE_TAX_ID", ["dd_ddd_ddd_ddd"], .35f, IdentifierChecks.GermanTaxId,
            ["steuer-id", "idnr", "steueridentifikation", "tax id", "steuerliche"]),
        new("DE_TAX_NUMBER", ["dd/ddd/ddddd", "ddd/ddd/ddddd", "ddd/dddd/dddd", "dd/dddd/dddd"], .5f, null,
            ["steuernummer", "st.-nr", "finanzamt"]),
        new("DE_TAX_NUMBER", ["ddddddddddddd"], .1f, static c => Checksums.Number(c[..2]) is >= 1 and <= 32
            && c[4] != '9', ["steuernummer", "st.-nr", "finanzamt"]),
        new("DE_VAT_ID", ["DE_ddddddddd", "DE_ddd_ddd_ddd"], .7f, static c => Checksums.Iso7064Mod11x10(c[2..]), Tax),
        new("DE_VAT_ID", ["DE_ddddddddd", "DE_ddd_ddd_ddd"], .4f, null, Tax),
    ];

    private static IEnumerable<IdentifierRule> Europe() =>
    [
        new("ES_NIF", ["d{7,8}_a"], .55f, IdentifierChecks.SpanishLetter, ["nif", "dni", "identificación"]),
        new("ES_NIE", ["Xd{7}_a", "Yd{7}_a", "Zd{7}_a"], .6f, IdentifierChecks.SpanishLetter, ["nie", "extranjero"]),
        new("ES_PASSPORT", ["aaadddddd"], .1f, null, Passport),
        new("FI_PERSONAL_IDENTITY_CODE", ["dddddd-dddx", "dddddd+dddx", "ddddddadddx"], .6f, IdentifierChecks.Finnish,
            ["hetu", "hetun", "henkilötunnus", "finnish", "personal identity"]) { Embedded = true },
        new("IT_FISCAL_CODE", ["aaaaaaxxaxxaxxxa"], .6f, IdentifierChecks.ItalianFiscal, ["codice fiscale", "fiscal"]),
        new("IT_IDENTITY_CARD", ["aadddddaa", "dddddddaa"], .3f, null, ["carta identità", "identità", "cie", "identity card"]),
        new("IT_IDENTITY_CARD", ["aaddddddd"], .05f, null, ["carta identità", "identità", "identity card"]),
        new("IT_PASSPORT", ["aaddddddd"], .05f, null, Passport),
        new("IT_DRIVER_LICENSE", ["aaddddddda", "U1xxxxxxxa"], .4f, IdentifierChecks.ItalianLicence, ["patente", .. Licence]),
        new("IT_VAT_CODE", ["ddd_ddd_dd_ddd", "ddddddddddd"], .3f, static c => Checksums.Luhn(c)
            && !Checksums.AllSame(c), ["piva", "partita iva", "p.iva", "pi:", "vat"]),
        new("PL_PESEL", ["ddddddddddd"], .4f, IdentifierChecks.Pesel, ["pesel"]),
        new("SE_PERSONNUMMER", ["dddddd-dddd", "dddddd+dddd", "dddddddd-dddd", "dddddddd+dddd"], .6f, IdentifierChecks.SwedishPerson,
            ["personnummer", "pnr", "samordningsnummer"]),
        new("SE_PERSONNUMMER", ["dddddddddd", "dddddddddddd"], .25f, IdentifierChecks.SwedishPerson,
            ["personnummer", "pnr", "samordningsnummer"]),
        new("SE_ORGANISATIONSNUMMER", ["dddddd-dddd"], .55f, IdentifierChecks.SwedishCompany,
            ["organisationsnummer", "orgnummer", "org.nr", "företag"]),
        new("SE_ORGANISATIONSNUMMER", ["dddddddddd"], .2f, IdentifierChecks.SwedishCompany,
            ["organisationsnummer", "orgnummer", "org.nr", "företag"]),
        new("UK_NHS", ["ddd_ddd_dddd"], .35f, IdentifierChecks.Nhs, ["nhs", "national health", "health services"]),
        new("UK_NINO", ["aa_dd_dd_dd_a", "aadddddd_a", "aa_dddddd_a"], .55f, IdentifierChecks.Nino,
            ["nino", "national insurance", "ni number"]),
        new("UK_PASSPORT", ["aaddddddd"], .1f, null, Passport),
        new("UK_POSTCODE", ["a{1,2}d{1,2}_daa", "a{1,2}da_daa", "GIR_0AA"], .3f, IdentifierChecks.Postcode,
            ["postcode", "post code", "address", "postal"]),
        new("UK_DRIVING_LICENCE", ["x{5}ddddddaxdaa", "x{5}ddddddxxxaa"], .6f, IdentifierChecks.BritishLicence, Licence),
        new("UK_VEHICLE_REGISTRATION", ["aadd_aaa"], .5f, IdentifierChecks.BritishPlate, Plate),
        new("UK_VEHICLE_REGISTRATION", ["ad{1,3}_aaa", "aaa_d{1,3}a"], .2f, IdentifierChecks.BritishOldPlate, Plate),
        new("TR_PHONE_NUMBER", ["0_ddd_ddd_dd_dd", "ddd_ddd_dd_dd", "90_ddd_ddd_dd_dd"], .3f, IdentifierChecks.TurkishPhone,
            ["cep", "telefon", "tel", "gsm"]) { TakesPlus = true },
    ];
}

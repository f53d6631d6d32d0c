namespace Gatehouse.Guardrails.Pii;

/// <summary>
/// The types of personal data that have a detector of their own; identifiers of a country carry its code (<c>DE_TAX_ID</c>).
/// </summary>
public static class PiiTypes
{
    public const string Person = "PERSON";
    public const string Location = "LOCATION";
    public const string Address = "ADDRESS";
    public const string Organization = "ORGANIZATION";
    public const string Title = "TITLE";
    public const string Group = "NRP";
    public const string Age = "AGE";
    public const string DateTime = "DATE_TIME";
    public const string ZipCode = "ZIP_CODE";
    public const string Email = "EMAIL_ADDRESS";
    public const string Url = "URL";
    public const string Ip = "IP_ADDRESS";
    public const string Mac = "MAC_ADDRESS";
    public const string Phone = "PHONE_NUMBER";
    public const string Card = "CREDIT_CARD";
    public const string Iban = "IBAN_CODE";
    public const string Crypto = "CRYPTO";
    public const string Ssn = "US_SSN";
    public const string DriverLicense = "US_DRIVER_LICENSE";
}

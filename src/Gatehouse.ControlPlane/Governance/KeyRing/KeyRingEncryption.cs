using System.Xml.Linq;
using Microsoft.AspNetCore.DataProtection.XmlEncryption;
using Microsoft.Extensions.DependencyInjection;

namespace Gatehouse.Governance;

/// <summary>Encrypts the keys of cookies and form tokens at rest, under the installation's secret.</summary>
internal sealed class KeyRingEncryptor(InstallationSecret secret) : IXmlEncryptor
{
    internal const string Purpose = "key ring";

    public EncryptedXmlInfo Encrypt(XElement plaintextElement)
    {
        var text = plaintextElement.ToString(SaveOptions.DisableFormatting);
        return new EncryptedXmlInfo(
            new XElement("encrypted", Convert.ToBase64String(SealedText.Seal(secret.Derive(Purpose), text, ""))), typeof(KeyRingDecryptor));
    }
}

/// <summary>The other half of <see cref="KeyRingEncryptor"/>; Data Protection makes it by name.</summary>
internal sealed class KeyRingDecryptor(IServiceProvider services) : IXmlDecryptor
{
    public XElement Decrypt(XElement encryptedElement) => XElement.Parse(SealedText.Open(
        services.GetRequiredService<InstallationSecret>().Derive(KeyRingEncryptor.Purpose),
        Convert.FromBase64String(encryptedElement.Value), ""));
}

namespace Gatehouse.Configuration;

/// <summary>Section <c>vault</c>: where <c>${vault:path#field}</c> is read. One of token, token file, Kubernetes and AppRole.</summary>
public sealed class VaultOptions
{
    [Setting("Address of HashiCorp Vault, OpenBao or whatever speaks their API.", DefaultText = "`VAULT_ADDR`",
        Example = "https://vault.example.com:8200")]
    public Uri? Address { get; set; }

    [Setting("A token. Write a reference, not the token itself.", Secret = true, DefaultText = "`VAULT_TOKEN`", Example = "${VAULT_TOKEN}")]
    public string? Token { get; set; }

    [Setting("A file that holds the token, as an agent keeps it; read again with every request. Relative to this file.",
        Example = "/run/vault/token")]
    public string? TokenFile { get; set; }

    [Setting("Sign in with this pod's service account.")]
    public VaultKubernetesOptions? Kubernetes { get; set; }

    [Setting("Sign in with an AppRole.")]
    public VaultAppRoleOptions? Approle { get; set; }

    [Setting("The namespace, where there are several.", DefaultText = "`VAULT_NAMESPACE`, else none")]
    public string? Namespace { get; set; }

    [Setting("How often values are read again. Those with a lease are read when two thirds of it are over.", Min = "1s", Max = "1d")]
    public TimeSpan Refresh { get; set; } = TimeSpan.FromMinutes(1);
}

/// <summary>How a pod signs in to the vault.</summary>
public sealed class VaultKubernetesOptions
{
    [Setting("The role of the auth method.", Required = true, Example = "gatehouse")]
    public string Role { get; set; } = "";

    [Setting("Where the auth method is mounted.")]
    public string Mount { get; set; } = "kubernetes";

    [Setting("The service account's token.")]
    public string TokenFile { get; set; } = "/var/run/secrets/kubernetes.io/serviceaccount/token";
}

/// <summary>How an AppRole signs in to the vault.</summary>
public sealed class VaultAppRoleOptions
{
    [Setting("The role's id.", Required = true, Example = "${VAULT_ROLE_ID}")]
    public string RoleId { get; set; } = "";

    [Setting("Its secret id.", Required = true, Secret = true, Example = "${file:/run/vault/secret-id}")]
    public string SecretId { get; set; } = "";

    [Setting("Where the auth method is mounted.")]
    public string Mount { get; set; } = "approle";
}

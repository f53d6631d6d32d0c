using Gatehouse.Contracts;
using Microsoft.AspNetCore.Identity;

namespace Gatehouse.Governance;

/// <summary>Password rules, and hashing that a flood of sign-ins cannot use to occupy every core.</summary>
internal sealed class Passwords : IDisposable
{
    private const int MinChars = 12;

    /// <summary>Hashing costs time in proportion only to this.</summary>
    private const int MaxChars = 256;

    private readonly PasswordHasher<Person> _hasher = new();
    private readonly SemaphoreSlim _slots = new(Math.Max(1, Environment.ProcessorCount / 2));
    private readonly string _nobody;

    public Passwords() => _nobody = _hasher.HashPassword(null!, Stamps.New());

    /// <exception cref="ProblemException">The password breaks a rule.</exception>
    public static void Check(string password, string email)
    {
        var rule = password.Length switch
        {
            < MinChars => $"must have at least {MinChars} characters",
            > MaxChars => $"must have at most {MaxChars} characters",
            _ when password.Contains(email, StringComparison.OrdinalIgnoreCase) => "must not contain the e-mail address",
            _ when password.AsSpan().Count(password[0]) == password.Length => "must not be one character repeated",
            _ => null,
        };
        if (rule is not null)
        {
            throw new ProblemException(Problem.Invalid("password", rule));
        }
    }

    public Task<string> HashAsync(string password, CancellationToken ct) => RunAsync(() => _hasher.HashPassword(null!, password), ct);

    /// <summary>Takes as long for an account that does not exist as for one that does.</summary>
    /// <param name="hash"><see langword="null"/> when there is no such account, or it has no password.</param>
    public Task<bool> VerifyAsync(string? hash, string password, CancellationToken ct) => RunAsync(
        () => password.Length <= MaxChars
            && _hasher.VerifyHashedPassword(null!, hash ?? _nobody, password) != PasswordVerificationResult.Failed
            && hash is not null,
        ct);

    public void Dispose() => _slots.Dispose();

    private async Task<T> RunAsync<T>(Func<T> work, CancellationToken ct)
    {
        await _slots.WaitAsync(ct);
        try
        {
            return await Task.Run(work, ct);
        }
        finally
        {
            _slots.Release();
        }
    }
}

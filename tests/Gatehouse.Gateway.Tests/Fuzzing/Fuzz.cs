using System.Diagnostics;
using System.Globalization;

namespace Gatehouse.Gateway.Tests.Fuzzing;

/// <summary>Runs a check over mutated inputs for a bounded time. GATEHOUSE_FUZZ_SECONDS (1) for each, GATEHOUSE_FUZZ_SEED (1).</summary>
internal static class Fuzz
{
    private const int LeastRounds = 200;

    /// <param name="next">Makes an input.</param>
    /// <param name="check">Throws what its contract does not name when the input breaks it.</param>
    public static void Run(Func<Random, byte[]> next, Action<Random, byte[]> check)
    {
        var seconds = double.Parse(Environment.GetEnvironmentVariable("GATEHOUSE_FUZZ_SECONDS") ?? "1", CultureInfo.InvariantCulture);
        var seed = int.Parse(Environment.GetEnvironmentVariable("GATEHOUSE_FUZZ_SEED") ?? "1", CultureInfo.InvariantCulture);
        var began = Stopwatch.GetTimestamp();
        for (var round = 0; round < LeastRounds || Stopwatch.GetElapsedTime(began).TotalSeconds < seconds; round++)
        {
            var random = new Random(unchecked((seed * 397) ^ round));
            var input = next(random);
            try
            {
                check(random, input);
            }
            catch (Exception e)
            {
                throw new InvalidOperationException(
                    $"Round {round} of seed {seed} broke on this input (Base64): {Convert.ToBase64String(input)}", e);
            }
        }
    }
}

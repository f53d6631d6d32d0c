using System.Diagnostics;

namespace Gatehouse.EndToEnd.Tests;

/// <summary>The programs in <c>samples/</c>, run as a stranger does: in a checkout whose <c>data</c> holds the sample key.</summary>
public sealed class SampleProgramTests
{
    [Theory]
    [InlineData("bash", "chat.sh")]
    [InlineData("node", "chat.mjs")]
    [InlineData("node", "messages.mjs")]
    public async Task Each_gets_an_answer_to_what_it_was_asked(string interpreter, string program)
    {
        await using var gatehouse = await GatehouseProcess.StartAsync();
        var samples = Directory.CreateDirectory(Path.Combine(gatehouse.Folder, "samples")).FullName;
        File.Copy(Path.Combine(GatehouseProcess.Checkout, "samples", program), Path.Combine(samples, program));
        Directory.CreateSymbolicLink(
            Path.Combine(gatehouse.Folder, "node_modules"),
            Path.Combine(GatehouseProcess.Checkout, "tests", "Gatehouse.EndToEnd.Tests", "clients", "node_modules"));

        using var process = Process.Start(new ProcessStartInfo(interpreter, [Path.Combine(samples, program), "Is 'this' \"all\"?"])
        {
            Environment = { ["GATEHOUSE_URL"] = gatehouse.Url.ToString().TrimEnd('/') },
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        var output = process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        var error = process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);

        Assert.True(process.ExitCode == 0, await error);
        Assert.Contains("Gatehouse's simulator", await output, StringComparison.Ordinal);
        Assert.Contains("all", await output, StringComparison.Ordinal);
    }
}

using Gatehouse.Governance;

namespace Gatehouse.Hosting;

/// <summary>
/// Makes the command line's token and the sample before there is a listener: who reads that the server is ready finds their files.
/// </summary>
internal sealed class SampleStart(SampleSystem sample, ServerFlags flags) : IHostedService
{
    public Task StartAsync(CancellationToken cancellationToken) => sample.EnsureAsync(flags.Sample, cancellationToken);

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}

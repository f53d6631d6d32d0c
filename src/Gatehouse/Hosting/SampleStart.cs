using Gatehouse.Governance;

namespace Gatehouse.Hosting;

/// <summary>
/// Makes the command line's token, the sample and the first administrator's link before there is a listener: who reads that the server
/// is ready finds them.
/// </summary>
internal sealed class SampleStart(SampleSystem sample, ServerFlags flags) : IHostedService
{
    /// <summary>Path of the first administrator's link; <see langword="null"/> once there is one.</summary>
    public string? Link { get; private set; }

    public async Task StartAsync(CancellationToken cancellationToken) => Link = await sample.EnsureAsync(flags.Sample, cancellationToken);

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}

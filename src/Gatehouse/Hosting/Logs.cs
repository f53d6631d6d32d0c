using Microsoft.Extensions.Logging.Console;

namespace Gatehouse.Hosting;

/// <summary>One line an event on standard error: standard output is for what a person or script asked for.</summary>
internal static class Logs
{
    /// <summary>
    /// These write down whole addresses, of which invitations and Google's format have secrets: they never say more than warnings.
    /// </summary>
    private static readonly string[] NamesAddresses =
        ["Microsoft.AspNetCore.Hosting.Diagnostics", "Microsoft.AspNetCore.Routing", "Microsoft.AspNetCore.Components",
            "Microsoft.AspNetCore.StaticFiles"];

    /// <param name="level">Of Gatehouse itself. What it is built on speaks from warnings on, or from this level when that is below
    /// information.</param>
    public static ILoggerFactory Create(LogLevel level) => LoggerFactory.Create(logging =>
    {
        logging.SetMinimumLevel(level < LogLevel.Information ? level : LogLevel.Warning);
        logging.AddFilter("Gatehouse", level);
        foreach (var category in NamesAddresses)
        {
            logging.AddFilter(category, LogLevel.Warning);
        }

        // warns that a page with a form is not cached: it must not be
        logging.AddFilter("Microsoft.AspNetCore.Antiforgery", LogLevel.Error);
        logging.AddSimpleConsole(static console =>
        {
            console.SingleLine = true;
            console.UseUtcTimestamp = true;
            console.TimestampFormat = "yyyy-MM-dd'T'HH:mm:ss'Z' ";
            console.ColorBehavior = System.Console.IsErrorRedirected ? LoggerColorBehavior.Disabled : LoggerColorBehavior.Default;
        });
        logging.Services.Configure<ConsoleLoggerOptions>(static o => o.LogToStandardErrorThreshold = LogLevel.Trace);
    });
}

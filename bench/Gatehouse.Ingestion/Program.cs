// What it costs to take calls out of the journal into ledger, trace and sums, on a database of its own that is deleted afterwards.
//   dotnet run -c Release --project bench/Gatehouse.Ingestion -- [--records 300000] [--rounds 3] [--postgres "Host=…;Database=postgres"]
// [--questions yes] Prints CPU of this process in µs a call (with PostgreSQL: without the server's own), calls per second, and bytes
// allocated a call. With --questions the calls are spread over 30 days, and what the console asks is timed: the median of five.
//   dotnet run -c Release --project bench/Gatehouse.Ingestion -- scale [--calls 5000000] [--postgres "Host=…"]
//   [--keep FOLDER] [--only TEXT] [--as admin|member]
// Fills an installation with calls of 30 days and asks the built server for every page and API answer that reads them, as an
// administrator and as a member of one team: the median and the worst of five. --keep fills once; --only asks what has this in its address.
//   dotnet run -c Release --project bench/Gatehouse.Ingestion -- retention --keep FOLDER [--postgres "Host=…"] [--days 20]
// On such a folder: calls taken in as fast as they go, first alone, then while retention deletes what so many days have made.
using System.Globalization;
using Gatehouse.Ingestion;
using Gatehouse.Ingestion.Scale;

if (args is ["scale", ..])
{
    await ScaleTrial.RunAsync(
        int.Parse(Option("--calls") ?? "5000000", CultureInfo.InvariantCulture), Option("--postgres"), Option("--keep"),
        Option("--only") ?? "", Option("--as"));
    return;
}

if (args is ["retention", ..] && Option("--keep") is { } filled)
{
    await RetentionTrial.RunAsync(filled, Option("--postgres"), int.Parse(Option("--days") ?? "20", CultureInfo.InvariantCulture));
    return;
}

var records = int.Parse(Option("--records") ?? "300000", CultureInfo.InvariantCulture);
var questions = Option("--questions") is not null;
var rounds = int.Parse(Option("--rounds") ?? "3", CultureInfo.InvariantCulture);
Console.WriteLine("round  CPU µs a call  calls/s  bytes a call  database bytes a call");
for (var round = 1; round <= rounds; round++)
{
    await using var trial = await Trial.StartAsync(Option("--postgres"));
    trial.Append(records / 4, questions ? TimeSpan.FromDays(6) : TimeSpan.Zero);
    await trial.DrainAsync(); // compiles what is hot
    trial.Append(records, questions ? TimeSpan.FromDays(30) : TimeSpan.Zero);
    var result = await trial.DrainAsync();
    var bytes = await trial.BytesAsync() / (records * 5 / 4);
    Console.WriteLine(string.Create(
        CultureInfo.InvariantCulture,
        $"{round,5}  {result.CpuMicros / records,13:0.00}  {records / result.Elapsed.TotalSeconds,7:0}  {result.AllocatedBytes / records,12}  {bytes,21}"));
    if (questions)
    {
        await Questions.AskAsync(trial.Db, trial.Quiet);
    }
}

string? Option(string name) => Array.IndexOf(args, name) is var at and >= 0 && at + 1 < args.Length ? args[at + 1] : null;

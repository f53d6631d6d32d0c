using System.Globalization;
using System.Text;
using Gatehouse.Load;

// Loads that wrk cannot make; bench/gateway.sh uses them.
//   open     ADDRESS KEY BODY-FILE RATE SECONDS CONNECTIONS   requests at fixed moments, whatever becomes of those before
//   streams  ADDRESS KEY BODY-FILE STREAMS SECONDS            streams one after another on each of so many connections
//   upstream PORT CHUNKS PAUSE-MILLISECONDS                   a provider that streams: PAUSE between chunks; runs until it is killed
if (args is ["upstream", var port, var chunks, var pause])
{
    await new StreamingUpstream(Number(chunks), TimeSpan.FromMilliseconds(Number(pause))).RunAsync(Number(port));
    return 0;
}

if (args is [("open" or "streams") and var mode, var address, var key, var file, ..])
{
    var url = new Uri(address);
    var body = await File.ReadAllBytesAsync(file);
    var head = Encoding.ASCII.GetBytes(
        $"POST {url.PathAndQuery} HTTP/1.1\r\nHost: {url.Authority}\r\nAuthorization: Bearer {key}\r\nContent-Type: application/json\r\nContent-Length: {body.Length}\r\n\r\n");
    byte[] request = [.. head, .. body];
    switch (mode, args.Length)
    {
        case ("open", 7):
            Console.WriteLine(
                new OpenLoop(url, request, rate: Number(args[4]), seconds: Number(args[5])).Run(connections: Number(args[6])));
            return 0;
        case ("streams", 6):
            Console.WriteLine(new Streams(url, request, seconds: Number(args[5])).Run(connections: Number(args[4])));
            return 0;
    }
}

await Console.Error.WriteLineAsync("See the beginning of Program.cs.");
return 1;

static int Number(string text) => int.Parse(text, CultureInfo.InvariantCulture);

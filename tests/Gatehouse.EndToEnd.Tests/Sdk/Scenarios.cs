namespace Gatehouse.EndToEnd.Tests.Sdk;

/// <summary>Runs scenarios one after another and reports what each gave or raised.</summary>
internal static class Scenarios
{
    public const string ToolName = "get_weather";
    public const string ToolDescription = "The weather of a city.";
    public const string ToolSchema = """{"type":"object","properties":{"city":{"type":"string"}},"required":["city"]}""";
    public const string AnswerSchema =
        """{"type":"object","properties":{"answer":{"type":"integer"}},"required":["answer"],"additionalProperties":false}""";
    public const string Pixel = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

    /// <summary>Tells the player that "Hello from", the text before its fault, has arrived.</summary>
    public static Func<SdkResult, Task> Seen(Uri player, string model) => async result =>
    {
        if (result.Text == "Hello from")
        {
            using var http = new HttpClient();
            using var told = await http.GetAsync(new Uri(player, $"seen/{model}"));
            told.EnsureSuccessStatusCode();
        }
    };

    /// <param name="statusOf">The HTTP status that the SDK's exception carries, if it does.</param>
    public static async Task<IReadOnlyDictionary<string, SdkResult>> RunAsync(
        IReadOnlyDictionary<string, Func<SdkResult, Task>> scenarios, Func<Exception, int?> statusOf)
    {
        var results = new Dictionary<string, SdkResult>();
        foreach (var (name, run) in scenarios)
        {
            var result = new SdkResult();
            try
            {
                await run(result);
            }
            catch (Exception e) when (e is not OutOfMemoryException)
            {
                result.Error = e.GetType().Name;
                result.Status = statusOf(e);
                result.Message = e.Message;
            }

            results.Add(name, result);
        }

        return results;
    }
}

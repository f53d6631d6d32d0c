using System.Text.Json;
using Gatehouse.Gateway.Conversation;

namespace Gatehouse.Gateway.Batches;

/// <summary>A batch as OpenAI's format shows it.</summary>
internal static class BatchJson
{
    public static string Word(BatchStatus status) => JsonNamingPolicy.SnakeCaseLower.ConvertName(status.ToString());

    public static void Write(Utf8JsonWriter json, Batch b)
    {
        json.WriteStartObject();
        json.WriteString("id", b.Id);
        json.WriteString("object", "batch");
        json.WriteString("endpoint", b.Endpoint);
        WriteErrors(json, b);
        json.WriteString("input_file_id", b.InputId);
        json.WriteString("completion_window", "24h");
        json.WriteString("status", Word(b.Status));
        json.WriteStringOrNull("output_file_id", b.OutputFileId);
        json.WriteStringOrNull("error_file_id", b.ErrorFileId);
        json.WriteNumber("created_at", b.CreatedAt.ToUnixTimeSeconds());
        WriteTime(json, "in_progress_at", b.InProgressAt);
        json.WriteNumber("expires_at", b.ExpiresAt.ToUnixTimeSeconds());
        WriteTime(json, "finalizing_at", b.FinalizingAt);
        WriteTime(json, "completed_at", b.Status == BatchStatus.Completed ? b.EndedAt : null);
        WriteTime(json, "failed_at", b.Status == BatchStatus.Failed ? b.EndedAt : null);
        WriteTime(json, "expired_at", b.Status == BatchStatus.Expired ? b.EndedAt : null);
        WriteTime(json, "cancelling_at", b.CancellingAt);
        WriteTime(json, "cancelled_at", b.Status == BatchStatus.Cancelled ? b.EndedAt : null);
        json.WriteStartObject("request_counts");
        json.WriteNumber("total", b.Counts.Total);
        json.WriteNumber("completed", b.Counts.Succeeded);
        json.WriteNumber("failed", b.Counts.Done - b.Counts.Succeeded);
        json.WriteEndObject();
        json.WriteStartObject("usage");
        json.WriteNumber("input_tokens", b.Usage.Input);
        json.WriteStartObject("input_tokens_details");
        json.WriteNumber("cached_tokens", b.Usage.Cached);
        json.WriteEndObject();
        json.WriteNumber("output_tokens", b.Usage.Output);
        json.WriteStartObject("output_tokens_details");
        json.WriteNumber("reasoning_tokens", b.Usage.Reasoning);
        json.WriteEndObject();
        json.WriteNumber("total_tokens", b.Usage.Input + b.Usage.Output);
        json.WriteEndObject();
        json.WritePropertyName("metadata");
        json.WriteRawValue(b.Metadata ?? "null", skipInputValidation: true);
        json.WriteEndObject();
    }

    private static void WriteErrors(Utf8JsonWriter json, Batch b)
    {
        if (b.Errors.Count == 0)
        {
            json.WriteNull("errors");
            return;
        }

        json.WriteStartObject("errors");
        json.WriteString("object", "list");
        json.WriteStartArray("data");
        foreach (var error in b.Errors)
        {
            json.WriteStartObject();
            json.WriteString("code", error.Code);
            json.WriteString("message", error.Message);
            json.WriteStringOrNull("param", error.Param);
            if (error.Line is { } line)
            {
                json.WriteNumber("line", line);
            }
            else
            {
                json.WriteNull("line");
            }

            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteEndObject();
    }

    private static void WriteTime(Utf8JsonWriter json, string name, DateTimeOffset? at)
    {
        if (at is { } time)
        {
            json.WriteNumber(name, time.ToUnixTimeSeconds());
        }
        else
        {
            json.WriteNull(name);
        }
    }
}

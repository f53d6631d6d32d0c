using System.Buffers;
using System.Text;
using System.Text.Json;
using Gatehouse.Contracts;
using Gatehouse.Gateway.Conversation;
using Gatehouse.Gateway.Streaming;

namespace Gatehouse.Gateway.Responses;

/// <summary>
/// Writes the events of the responses format. Its invariants:
/// 1. <c>response.created</c> comes first, once; one of <c>response.completed</c>, <c>.incomplete</c> and <c>.failed</c> comes last, once.
/// 2. Every event has the next <c>sequence_number</c>, from 0.
/// 3. Whatever is added is done before the end, in the order: part added, deltas, text done, part done, item done.
/// 4. At most one message or reasoning item is open, and it is the last item. Tool calls may be open beside each other: providers
///    interleave their arguments, and each event says whose they are.
/// 5. The items of the last event are those of the events before it, with the same ids, and equal those of an answer that comes whole.
/// </summary>
internal sealed class ResponsesStreamWriter(ChatRequest request, ResponseTerms terms) : IStreamWriter
{
    private readonly ResponseDraft _draft = new(terms.Id);
    private readonly ArrayBufferWriter<byte> _final = new();
    private OutputItem? _open; // message or reasoning
    private bool _partIsOpen;
    private bool _started;
    private bool _ended;

    /// <summary>The number of the next event.</summary>
    public int Sequence { get; private set; }

    /// <summary>The response as the last event has it; empty before.</summary>
    public ReadOnlyMemory<byte> Final => _final.WrittenMemory;

    public void Write(ChatEvent e, IBufferWriter<byte> to)
    {
        switch (e)
        {
            case StartedEvent started:
                Start(started, to);
                break;
            case TextEvent { Choice: 0 } text when text.Text.Length > 0 || text.Logprobs is not null:
                WriteText(text.Text, refusal: false, to, text.Logprobs);
                break;
            case RefusalEvent { Choice: 0, Text.Length: > 0 } refusal:
                WriteText(refusal.Text, refusal: true, to);
                break;
            case ThinkingEvent { Choice: 0, Text.Length: > 0 } thinking:
                WriteThinking(thinking.Text, to);
                break;
            case ThinkingSignedEvent { Choice: 0 } signed:
                var reasoning = OpenItem(OutputKind.Reasoning, to);
                reasoning.Seal = ReasoningSeal.Of(new ThinkingPart(reasoning.Text.ToString(), signed.Signature));
                Close(to); // what follows is other thinking
                break;
            case RedactedThinkingEvent { Choice: 0 } redacted:
                Close(to);
                OpenItem(OutputKind.Reasoning, to).Seal = ReasoningSeal.Of(new RedactedThinkingPart(redacted.Data));
                Close(to);
                break;
            case ToolStartedEvent { Choice: 0 } tool:
                Close(to);
                var kind = request.IsCustomTool(tool.Name) ? OutputKind.CustomCall : OutputKind.FunctionCall;
                WriteAdded(_draft.Add(kind, tool.Id, tool.Name, tool.Index), to);
                break;
            case ToolArgumentsEvent { Choice: 0, Arguments.Length: > 0 } arguments:
                WriteArguments(arguments, to);
                break;
            case FinishedEvent { Choice: 0 } finished:
                _draft.Finish = finished.Reason;
                CloseAll(to);
                break;
            case UsageEvent usage:
                _draft.Usage = usage.Usage;
                break;
            case PingEvent:
                to.Write(": ping\n\n"u8);
                break;
            case FailedEvent failed:
                Error(failed.ToProblem(), to);
                break;
        }
    }

    public void End(IBufferWriter<byte> to)
    {
        Start(new StartedEvent("", request.Model, 0, null), to);
        CloseAll(to);
        var status = _draft.Incomplete is null ? "completed" : "incomplete";
        using (var json = JsonOut.Begin(_final))
        {
            ResponseWriter.Write(json, _draft, request, terms, status);
        }

        using var last = Open($"response.{status}", to);
        last.WritePropertyName("response");
        last.WriteRawValue(_final.WrittenSpan, skipInputValidation: true);
        Close(last, to);
        _ended = true;
    }

    public void Error(Problem p, IBufferWriter<byte> to)
    {
        if (_started && !_ended)
        {
            _ended = true;
            using var json = Open("response.failed", to);
            json.WritePropertyName("response");
            ResponseWriter.Write(json, _draft, request, terms, "failed", p);
            Close(json, to);
        }

        ResponsesErrors.WriteEvent(p, Sequence++, to);
    }

    private void Start(StartedEvent started, IBufferWriter<byte> to)
    {
        if (_started)
        {
            return;
        }

        _started = true;
        _draft.Model = started.Model;
        _draft.CreatedAt = started.Created > 0 ? started.Created : TimeProvider.System.GetUtcNow().ToUnixTimeSeconds();
        foreach (var name in (ReadOnlySpan<string>)["response.created", "response.in_progress"])
        {
            using var json = Open(name, to);
            json.WritePropertyName("response");
            ResponseWriter.Write(json, _draft, request, terms, "in_progress");
            Close(json, to);
        }

        _draft.Usage = started.Usage;
    }

    private void WriteText(string text, bool refusal, IBufferWriter<byte> to, JsonElement? logprobs = null)
    {
        var item = OpenItem(OutputKind.Message, to);
        if (!item.Takes(refusal))
        {
            Close(to);
            item = OpenItem(OutputKind.Message, to);
        }

        if (_partIsOpen && item.Refuses != refusal)
        {
            ClosePart(item, to);
        }

        if (!_partIsOpen)
        {
            _partIsOpen = true;
            item.Begin(refusal);
            using var added = OpenPart("response.content_part.added", item, to);
            added.WritePropertyName("part");
            ResponseWriter.WritePart(added, refusal, "", []);
            Close(added, to);
        }

        (refusal ? item.Refusal : item.Text).Append(text);
        using var json = OpenPart(refusal ? "response.refusal.delta" : "response.output_text.delta", item, to);
        json.WriteString("delta", text);
        if (!refusal)
        {
            JsonElement[] tokens = Logprobs.Tokens(logprobs) is { } known ? [.. known.EnumerateArray()] : [];
            item.Logprobs.AddRange(tokens);
            Logprobs.WriteResponses(json, tokens);
        }

        Close(json, to);
    }

    private void WriteThinking(string text, IBufferWriter<byte> to)
    {
        var item = OpenItem(OutputKind.Reasoning, to);
        if (!item.HasText)
        {
            item.HasText = true;
            using var added = OpenSummary("response.reasoning_summary_part.added", item, to);
            added.WritePropertyName("part");
            ResponseWriter.WriteSummary(added, "");
            Close(added, to);
        }

        item.Text.Append(text);
        using var json = OpenSummary("response.reasoning_summary_text.delta", item, to);
        json.WriteString("delta", text);
        Close(json, to);
    }

    private void WriteArguments(ToolArgumentsEvent e, IBufferWriter<byte> to)
    {
        var item = _draft.Items.Find(i => i.Kind is OutputKind.FunctionCall or OutputKind.CustomCall && i.Call == e.Index);
        if (item is null or { IsDone: true })
        {
            throw new FormatException("The provider sent arguments of a tool call that is complete or was never begun.");
        }

        item.Text.Append(e.Arguments);
        // the input of a custom tool is one string inside JSON: it can be told only when it is whole
        if (item.Kind == OutputKind.FunctionCall)
        {
            using var json = OpenItemEvent("response.function_call_arguments.delta", item, to);
            json.WriteString("delta", e.Arguments);
            Close(json, to);
        }
    }

    /// <summary>The open item if it is of this kind, else a new one.</summary>
    private OutputItem OpenItem(OutputKind kind, IBufferWriter<byte> to)
    {
        if (_open is { } open && open.Kind == kind)
        {
            return open;
        }

        Close(to);
        _open = _draft.Add(kind);
        WriteAdded(_open, to);
        return _open;
    }

    private void WriteAdded(OutputItem item, IBufferWriter<byte> to)
    {
        using var json = Open("response.output_item.added", to);
        json.WriteNumber("output_index", item.Index);
        json.WritePropertyName("item");
        ResponseWriter.WriteItem(json, item, "in_progress");
        Close(json, to);
    }

    /// <summary>Ends the open message or reasoning.</summary>
    private void Close(IBufferWriter<byte> to)
    {
        if (_open is not { } item)
        {
            return;
        }

        _open = null;
        if (item.Kind == OutputKind.Reasoning && item.HasText)
        {
            using (var done = OpenSummary("response.reasoning_summary_text.done", item, to))
            {
                done.WriteString("text", item.Text.ToString());
                Close(done, to);
            }

            using var part = OpenSummary("response.reasoning_summary_part.done", item, to);
            part.WritePropertyName("part");
            ResponseWriter.WriteSummary(part, item.Text.ToString());
            Close(part, to);
        }
        else if (_partIsOpen)
        {
            ClosePart(item, to);
        }

        WriteDone(item, to);
    }

    private void ClosePart(OutputItem item, IBufferWriter<byte> to)
    {
        var text = (item.Refuses ? item.Refusal : item.Text).ToString();
        using (var done = OpenPart(item.Refuses ? "response.refusal.done" : "response.output_text.done", item, to))
        {
            done.WriteString(item.Refuses ? "refusal" : "text", text);
            if (!item.Refuses)
            {
                Logprobs.WriteResponses(done, item.Logprobs);
            }

            Close(done, to);
        }

        using var part = OpenPart("response.content_part.done", item, to);
        part.WritePropertyName("part");
        ResponseWriter.WritePart(part, item.Refuses, text, item.Logprobs);
        Close(part, to);
        _partIsOpen = false;
    }

    private void CloseAll(IBufferWriter<byte> to)
    {
        Close(to);
        foreach (var item in _draft.Items)
        {
            if (!item.IsDone)
            {
                CloseCall(item, to);
            }
        }
    }

    private void CloseCall(OutputItem item, IBufferWriter<byte> to)
    {
        if (item.Kind == OutputKind.CustomCall)
        {
            var input = ToolArguments.CustomText(item.Text.ToString());
            item.Text.Clear().Append(input);
            using var delta = OpenItemEvent("response.custom_tool_call_input.delta", item, to);
            delta.WriteString("delta", input);
            Close(delta, to);
            using var whole = OpenItemEvent("response.custom_tool_call_input.done", item, to);
            whole.WriteString("input", input);
            Close(whole, to);
        }
        else
        {
            if (item.CompleteArguments())
            {
                using var delta = OpenItemEvent("response.function_call_arguments.delta", item, to);
                delta.WriteString("delta", item.Text.ToString());
                Close(delta, to);
            }

            using var done = OpenItemEvent("response.function_call_arguments.done", item, to);
            done.WriteString("name", item.Name);
            done.WriteString("arguments", item.Text.ToString());
            Close(done, to);
        }

        WriteDone(item, to);
    }

    private void WriteDone(OutputItem item, IBufferWriter<byte> to)
    {
        item.IsDone = true;
        using var json = Open("response.output_item.done", to);
        json.WriteNumber("output_index", item.Index);
        json.WritePropertyName("item");
        ResponseWriter.WriteItem(json, item, _draft.Incomplete is not null && item == _draft.Items[^1] ? "incomplete" : "completed");
        Close(json, to);
    }

    private Utf8JsonWriter OpenPart(string type, OutputItem item, IBufferWriter<byte> to)
    {
        var json = OpenItemEvent(type, item, to);
        json.WriteNumber("content_index", item.Refuses ? item.RefusalPart : item.TextPart);
        return json;
    }

    private Utf8JsonWriter OpenSummary(string type, OutputItem item, IBufferWriter<byte> to)
    {
        var json = OpenItemEvent(type, item, to);
        json.WriteNumber("summary_index", 0);
        return json;
    }

    private Utf8JsonWriter OpenItemEvent(string type, OutputItem item, IBufferWriter<byte> to)
    {
        var json = Open(type, to);
        json.WriteString("item_id", item.Id);
        json.WriteNumber("output_index", item.Index);
        return json;
    }

    private Utf8JsonWriter Open(string type, IBufferWriter<byte> to)
    {
        to.Write("event: "u8);
        Encoding.UTF8.GetBytes(type, to);
        to.Write("\ndata: "u8);
        var json = JsonOut.Begin(to);
        json.WriteStartObject();
        json.WriteString("type", type);
        json.WriteNumber("sequence_number", Sequence++);
        return json;
    }

    private static void Close(Utf8JsonWriter json, IBufferWriter<byte> to)
    {
        json.WriteEndObject();
        json.Flush();
        to.Write("\n\n"u8);
    }
}

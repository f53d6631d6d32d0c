using System.Buffers;
using Gatehouse.Contracts;
using Gatehouse.Gateway.Calls;
using Gatehouse.Gateway.Resilience;
using Gatehouse.Gateway.Streaming;
using Gatehouse.Guardrails.Content;
using Gatehouse.Guardrails.Policies;

namespace Gatehouse.Gateway.Guarding;

/// <summary>A text of a request or an answer, and where it stands.</summary>
/// <param name="Place">Meaningless in a stream.</param>
internal sealed record Passage(GuardedText About, TextOrigin Origin, JsonText Place, string Text)
{
    /// <summary>The tool whose arguments these are, where a stream said so.</summary>
    public string? Tool { get; init; }
}

/// <summary>
/// The policy at work on one call: texts out of the request and the answer, and what becomes of them back into their places.
/// </summary>
internal sealed class CallGuard(GuardSession session)
{
    /// <summary>What a blocked call is refused with.</summary>
    public const string Blocked = "guard_blocked";

    /// <summary>A larger body is checked on the thread pool: about a hundred microseconds of work.</summary>
    public const int MaxInlineBytes = 4 << 10;

    /// <summary>UTF-16 units of what a user said that a person is shown.</summary>
    public const int MaxContextChars = 4_000;

    private string? _language;
    private bool _restores = true;

    public GuardSession Session => session;

    public bool GuardsOutput => session.Policy.GuardsOutput;

    /// <summary>Whether complete answers are judged by something that takes its time (<see cref="AnswerGuards"/>).</summary>
    public bool ChecksAnswers => session.Policy.ChecksAnswers;

    /// <summary>Whether a stream waits for it to the end.</summary>
    public bool HoldsStreams => session.Policy.HoldsStreams;

    /// <summary>Whether the request was checked to the end and may go on, as what the rules made of it.</summary>
    public bool HasPassed { get; set; }

    /// <summary>How often the model was asked again, with what was wrong with its answer.</summary>
    public int Corrections { get; set; }

    /// <summary>How long a stream may hold back text that might still become a finding.</summary>
    public TimeSpan HoldTime => session.Policy.Definition.HoldTime;

    /// <summary>Checks the request, and rewrites its body where the policy says so.</summary>
    /// <returns>Why the call must be refused.</returns>
    public AttemptFailure? CheckRequest(Call call)
    {
        var policy = session.Policy;
        if (!policy.GuardsInput && !policy.NeedsSystemPrompt)
        {
            return null;
        }

        List<(JsonText Place, string Text)>? edits;
        try
        {
            edits = Check(call.Body.Span, isAnswer: false);
        }
        catch (InvalidOperationException)
        {
            return Lasting(
                Problem.Malformed("A text holds half of an escaped surrogate pair, which no guard can read; send whole characters."));
        }

        if (session.IsBlocked)
        {
            return Refusal(call);
        }

        if (edits is not null)
        {
            Rewrite(call, edits);
        }

        return session.Route is { } route ? Reroute(call, route) : null;
    }

    /// <summary>Checks a whole answer in the caller's format.</summary>
    /// <param name="to">Gets the answer as the client may have it.</param>
    /// <returns>Why the client may not have it; <see langword="null"/> also when nothing was written because nothing changes.</returns>
    public AttemptFailure? CheckAnswer(Call call, ReadOnlySpan<byte> body, PooledBuffer to)
    {
        session.Restart();
        _restores = !ChecksAnswers; // what others are shown of an answer keeps its pseudonyms
        List<(JsonText Place, string Text)>? edits;
        try
        {
            edits = Check(body, isAnswer: true);
        }
        catch (InvalidOperationException)
        {
            edits = null; // half of a surrogate pair: nothing that a client could read either
        }

        if (session.IsBlocked)
        {
            return Refusal(call);
        }

        if (edits is not null)
        {
            JsonTextEdits.Write(body, edits, to);
        }

        return null;
    }

    /// <summary>A request that did not come to its provider, as it may be stored. Takes its time, and belongs to no call.</summary>
    /// <returns>Nothing when the request cannot be read, or what must be masked cannot be found.</returns>
    public static ReadOnlyMemory<byte> Mask(GuardSession masking, ReadOnlyMemory<byte> request)
    {
        using (masking)
        {
            try
            {
                var edits = new CallGuard(masking).Check(request.Span, isAnswer: false);
                if (masking.IsBlocked || masking.Log.Failure is not null)
                {
                    return default;
                }

                if (edits is null)
                {
                    return request;
                }

                using var masked = new PooledBuffer(request.Length + 256);
                JsonTextEdits.Write(request.Span, edits, masked);
                return masked.Span.ToArray();
            }
#pragma warning disable CA1031 // Whatever goes wrong: what has not been masked is not kept.
            catch (Exception)
#pragma warning restore CA1031
            {
                return default;
            }
        }
    }

    /// <summary>The texts of a request or an answer, for those who judge them together.</summary>
    public static List<Passage> Read(ReadOnlySpan<byte> json, bool isAnswer)
    {
        var passages = new List<Passage>();
        using var texts = JsonTextList.Rent();
        if (isAnswer)
        {
            JsonTexts.OfAnswer(json, texts);
        }
        else
        {
            JsonTexts.OfRequest(json, texts);
        }

        var part = 0;
        foreach (ref readonly var text in texts.Items)
        {
            var about = new GuardedText(
                isAnswer ? text.AnswerSide : text.RequestSide, part++, text.IsTrusted && !isAnswer, text.IsJson,
                isAnswer && text.IsThinking);
            passages.Add(new Passage(
                about, text.Origin, text, new string(JsonTextEdits.Decode(json, text, new char[text.Length]))));
        }

        return passages;
    }

    /// <summary>Writes an answer with what became of its texts, pseudonyms restored.</summary>
    /// <param name="changed">By the number of the text.</param>
    /// <returns>Whether anything was written; if not, the answer stays as it is.</returns>
    public bool Write(ReadOnlySpan<byte> answer, List<Passage> passages, Dictionary<int, string> changed, PooledBuffer to)
    {
        List<(JsonText Place, string Text)>? edits = null;
        foreach (var passage in passages)
        {
            var text = changed.GetValueOrDefault(passage.About.Part);
            text = passage.About.IsThinking ? text : Restored(text, passage.Text, passage.About);
            if (text is not null)
            {
                (edits ??= []).Add((passage.Place, text));
            }
        }

        if (edits is not null)
        {
            JsonTextEdits.Write(answer, edits, to);
        }

        return edits is not null;
    }

    /// <summary>Why the call is refused or its answer ended, in the words of the policy and the language of the user.</summary>
    public AttemptFailure Refusal(Call call)
    {
        if (session.BlockedBy is not { } rule)
        {
            return Lasting(new Problem("guard_failed", 503, $"{session.Log.Failure} The policy refuses what it cannot check."));
        }

        var policy = session.Policy.Definition;
        var text = MessageOf(rule, call) ?? $"The guard policy '{policy.Name}' does not allow this (rule '{rule.Name}').";
        return Lasting(new Problem(Blocked, 400, text)) with
        {
            RecordedMessage = $"Blocked by the rule '{rule.Name}' of the policy '{policy.Name}'.",
        };
    }

    /// <summary>
    /// What the caller reads when a rule refuses the call, in the user's language; <see langword="null"/> when nobody wrote anything.
    /// </summary>
    public string? MessageOf(GuardRule rule, Call call) =>
        MessageIn(rule.Messages.Count > 0 ? rule.Messages : session.Policy.Definition.Messages, call);

    /// <summary>What a user said last in a request, as far as a person needs it to understand the rest.</summary>
    public static string LastUserText(ReadOnlySpan<byte> request)
    {
        using var texts = JsonTextList.Rent();
        JsonTexts.OfRequest(request, texts);
        for (var i = texts.Items.Length - 1; i >= 0; i--)
        {
            var text = texts.Items[i];
            if (text.Origin == TextOrigin.User)
            {
                var said = JsonTextEdits.Decode(request, text, new char[text.Length]);
                return said[..Math.Min(said.Length, MaxContextChars)].ToString();
            }
        }

        return "";
    }

    public GuardReport Report() => new(
        session.Policy.Name, session.Policy.Revision, session.Log.Verdict, session.Log.Findings,
        session.InputMicros, session.OutputMicros, session.Log.Failure);

    private List<(JsonText Place, string Text)>? Check(ReadOnlySpan<byte> json, bool isAnswer)
    {
        List<(JsonText Place, string Text)>? edits = null;
        using var texts = JsonTextList.Rent();
        if (isAnswer)
        {
            JsonTexts.OfAnswer(json, texts);
        }
        else
        {
            JsonTexts.OfRequest(json, texts);
        }

        var buffer = ArrayPool<char>.Shared.Rent(1024);
        try
        {
            var part = 0;
            foreach (ref readonly var text in texts.Items)
            {
                if (buffer.Length < text.Length)
                {
                    ArrayPool<char>.Shared.Return(buffer);
                    buffer = ArrayPool<char>.Shared.Rent(text.Length);
                }

                var chars = JsonTextEdits.Decode(json, text, buffer);
                var side = isAnswer ? text.AnswerSide : text.RequestSide;
                var isThinking = isAnswer && text.IsThinking;
                var about = new GuardedText(side, part++, text.IsTrusted && !isAnswer, text.IsJson, isThinking);
                var rewritten = session.Check(chars, about);
                rewritten = isAnswer && _restores && !isThinking ? Restored(rewritten, chars, about) : rewritten;
                if (session.IsBlocked)
                {
                    return null;
                }

                if (rewritten is not null)
                {
                    (edits ??= []).Add((text, rewritten));
                }
            }

            if (!isAnswer && session.Policy.NeedsSystemPrompt)
            {
                session.KnowSystemPrompt(SystemPrompt(json, texts.Items, buffer));
            }
        }
        finally
        {
            ArrayPool<char>.Shared.Return(buffer, clearArray: true);
        }

        return edits;
    }

    private string? Restored(string? rewritten, ReadOnlySpan<char> text, in GuardedText about)
    {
        if (!session.HasPseudonyms)
        {
            return rewritten;
        }

        var restored = session.Restore(rewritten ?? text, about);
        return rewritten is null && text.SequenceEqual(restored) ? null : restored;
    }

    private static string SystemPrompt(ReadOnlySpan<byte> json, ReadOnlySpan<JsonText> texts, Span<char> buffer)
    {
        var prompt = "";
        foreach (ref readonly var text in texts)
        {
            if (text.Origin == TextOrigin.System)
            {
                prompt += $"{JsonTextEdits.Decode(json, text, buffer)}\n";
            }
        }

        return prompt;
    }

    /// <summary>Puts another request in the place of the call's.</summary>
    public static void Rewrite(Call call, List<(JsonText Place, string Text)> edits)
    {
        using var rewritten = new PooledBuffer(call.Body.Length + 256);
        JsonTextEdits.Write(call.Body.Span, edits, rewritten);
        JsonTextEdits.Replace(call.Body, rewritten);
        call.Rewritten();
    }

    public AttemptFailure? Reroute(Call call, string name)
    {
        if (!call.Table.Routes.TryFind(name, out var route))
        {
            return Lasting(new Problem("guard_route_unknown", 503,
                $"The guard policy '{session.Policy.Name}' sends this call to the route '{name}', which is not there."));
        }

        call.Route = route;
        return null;
    }

    private string? MessageIn(IReadOnlyDictionary<string, string> messages, Call call)
    {
        if (messages.Count == 0)
        {
            return null;
        }

        _language ??= LanguageOf(call.Body.Span);
        return messages.TryGetValue(_language, out var own) || messages.TryGetValue("en", out own) ? own : messages.First().Value;
    }

    /// <summary>Of the last text that a user wrote.</summary>
    private static string LanguageOf(ReadOnlySpan<byte> request)
    {
        using var texts = JsonTextList.Rent();
        JsonTexts.OfRequest(request, texts);
        for (var i = texts.Items.Length - 1; i >= 0; i--)
        {
            var text = texts.Items[i];
            if (text.Origin == TextOrigin.User)
            {
                return Languages.Of(JsonTextEdits.Decode(request, text, new char[text.Length])).Code;
            }
        }

        return "";
    }

    private static AttemptFailure Lasting(Problem problem) => new(NextStep.PassOn, problem) { IsLasting = true };
}

using System.Buffers;
using System.Collections.Frozen;
using System.Text.Json;
using Gatehouse.Contracts;
using Gatehouse.Gateway.Calls;
using Gatehouse.Gateway.Providers;
using Gatehouse.Gateway.Routing;
using Gatehouse.Gateway.Streaming;

namespace Gatehouse.Gateway.Moderations;

/// <summary>
/// OpenAI's <c>POST /v1/moderations</c>. A route of the model's name is asked, bytes passing through; where there is none, the names that
/// clients use for OpenAI's models are served by <see cref="OwnModeration"/>.
/// </summary>
internal sealed class ModerationsSurface : OperationSurface
{
    public static readonly ModerationsSurface Instance = new();

    private const string Usual = "omni-moderation-latest";

    private static readonly FrozenSet<string> OwnNames = new[]
    {
        Usual, "omni-moderation-2024-09-26", "text-moderation-latest", "text-moderation-stable", "text-moderation-007",
        "gatehouse-" + OwnModeration.Model,
    }.ToFrozenSet(StringComparer.Ordinal);

    /// <summary>The names of models that Gatehouse serves itself where no route does.</summary>
    public static IReadOnlySet<string> Own => OwnNames;

    public override string Name => "moderations";

    /// <summary>Where a provider charges after all, its answer's usage is priced.</summary>
    public override bool IsFree => true;

    public override Problem? Peek(ReadOnlySpan<byte> body, out RequestPeek peek) => OperationPeek.Read(body, out peek, needsModel: false);

    public override string ModelOf(ReadOnlySpan<byte> body, in RequestPeek peek) => IsNamed(peek) ? base.ModelOf(body, peek) : Usual;

    public override Route? OwnRoute(string model) => OwnNames.Contains(model) ? OwnModeration.Route : null;

    /// <summary>What can be told from the request alone is refused before anything is counted or asked.</summary>
    public override ValueTask<Problem?> CompleteAsync(Call call)
    {
        var input = ModerationInput.Read(call.Body.Span);
        return ValueTask.FromResult(input.HasImage && ReferenceEquals(call.Route, OwnModeration.Route)
            ? new Problem(
                "not_offered", 400,
                $"Gatehouse itself judges texts only: send no 'image_url', or configure a route '{call.Record.Route}' to a provider that judges images.") { Field = "input" }
            : null);
    }

    public override string PathAt(Attempt attempt, bool stream) =>
        attempt.Wire == WireFormat.OpenAi ? "/moderations" : throw NotOffered(attempt, "moderations");

    public override AnswerTap NewTap(WireFormat provider) => new ModerationTap();

    public override bool TryPatch(Call call, Attempt attempt, IBufferWriter<byte> to, ref List<string>? dropped)
    {
        var body = call.Body.Span;
        if (IsNamed(call.Peek))
        {
            return RequestPatch.TryWrite(
                body, call.Peek, ReferenceEquals(attempt.Model, call.Record.Route) ? null : attempt.Model, null, false, to);
        }

        to.Write(body[..call.Peek.BodyStart]);
        to.Write("\"model\":\""u8);
        to.Write(JsonEncodedText.Encode(attempt.Model).EncodedUtf8Bytes);
        to.Write("\","u8); // the input, at least, follows
        to.Write(body[call.Peek.BodyStart..]);
        return true;
    }

    private static bool IsNamed(in RequestPeek peek) => !peek.Model.Equals(default);
}

using Gatehouse.Contracts;
using Gatehouse.Gateway.Conversation;
using Gatehouse.Gateway.Routing;

namespace Gatehouse.Gateway.Calls;

/// <summary>What a request needs of a model. Read only when a target of its route lacks something.</summary>
internal static class RequestFeatures
{
    /// <returns>Nothing when the request is not in words that we read: its own provider shall judge it.</returns>
    public static ModelFeatures Of(Call call)
    {
        if (!call.Surface.HasConversation)
        {
            return ModelFeatures.None;
        }

        ChatRequest request;
        try
        {
            request = call.Request;
        }
        catch (ProblemException)
        {
            return ModelFeatures.None;
        }

        var features = request.Tools.Count > 0 ? ModelFeatures.Tools : ModelFeatures.None;
        features |= request.ResponseFormat is { Schema: not null } ? ModelFeatures.Schema : ModelFeatures.None;
        features |= request.Reasoning is { } reasoning
            && (reasoning.Mode is ReasoningMode.Enabled or ReasoningMode.Adaptive || reasoning.Effort is not (null or "none"))
            ? ModelFeatures.Reasoning : ModelFeatures.None;
        foreach (var message in request.Messages)
        {
            features |= Of(message.Parts);
        }

        return features;
    }

    private static ModelFeatures Of(IReadOnlyList<Part> parts)
    {
        var features = ModelFeatures.None;
        foreach (var part in parts)
        {
            features |= part switch
            {
                ImagePart => ModelFeatures.Images,
                FilePart { Source.MediaType: { } type } when type.StartsWith("audio/", StringComparison.OrdinalIgnoreCase) =>
                    ModelFeatures.Audio,
                FilePart { Source.MediaType: { } type } when type.StartsWith("image/", StringComparison.OrdinalIgnoreCase) =>
                    ModelFeatures.Images,
                FilePart => ModelFeatures.Files,
                // Gemini's inline data that is neither image nor file
                OpaquePart { Type: "input_audio" or "audio" or "inlineData" } => ModelFeatures.Audio,
                OpaquePart { Type: "input_image" } => ModelFeatures.Images,
                OpaquePart { Type: "input_file" or "document" } => ModelFeatures.Files,
                ToolResultPart result => Of(result.Content),
                _ => ModelFeatures.None,
            };
        }

        return features;
    }
}

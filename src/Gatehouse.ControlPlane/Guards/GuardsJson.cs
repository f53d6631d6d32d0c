using System.Text.Json.Serialization;

namespace Gatehouse.Guards;

/// <summary>JSON of this module's endpoints.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(CheckTexts.Request))]
[JsonSerializable(typeof(CheckTexts.Response), TypeInfoPropertyName = "CheckTextsResponse")]
internal sealed partial class GuardsJson : JsonSerializerContext;

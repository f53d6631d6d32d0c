using System.Text.Json.Serialization;
using Gatehouse.Api;
using Gatehouse.Contracts;
using Gatehouse.Governance;

namespace Gatehouse.Guards;

/// <summary>JSON of this module's endpoints.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, Converters = [typeof(SnakeCaseEnum<GuardVerdict>)])]
[JsonSerializable(typeof(CheckTexts.Request))]
[JsonSerializable(typeof(CheckTexts.Response), TypeInfoPropertyName = "CheckTextsResponse")]
[JsonSerializable(typeof(Listing<PolicyView>), TypeInfoPropertyName = "Policies")]
[JsonSerializable(typeof(Listing<PolicyRevision>), TypeInfoPropertyName = "PolicyRevisions")]
[JsonSerializable(typeof(Listing<GuardSample>), TypeInfoPropertyName = "GuardSamples")]
[JsonSerializable(typeof(Listing<PlugInStanding>), TypeInfoPropertyName = "PlugIns")]
[JsonSerializable(typeof(PolicyCheck))]
[JsonSerializable(typeof(CheckPolicy.Request), TypeInfoPropertyName = "CheckPolicyRequest")]
[JsonSerializable(typeof(SavePolicy.Request), TypeInfoPropertyName = "SavePolicyRequest")]
[JsonSerializable(typeof(PutPolicyInForce.Request), TypeInfoPropertyName = "PutPolicyInForceRequest")]
[JsonSerializable(typeof(DiffPolicies.Response), TypeInfoPropertyName = "DiffPoliciesResponse")]
[JsonSerializable(typeof(ReplayProgress))]
internal sealed partial class GuardsJson : JsonSerializerContext;

/// <summary>An enum as a lower-case snake_case string.</summary>
internal sealed class SnakeCaseEnum<T>()
    : JsonStringEnumConverter<T>(System.Text.Json.JsonNamingPolicy.SnakeCaseLower, allowIntegerValues: false)
    where T : struct, Enum;

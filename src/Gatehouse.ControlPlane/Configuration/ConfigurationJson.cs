using System.Text.Json.Serialization;

namespace Gatehouse.Configuration;

/// <summary>JSON of this module's endpoints.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(ConfigurationView))]
[JsonSerializable(typeof(CheckConfiguration.Request))]
[JsonSerializable(typeof(CheckConfiguration.Response), TypeInfoPropertyName = "CheckConfigurationResponse")]
[JsonSerializable(typeof(ListProviders.Response), TypeInfoPropertyName = "ListProvidersResponse")]
[JsonSerializable(typeof(ListRoutes.Response), TypeInfoPropertyName = "ListRoutesResponse")]
[JsonSerializable(typeof(RunDoctor.Response), TypeInfoPropertyName = "RunDoctorResponse")]
internal sealed partial class ConfigurationJson : JsonSerializerContext;

using System.Text.Json;
using System.Text.Json.Serialization;
using Gatehouse.Commands;
using Gatehouse.Configuration;
using Gatehouse.Contracts;
using Gatehouse.Governance;
using Gatehouse.Guardrails;
using Gatehouse.Guards;
using Gatehouse.Observability;
using Gatehouse.Output;

namespace Gatehouse.Client;

/// <summary>A page of rows as the API sends it.</summary>
internal sealed record Items<T>([property: JsonPropertyName("items")] IReadOnlyList<T> Rows);

/// <summary>JSON that the CLI reads and writes.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    Converters = [typeof(SnakeCaseEnum<SystemEnvironment>), typeof(SnakeCaseEnum<SystemStage>), typeof(SnakeCaseEnum<CallOutcome>),
        typeof(SnakeCaseEnum<CacheUse>),
        typeof(SnakeCaseEnum<SwitchKind>), typeof(SnakeCaseEnum<DataClassification>), typeof(SnakeCaseEnum<DetectionSide>),
        typeof(SnakeCaseEnum<GuardVerdict>), typeof(SnakeCaseEnum<ReviewState>), typeof(SnakeCaseEnum<ReviewLabel>),
        typeof(SnakeCaseEnum<LabelVerdict>), typeof(SnakeCaseEnum<LabelSource>),
        typeof(SnakeCaseEnum<ExceptionState>), typeof(SnakeCaseEnum<PolicySource>),
        typeof(SnakeCaseEnum<BudgetPeriod>), typeof(SnakeCaseEnum<BudgetMode>), typeof(SnakeCaseEnum<UnknownPrice>)])]
[JsonSerializable(typeof(Profile))]
[JsonSerializable(typeof(ProblemBody))]
[JsonSerializable(typeof(Failure))]
[JsonSerializable(typeof(VersionCommand.Answer), TypeInfoPropertyName = "VersionCommandAnswer")]
[JsonSerializable(typeof(SystemAddCommand.Request), TypeInfoPropertyName = "SystemAddCommandRequest")]
[JsonSerializable(typeof(KeyCreateCommand.Request), TypeInfoPropertyName = "KeyCreateCommandRequest")]
[JsonSerializable(typeof(KeyRevokeCommand.Answer), TypeInfoPropertyName = "KeyRevokeCommandAnswer")]
[JsonSerializable(typeof(BudgetCommands.Request), TypeInfoPropertyName = "BudgetCommandsRequest")]
[JsonSerializable(typeof(BudgetCommands.Change), TypeInfoPropertyName = "BudgetCommandsChange")]
[JsonSerializable(typeof(BudgetCommands.Removed), TypeInfoPropertyName = "BudgetCommandsRemoved")]
[JsonSerializable(typeof(LimitCommands.Request), TypeInfoPropertyName = "LimitCommandsRequest")]
[JsonSerializable(typeof(LimitCommands.Change), TypeInfoPropertyName = "LimitCommandsChange")]
[JsonSerializable(typeof(Items<BudgetStanding>), TypeInfoPropertyName = "Budgets")]
[JsonSerializable(typeof(BudgetStanding))]
[JsonSerializable(typeof(Items<RateLimitEntry>), TypeInfoPropertyName = "RateLimits")]
[JsonSerializable(typeof(SecretCommands.Request), TypeInfoPropertyName = "SecretCommandsRequest")]
[JsonSerializable(typeof(SecretCommands.Removed), TypeInfoPropertyName = "SecretCommandsRemoved")]
[JsonSerializable(typeof(StoredSecret))]
[JsonSerializable(typeof(Items<StoredSecret>), TypeInfoPropertyName = "StoredSecrets")]
[JsonSerializable(typeof(PricesCommands.Request), TypeInfoPropertyName = "PricesCommandsRequest")]
[JsonSerializable(typeof(PricesCommands.Reconciliation), TypeInfoPropertyName = "PricesCommandsReconciliation")]
[JsonSerializable(typeof(RepriceResult))]
[JsonSerializable(typeof(Items<DaySpending>), TypeInfoPropertyName = "Spending")]
[JsonSerializable(typeof(CallCommand.Summary))]
[JsonSerializable(typeof(Items<Team>), TypeInfoPropertyName = "Teams")]
[JsonSerializable(typeof(Items<AiSystem>), TypeInfoPropertyName = "Systems")]
[JsonSerializable(typeof(Items<ApiKey>), TypeInfoPropertyName = "Keys")]
[JsonSerializable(typeof(Items<DoctorCheck>), TypeInfoPropertyName = "DoctorChecks")]
[JsonSerializable(typeof(ConfigCheckCommand.Answer), TypeInfoPropertyName = "ConfigCheckCommandAnswer")]
[JsonSerializable(typeof(ConfigurationView))]
[JsonSerializable(typeof(Items<Switch>), TypeInfoPropertyName = "Switches")]
[JsonSerializable(typeof(SwitchCommands.Request), TypeInfoPropertyName = "SwitchCommandsRequest")]
[JsonSerializable(typeof(SystemSetPolicyCommand.Request), TypeInfoPropertyName = "SystemSetPolicyCommandRequest")]
[JsonSerializable(typeof(PolicyCommands.Listed[]), TypeInfoPropertyName = "PolicyCommandsListed")]
[JsonSerializable(typeof(PolicyTestResult[]))]
[JsonSerializable(typeof(SystemSetCommand.Request), TypeInfoPropertyName = "SystemSetCommandRequest")]
[JsonSerializable(typeof(GuardCheckCommand.Request), TypeInfoPropertyName = "GuardCheckCommandRequest")]
[JsonSerializable(typeof(GuardCheckCommand.Answer), TypeInfoPropertyName = "GuardCheckCommandAnswer")]
[JsonSerializable(typeof(Items<GuardCheckCommand.FileAnswer>), TypeInfoPropertyName = "CheckedFiles")]
[JsonSerializable(typeof(Items<Label>), TypeInfoPropertyName = "Labels")]
[JsonSerializable(typeof(Items<LabelCommands.Written>), TypeInfoPropertyName = "WrittenLabels")]
[JsonSerializable(typeof(Items<PolicyView>), TypeInfoPropertyName = "Policies")]
[JsonSerializable(typeof(PolicyView))]
[JsonSerializable(typeof(Items<PolicyRevision>), TypeInfoPropertyName = "PolicyRevisions")]
[JsonSerializable(typeof(PolicyRevision))]
[JsonSerializable(typeof(KeptPolicyCommands.SaveRequest), TypeInfoPropertyName = "KeptPolicyCommandsSaveRequest")]
[JsonSerializable(typeof(KeptPolicyCommands.ApplyRequest), TypeInfoPropertyName = "KeptPolicyCommandsApplyRequest")]
[JsonSerializable(typeof(PolicyDiffCommand.Answer), TypeInfoPropertyName = "PolicyDiffCommandAnswer")]
[JsonSerializable(typeof(ReplayProgress))]
[JsonSerializable(typeof(Items<PolicyException>), TypeInfoPropertyName = "PolicyExceptions")]
[JsonSerializable(typeof(PolicyException))]
[JsonSerializable(typeof(ExceptionCommands.NewRequest), TypeInfoPropertyName = "ExceptionCommandsNewRequest")]
[JsonSerializable(typeof(ExceptionCommands.Decision), TypeInfoPropertyName = "ExceptionCommandsDecision")]
[JsonSerializable(typeof(Items<Review>), TypeInfoPropertyName = "Reviews")]
[JsonSerializable(typeof(Review))]
[JsonSerializable(typeof(ReviewDetail))]
[JsonSerializable(typeof(ReviewCommands.Request), TypeInfoPropertyName = "ReviewCommandsRequest")]
[JsonSerializable(typeof(Items<Incident>), TypeInfoPropertyName = "Incidents")]
[JsonSerializable(typeof(Incident))]
[JsonSerializable(typeof(IncidentCommands.Request), TypeInfoPropertyName = "IncidentCommandsRequest")]
[JsonSerializable(typeof(CreatedKey))]
[JsonSerializable(typeof(CallPage))]
[JsonSerializable(typeof(CallDetail))]
internal sealed partial class ClientJson : JsonSerializerContext
{
    /// <summary>An enum in a column of a table, as the API writes it.</summary>
    public static string WordOf<T>(T value)
        where T : struct, Enum => JsonNamingPolicy.SnakeCaseLower.ConvertName(value.ToString());
}

/// <summary>An enum as a lower-case snake_case string.</summary>
internal sealed class SnakeCaseEnum<T>() : JsonStringEnumConverter<T>(JsonNamingPolicy.SnakeCaseLower, allowIntegerValues: false)
    where T : struct, Enum;

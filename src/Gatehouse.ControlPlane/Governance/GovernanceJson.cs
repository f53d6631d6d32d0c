using System.Text.Json.Serialization;
using Gatehouse.Api;
using Gatehouse.Contracts;

namespace Gatehouse.Governance;

/// <summary>JSON of this module. Names and enums are written as <see cref="ApiJson.Configure"/> says.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(Listing<Team>), TypeInfoPropertyName = "Teams")]
[JsonSerializable(typeof(Listing<AiSystem>), TypeInfoPropertyName = "Systems")]
[JsonSerializable(typeof(Listing<ApiKey>), TypeInfoPropertyName = "Keys")]
[JsonSerializable(typeof(Listing<PersonEntry>), TypeInfoPropertyName = "People")]
[JsonSerializable(typeof(Listing<AccessToken>), TypeInfoPropertyName = "Tokens")]
[JsonSerializable(typeof(Listing<AuditEntry>), TypeInfoPropertyName = "Audit")]
[JsonSerializable(typeof(Listing<Switch>), TypeInfoPropertyName = "Switches")]
[JsonSerializable(typeof(SwitchOff.Request), TypeInfoPropertyName = "SwitchOffRequest")]
[JsonSerializable(typeof(Listing<BudgetStanding>), TypeInfoPropertyName = "Budgets")]
[JsonSerializable(typeof(Listing<BudgetEvent>), TypeInfoPropertyName = "BudgetEvents")]
[JsonSerializable(typeof(Listing<RateLimitEntry>), TypeInfoPropertyName = "RateLimits")]
[JsonSerializable(typeof(CreateBudget.Request), TypeInfoPropertyName = "CreateBudgetRequest")]
[JsonSerializable(typeof(ChangeBudget.Request), TypeInfoPropertyName = "ChangeBudgetRequest")]
[JsonSerializable(typeof(CreateLimit.Request), TypeInfoPropertyName = "CreateLimitRequest")]
[JsonSerializable(typeof(ChangeLimit.Request), TypeInfoPropertyName = "ChangeLimitRequest")]
[JsonSerializable(typeof(DateTimeOffset?))]
[JsonSerializable(typeof(CreatedKey))]
[JsonSerializable(typeof(CreatedToken))]
[JsonSerializable(typeof(Invitation))]
[JsonSerializable(typeof(CreateTeam.Request), TypeInfoPropertyName = "CreateTeamRequest")]
[JsonSerializable(typeof(CreateSystem.Request), TypeInfoPropertyName = "CreateSystemRequest")]
[JsonSerializable(typeof(ChangeSystem.Request), TypeInfoPropertyName = "ChangeSystemRequest")]
[JsonSerializable(typeof(SetPolicy.Request), TypeInfoPropertyName = "SetPolicyRequest")]
[JsonSerializable(typeof(CreateKey.Request), TypeInfoPropertyName = "CreateKeyRequest")]
[JsonSerializable(typeof(InvitePerson.Request), TypeInfoPropertyName = "InvitePersonRequest")]
[JsonSerializable(typeof(SetMemberships.Request), TypeInfoPropertyName = "SetMembershipsRequest")]
[JsonSerializable(typeof(CreateToken.Request), TypeInfoPropertyName = "CreateTokenRequest")]
[JsonSerializable(typeof(StartSession.Request), TypeInfoPropertyName = "StartSessionRequest")]
[JsonSerializable(typeof(AcceptLink.Request), TypeInfoPropertyName = "AcceptLinkRequest")]
[JsonSerializable(typeof(GetSession.Answer), TypeInfoPropertyName = "GetSessionAnswer")]
[JsonSerializable(typeof(GetVersion.Answer), TypeInfoPropertyName = "GetVersionAnswer")]
[JsonSerializable(typeof(Guid?))]
[JsonSerializable(typeof(int?))]
[JsonSerializable(typeof(SystemEnvironment))]
internal sealed partial class GovernanceJson : JsonSerializerContext;

using Gatehouse.Api;
using Gatehouse.Contracts;
using Gatehouse.Gateway.Journal;
using Gatehouse.Gateway.Limits;
using Gatehouse.Gateway.Reviews;
using Gatehouse.Gateway.Routing;
using Gatehouse.Storage;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authentication.Cookies;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.DataProtection;
using Microsoft.AspNetCore.DataProtection.KeyManagement;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Json;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Gatehouse.Governance;

/// <summary>Teams, systems, keys and people; sign-in; the audit log. Everything it registers and maps: read this file first.</summary>
public static class GovernanceModule
{
    /// <summary>Needs a migrated <see cref="Database"/> and a <see cref="TimeProvider"/> among the services.</summary>
    /// <param name="dataDirectory">Exists; holds the installation's secret, unless the environment does.</param>
    /// <param name="keyRing">Folder of the key ring; <see langword="null"/>: it is kept in the database.</param>
    /// <param name="file">Where the node keeps its tables; <see langword="null"/>: nowhere.</param>
    /// <param name="kept">What it starts from; <see langword="null"/>: the database answers.</param>
    public static IServiceCollection AddGovernance(
        this IServiceCollection services, string dataDirectory, string? keyRing, TablesFile? file = null, KeptTables? kept = null)
    {
        services.AddSingleton(_ => InstallationSecret.Load(dataDirectory));
        services.AddSingleton<Secrets>();
        services.AddSingleton(new Snapshot<GovernanceTables>(kept?.Tables ?? GovernanceTables.Empty));
        services.AddSingleton(s => new TablesStanding(Get<TimeProvider>(s), kept));
        services.AddSingleton(s => new TablesKeeper(file, Get<TablesStanding>(s), Get<ILogger<TablesKeeper>>(s)));
        services.AddSingleton(s => AwayDatabaseOf(Get<Database>(s), Get<TablesStanding>(s)));
        services.AddSingleton<GovernanceChanges>();
        services.AddSingleton<GovernanceReader>();
        services.AddSingleton<GovernancePublisher>();
        services.AddSingleton<NodeAgreement>();
        services.AddSingleton<GovernanceWrites>();
        services.AddDatabaseWorker<GovernanceWorker>();
        AddBudgets(services);

        AddOperations(services, dataDirectory);
        AddKeyRing(services, keyRing, kept);
        AddSignIn(services);

        services.AddSingleton<ApiOperations>();
        services.Configure<RouteHandlerOptions>(options => options.ThrowOnBadRequest = true); // so that ProblemResponses can say why
        services.Configure<JsonOptions>(options =>
        {
            ApiJson.Configure(options.SerializerOptions);
            options.SerializerOptions.TypeInfoResolverChain.Insert(0, GovernanceJson.Default);
        });
        return services;
    }

    /// <summary>Problems as JSON, who calls, and the protection of changes. Before authorization.</summary>
    public static IApplicationBuilder UseGovernance(this IApplicationBuilder app)
    {
        app.UseMiddleware<ProblemResponses>();
        app.UseAuthentication();
        app.UseMiddleware<ApiAccess>();
        return app;
    }

    public static void MapGovernance(this IEndpointRouteBuilder app)
    {
        var api = app.MapGroup("/api");
        GetVersion.Map(api);

        GetMe.Map(api);
        GetSession.Map(api);
        StartSession.Map(api);
        EndSession.Map(api);
        AcceptLink.Map(api);

        ListTeams.Map(api);
        CreateTeam.Map(api);

        ListSystems.Map(api);
        CreateSystem.Map(api);
        GetSystem.Map(api);
        ChangeSystem.Map(api);
        SetPolicy.Map(api);

        ListKeys.Map(api);
        CreateKey.Map(api);
        RevokeKey.Map(api);

        ListPeople.Map(api);
        InvitePerson.Map(api);
        SetMemberships.Map(api);
        RemovePerson.Map(api);

        ListTokens.Map(api);
        CreateToken.Map(api);
        RevokeToken.Map(api);

        ListSwitches.Map(api);
        SwitchOff.Map(api);
        SwitchOn.Map(api);

        ListBudgets.Map(api);
        ListBudgetEvents.Map(api);
        CreateBudget.Map(api);
        ChangeBudget.Map(api);
        RemoveBudget.Map(api);

        ListLimits.Map(api);
        CreateLimit.Map(api);
        ChangeLimit.Map(api);
        RemoveLimit.Map(api);

        ListSecrets.Map(api);
        SetSecret.Map(api);
        RemoveSecret.Map(api);

        ListLabels.Map(api);
        AddLabel.Map(api);
        ExportLabels.Map(api);
        RemoveLabel.Map(api);
        ListReviews.Map(api);
        GetReview.Map(api);
        DecideReview.Map(api);

        ListExceptions.Map(api);
        RequestException.Map(api);
        DecideException.Map(api);
        RevokeException.Map(api);
        ListIncidents.Map(api);
        GetIncident.Map(api);
        CloseIncident.Map(api);

        ListAudit.Map(api);
    }

    /// <summary>Their constructors take internal parts, so each is made by hand.</summary>
    private static void AddOperations(IServiceCollection services, string dataDirectory)
    {
        services.TryAddSingleton(new GuardPolicyNames(() => ["none"])); // the host knows more
        services.TryAddSingleton(PolicyJoint.None);
        services.TryAddSingleton(new DetectorNames([]));
        services.AddSingleton(s => new GuardPolicies(Get<Database>(s), Get<GovernanceWrites>(s), Get<PolicyJoint>(s)));
        services.AddSingleton(s => new PolicyExceptions(
            Get<Database>(s), Get<Systems>(s), Get<GovernanceWrites>(s), Get<DetectorNames>(s), Get<TimeProvider>(s)));
        services.AddSingleton(s => new Teams(Get<Database>(s), Get<GovernanceWrites>(s)));
        services.AddSingleton(s => new Systems(Get<Database>(s), Get<GovernanceWrites>(s), Get<GuardPolicyNames>(s)));
        services.AddSingleton(
            s => new Keys(Get<Database>(s), Get<Systems>(s), Get<Secrets>(s), Get<GovernanceWrites>(s), Get<TimeProvider>(s)));
        services.AddSingleton(s => new People(Get<Database>(s), Get<Secrets>(s), Get<GovernanceWrites>(s)));
        services.AddSingleton(s => new AccessTokens(Get<Database>(s), Get<Secrets>(s), Get<GovernanceWrites>(s), Get<TimeProvider>(s)));
        services.AddSingleton(s => new Switches(
            Get<Database>(s), Get<Systems>(s), Get<Keys>(s), Get<GovernanceWrites>(s), Get<Snapshot<GatewayTable>>(s)));
        services.TryAddSingleton(SecretsJoint.None);
        services.AddSingleton(
            s => new StoredSecrets(Get<Database>(s), Get<InstallationSecret>(s), Get<GovernanceWrites>(s), Get<SecretsJoint>(s)));
        services.AddSingleton(
            s => new Labels(Get<Database>(s), Get<InstallationSecret>(s), Get<GovernanceWrites>(s), Get<TimeProvider>(s)));
        services.AddLateDatabaseWorker<LabelUpkeep>();
        services.AddSingleton<ReviewRows>();
        services.AddSingleton(s => new Reviews(
            Get<ReviewRows>(s), Get<ReviewDesk>(s), Get<Labels>(s), Get<GovernanceWrites>(s), Get<Snapshot<GovernanceTables>>(s)));
        services.AddDatabaseWorker<ReviewWorker>();
        services.AddSingleton(s => new Incidents(Get<Database>(s), Get<GovernanceWrites>(s)));
        services.AddHostedService<BreakerWorker>();
        services.AddSingleton<BreakerCountRows>();
        services.AddDatabaseWorker<BreakerCountWorker>();
        services.AddSingleton(s => new AuditTrail(Get<Database>(s)));
        services.AddSingleton(s => new SampleSystem(Get<Database>(s), Get<Secrets>(s), Get<GovernanceWrites>(s), dataDirectory));
        services.AddSingleton<Passwords>();
        services.AddSingleton<SignInAttempts>();
        services.AddSingleton(s => new SignIn(
            Get<Database>(s), Get<Secrets>(s), Get<Passwords>(s), Get<SignInAttempts>(s), Get<GovernanceWrites>(s), Get<TimeProvider>(s)));
    }

    /// <summary>Needs a <see cref="ReadSpending"/>, the gateway's <see cref="AllowanceBook"/> and the <see cref="CallJournal"/>.</summary>
    private static void AddBudgets(IServiceCollection services)
    {
        services.AddSingleton<BudgetMetrics>();
        services.AddSingleton<BudgetCharges>();
        services.AddSingleton<BudgetRecounts>();
        services.AddSingleton<RuleScopes>();
        services.AddSingleton<LeaseStore>();
        services.AddSingleton<JournalProgress>();
        services.AddSingleton(s => new NodeClaim(Get<JournalProgress>(s), Get<AllowanceBook>(s), TimeProvider.System));
        services.AddSingleton<LiveNodes>();
        services.AddSingleton<NodePresence>();
        services.AddSingleton<LeaseOutage>();
        services.AddSingleton<LeasedCounts>();
        services.AddSingleton<LeaseRound>();
        services.AddSingleton<LeaseWorker>();
        services.AddHostedService(Get<LeaseWorker>); // while the database is away it gives calls their share of the limits
        services.AddLateDatabaseWorker<BudgetUpkeep>();
        services.AddSingleton(s => new Budgets(
            Get<Database>(s), Get<GovernanceWrites>(s), Get<RuleScopes>(s), Get<BudgetRecounts>(s), Get<TimeProvider>(s)));
        services.AddSingleton(s => new RateLimits(Get<Database>(s), Get<GovernanceWrites>(s), Get<RuleScopes>(s)));
        services.AddSingleton(s => new BudgetDoor(
            Get<BudgetCharges>(s), Get<JournalProgress>(s), Get<NodeClaim>(s), Get<BudgetRecounts>(s), Get<GovernanceWrites>(s)));
    }

    /// <summary>The keys of cookies and form tokens, shared by all nodes and encrypted under the installation's secret.</summary>
    private static void AddKeyRing(IServiceCollection services, string? folder, KeptTables? kept)
    {
        if (folder is null)
        {
            services.AddSingleton(s => new KeyRingStore(Get<Database>(s), kept?.RingKeys ?? [], Get<TimeProvider>(s)));
            services.AddDatabaseWorker<KeyRingWorker>(); // before Data Protection's own, which looks at the ring at the start
        }

        var protection = services.AddDataProtection().SetApplicationName("gatehouse");
        if (folder is not null)
        {
            protection.PersistKeysToFileSystem(Directory.CreateDirectory(folder));
        }

        services.AddSingleton<IConfigureOptions<KeyManagementOptions>>(s => new ConfigureOptions<KeyManagementOptions>(options =>
        {
            options.XmlEncryptor = new KeyRingEncryptor(Get<InstallationSecret>(s));
            if (folder is null)
            {
                options.XmlRepository = Get<KeyRingStore>(s);
                options.AutoGenerateKeys = false; // it would while a request waits
            }
        }));
    }

    private static void AddSignIn(IServiceCollection services)
    {
        services.AddAntiforgery(options =>
        {
            options.HeaderName = ApiAccess.TokenHeader;
            options.Cookie.SecurePolicy = CookieSecurePolicy.SameAsRequest;
        });

        const string either = "gatehouse_either";
        services.AddAuthentication(either)
            .AddPolicyScheme(either, null, options =>
            {
                options.ForwardDefaultSelector = http => TokenHandler.Presented(http.Request) is null
                    ? SignIn.CookieScheme
                    : TokenHandler.SchemeName;
                options.ForwardChallenge = SignIn.CookieScheme;
                options.ForwardForbid = SignIn.CookieScheme;
            })
            .AddScheme<AuthenticationSchemeOptions, TokenHandler>(TokenHandler.SchemeName, null)
            .AddCookie(SignIn.CookieScheme, Configure);
    }

    private static void Configure(CookieAuthenticationOptions options)
    {
        options.Cookie.Name = SignIn.CookieScheme;
        options.Cookie.HttpOnly = true;
        options.Cookie.SameSite = SameSiteMode.Lax; // Strict would sign people out of every link that they follow from elsewhere
        options.Cookie.SecurePolicy = CookieSecurePolicy.SameAsRequest;
        options.ExpireTimeSpan = TimeSpan.FromHours(12);
        options.SlidingExpiration = true;
        options.LoginPath = "/sign-in";
        options.LogoutPath = "/sign-out";
        options.ReturnUrlParameter = "return";
        options.Events.OnValidatePrincipal = context =>
        {
            var tables = context.HttpContext.RequestServices.GetRequiredService<Snapshot<GovernanceTables>>().Current;
            var now = context.HttpContext.RequestServices.GetRequiredService<TimeProvider>().GetUtcNow();
            if (PersonClaims.Find(context.Principal, tables) is null || SignIn.IsOver(context.Properties, now))
            {
                context.RejectPrincipal();
            }

            return Task.CompletedTask;
        };
    }

    private static AwayDatabase AwayDatabaseOf(Database db, TablesStanding standing) =>
        new(() => standing.IsAway ? standing.ConfirmedAt : null, () => db.IsHeldBack);

    private static T Get<T>(IServiceProvider services)
        where T : notnull => services.GetRequiredService<T>();
}

using Gatehouse.Configuration;
using Gatehouse.Contracts;

namespace Gatehouse.Console.Shared;

/// <summary>The five states of anything; each has a colour and a shape.</summary>
public enum Status
{
    Ok,
    Notice,
    Warning,
    Failing,
    Unknown,
}

/// <summary>How a call's end reads as a state.</summary>
internal static class Statuses
{
    public static Status Of(CallOutcome outcome) => outcome switch
    {
        CallOutcome.Ok => Status.Ok,
        CallOutcome.Refused => Status.Warning,
        CallOutcome.Failed => Status.Failing,
        _ => Status.Notice,
    };

    public static Status Of(SystemStage stage) => stage switch
    {
        SystemStage.Live => Status.Ok,
        SystemStage.Building => Status.Notice,
        _ => Status.Unknown,
    };

    public static Status Of(DoctorState state) => state switch
    {
        DoctorState.Ok => Status.Ok,
        DoctorState.Notice => Status.Notice,
        DoctorState.Warning => Status.Warning,
        _ => Status.Failing,
    };

    /// <summary>The state of something by the share of its calls that failed: 1 % is a warning, 10 % is failing.</summary>
    public static Status OfFailures(long failed, long calls) => calls == 0 ? Status.Unknown
        : failed * 10 >= calls ? Status.Failing
        : failed * 100 >= calls ? Status.Warning
        : Status.Ok;
}

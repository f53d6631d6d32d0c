using System.Text.Json;
using System.Text.Json.Serialization;

namespace Gatehouse.Configuration;

/// <summary>What a check of the doctor found.</summary>
[JsonConverter(typeof(SnakeCaseDoctorState))]
public enum DoctorState
{
    Ok,

    /// <summary>Worth knowing; nothing to do.</summary>
    Notice,

    /// <summary>Works now, and will not for long or not in full.</summary>
    Warning,

    /// <summary>Does not work.</summary>
    Failing,
}

/// <summary>One check of the doctor.</summary>
/// <param name="Name">Such as <c>configuration</c>, <c>provider openai</c>, <c>database</c>, <c>disk</c>, <c>clock</c>.</param>
/// <param name="Mend">How to mend it; <see langword="null"/> when nothing is to be done.</param>
public sealed record DoctorCheck(string Name, DoctorState State, string Message, string? Mend = null);

/// <summary><see cref="DoctorState"/> in lower case, in every context that reads or writes it.</summary>
public sealed class SnakeCaseDoctorState() : JsonStringEnumConverter<DoctorState>(JsonNamingPolicy.SnakeCaseLower);

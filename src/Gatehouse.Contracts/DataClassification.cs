namespace Gatehouse.Contracts;

/// <summary>How sensitive the data of a system is, from least to most; a provider states the most that it may receive.</summary>
public enum DataClassification
{
    Public,
    Internal,
    Confidential,
    Restricted,
}

namespace Gatehouse.Gateway.Journal;

/// <summary>The disk has no room for the record: the call must not be made, because nobody could account for it.</summary>
public sealed class JournalFullException(string message, Exception? inner = null) : IOException(message, inner);

/// <summary>The directory is in use by another process.</summary>
public sealed class JournalLockedException(string message, Exception? inner = null) : IOException(message, inner);

/// <summary>A newer release wrote what this one cannot read.</summary>
public sealed class JournalVersionException(string message) : Exception(message);

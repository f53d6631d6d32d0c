using System.Net.Sockets;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Gatehouse.Gateway.Polling;

/// <summary>The system calls of Linux that polling needs, with its numbers, which are the same on every processor .NET runs on.</summary>
internal static unsafe partial class Libc
{
    public const int Interrupted = 4;
    public const int BadDescriptor = 9;
    public const int WouldBlock = 11;
    public const int OutOfMemory = 12;
    public const int Invalid = 22;
    public const int TooManyFiles = 23;
    public const int TooManyFilesOfOurs = 24;
    public const int ConnectionAborted = 103;
    public const int NoBuffers = 105;
    public const int InProgress = 115;

    public const uint In = 0x1;
    public const uint Out = 0x4;
    public const uint Error = 0x8;
    public const uint HungUp = 0x10;
    public const uint PeerClosed = 0x2000;
    public const uint EdgeTriggered = 1u << 31;

    public const int Add = 1;
    public const int CloseOnExec = 0x80000;
    public const int NonBlocking = 0x800;
    public const int Stream = 1;
    public const int Ipv4 = 2;
    public const int Ipv6 = 10;
    public const int Tcp = 6;
    public const int NoDelay = 1;
    public const int SocketLevel = 1;
    public const int PendingError = 4;
    public const int Linger = 13;
    public const int AttachFilter = 26;
    public const int Peek = 2;
    public const int NoSignal = 0x4000;
    public const int BothWays = 2;
    public const uint UnreadBytes = 0x541B; // FIONREAD

    /// <summary>The last call's error, in the words of the platform.</summary>
    public static SocketException Failure(int error) => new((int)(error switch
    {
        TooManyFiles or TooManyFilesOfOurs => SocketError.TooManyOpenSockets,
        NoBuffers or OutOfMemory => SocketError.NoBufferSpaceAvailable,
        101 => SocketError.NetworkUnreachable,
        110 => SocketError.TimedOut,
        111 => SocketError.ConnectionRefused,
        113 => SocketError.HostUnreachable,
        _ => SocketError.SocketError,
    }));

    [LibraryImport("libc", EntryPoint = "epoll_create1", SetLastError = true)]
    public static partial int CreatePoll(int flags);

    [LibraryImport("libc", EntryPoint = "epoll_ctl", SetLastError = true)]
    public static partial int ControlPoll(int poll, int operation, SafeHandle socket, byte* wanted);

    [LibraryImport("libc", EntryPoint = "epoll_wait", SetLastError = true)]
    public static partial int WaitForEvents(int poll, byte* events, int most, int milliseconds);

    [LibraryImport("libc", EntryPoint = "socket", SetLastError = true)]
    public static partial int CreateSocket(int family, int type, int protocol);

    [LibraryImport("libc", EntryPoint = "connect", SetLastError = true)]
    public static partial int Connect(SafeHandle socket, byte* address, int addressBytes);

    [LibraryImport("libc", EntryPoint = "accept4", SetLastError = true)]
    public static partial int Accept(SafeHandle listener, byte* address, int* addressBytes, int flags);

    [LibraryImport("libc", EntryPoint = "recv", SetLastError = true)]
    public static partial nint Receive(SafeHandle socket, byte* into, nint most, int flags);

    [LibraryImport("libc", EntryPoint = "send", SetLastError = true)]
    public static partial nint Send(SafeHandle socket, byte* from, nint length, int flags);

    [LibraryImport("libc", EntryPoint = "sendmsg", SetLastError = true)]
    public static partial nint SendPieces(SafeHandle socket, MessageHead* message, int flags);

    [LibraryImport("libc", EntryPoint = "shutdown", SetLastError = true)]
    public static partial int ShutDown(SafeHandle socket, int how);

    [LibraryImport("libc", EntryPoint = "setsockopt", SetLastError = true)]
    public static partial int SetOption(SafeHandle socket, int level, int option, void* value, int valueBytes);

    [LibraryImport("libc", EntryPoint = "getsockopt", SetLastError = true)]
    public static partial int GetOption(SafeHandle socket, int level, int option, int* value, int* valueBytes);

    [LibraryImport("libc", EntryPoint = "ioctl", SetLastError = true)]
    public static partial int Control(SafeHandle socket, nuint request, int* value);

    [LibraryImport("libc", EntryPoint = "fcntl", SetLastError = true)]
    public static partial int Duplicate(SafeHandle descriptor, int command, nint least);

    [LibraryImport("libc", EntryPoint = "getrlimit", SetLastError = true)]
    public static partial int GetLimit(int resource, ulong* limits);

    [LibraryImport("libc", EntryPoint = "close")]
    public static partial int Close(nint descriptor);

    /// <summary>
    /// Asks the scheduler for turns of this length, in nanoseconds, for the calling thread: shorter turns come sooner. Its policy and its
    /// niceness stay; a kernel before 6.12 takes no notice, and one that refuses changes nothing.
    /// </summary>
    public static void PreferTurns(ulong nanoseconds)
    {
        var (get, set) = RuntimeInformation.ProcessArchitecture switch
        {
            Architecture.X64 => (315, 314),
            Architecture.Arm64 => (275, 274),
            _ => default,
        };
        var scheduling = default(Scheduling);
        if (get != 0 && Scheduler(get, 0, &scheduling, (nuint)sizeof(Scheduling), 0) == 0 && scheduling.Policy == 0)
        {
            scheduling.Turn = nanoseconds;
            _ = Scheduler(set, 0, &scheduling, 0, 0);
        }
    }

    [LibraryImport("libc", EntryPoint = "syscall")]
    private static partial nint Scheduler(nint number, nint thread, Scheduling* scheduling, nuint size, nuint flags);

    /// <summary><c>struct sched_attr</c>, as its first version.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct Scheduling
    {
        public uint Size;
        public uint Policy; // 0: the ordinary one
        public ulong Flags;
        public int Niceness;
        public uint Priority;
        public ulong Turn;
        public ulong Deadline;
        public ulong Period;
    }

    /// <summary><c>struct sock_fprog</c>: what decides which packets a socket sees.</summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct Filter
    {
        public ushort Count;
        public FilterStep* Steps;
    }

    /// <summary><c>struct sock_filter</c>, an instruction of classic BPF.</summary>
    [StructLayout(LayoutKind.Sequential)]
    public readonly struct FilterStep(ushort code, byte ifTrue, byte ifFalse, uint value)
    {
        public readonly ushort Code = code;
        public readonly byte IfTrue = ifTrue;
        public readonly byte IfFalse = ifFalse;
        public readonly uint Value = value;
    }

    /// <summary><c>struct iovec</c>.</summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct Piece
    {
        public byte* Start;
        public nint Length;
    }

    /// <summary><c>struct msghdr</c>.</summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct MessageHead
    {
        public void* Name;
        public int NameBytes;
        public Piece* Pieces;
        public nint Count;
        public void* Control;
        public nint ControlBytes;
        public int Flags;
    }
}

/// <summary>A socket's descriptor, which the kernel may not give to another while a system call uses it.</summary>
internal sealed class SocketHandle : SafeHandleMinusOneIsInvalid
{
    public SocketHandle(int descriptor)
        : base(ownsHandle: true)
    {
        SetHandle(descriptor);
    }

    protected override bool ReleaseHandle() => Libc.Close(handle) == 0;
}

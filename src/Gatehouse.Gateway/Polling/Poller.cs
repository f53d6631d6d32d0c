using System.Globalization;
using System.Net.Sockets;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Gatehouse.Gateway.Polling;

/// <summary>
/// A thread that waits for the sockets given to it, by <c>epoll</c>, and runs what waited for them.
/// <list type="number">
/// <item>A socket is registered once, edge-triggered, for all that may happen to it: its own state says who waits.</item>
/// <item>What runs here must never block.</item>
/// <item>A turn has three parts: all that has come is received, then whoever waited for it runs, then what they send is sent. What is
/// alike is done in a row, while its code and tables are in the processor's caches, and whoever is woken finds several things to do.</item>
/// <item>An event of a socket that was closed meanwhile finds its place empty or taken by another generation, and is dropped.</item>
/// </list>
/// </summary>
internal sealed unsafe class Poller
{
    /// <summary>Of a turn: nobody's answer waits for more than those of so many others.</summary>
    private const int MaxEvents = 64;

    /// <summary>The least that Linux takes. What waits here waits for moments, and what others do at length may wait for it.</summary>
    private const ulong TurnNanoseconds = 100_000;

    private static readonly int EventBytes = RuntimeInformation.ProcessArchitecture == Architecture.X64 ? 12 : 16; // packed on x86 alone
    private static readonly int DataOffset = EventBytes - 8;

    [ThreadStatic]
    private static Poller? t_current;

    private readonly int _poll;
    private readonly Lock _lock = new(); // places; taken when a connection comes or goes
    private readonly Stack<int> _free = [];
    private readonly Queue<PolledSocket> _turns = []; // of sockets that gave way to others; this thread's
    private readonly List<Wait> _toRun = [];
    private readonly List<ISender> _toSend = [];
    private volatile PolledSocket?[] _places = new PolledSocket?[64];
    private int _used;
    private uint _generation;

    /// <exception cref="SocketException">The kernel refuses.</exception>
    public Poller(int number)
    {
        _poll = Libc.CreatePoll(Libc.CloseOnExec);
        if (_poll < 0)
        {
            throw Libc.Failure(Marshal.GetLastPInvokeError());
        }

        new Thread(Run)
        {
            IsBackground = true,
            Name = string.Create(CultureInfo.InvariantCulture, $"polling {number}"),
        }.UnsafeStart();
    }

    /// <summary>The one whose thread this is.</summary>
    public static Poller? Current => t_current;

    /// <summary>Begins to watch a socket. What it is ready for already shows as an event at once.</summary>
    /// <exception cref="SocketException">The kernel refuses.</exception>
    public void Watch(PolledSocket socket)
    {
        ulong token;
        lock (_lock)
        {
            if (!_free.TryPop(out var place))
            {
                place = _used++;
                if (place == _places.Length)
                {
                    var places = new PolledSocket?[place * 2];
                    _places.CopyTo(places, 0);
                    _places = places;
                }
            }

            token = (ulong)++_generation << 32 | (uint)place;
            socket.Token = token;
            Volatile.Write(ref _places[place], socket);
        }

        var wanted = stackalloc byte[16];
        Unsafe.WriteUnaligned(wanted, Libc.In | Libc.Out | Libc.PeerClosed | Libc.EdgeTriggered);
        Unsafe.WriteUnaligned(wanted + DataOffset, token);
        if (Libc.ControlPoll(_poll, Libc.Add, socket.Handle, wanted) != 0)
        {
            var error = Marshal.GetLastPInvokeError();
            Forget(socket);
            throw Libc.Failure(error);
        }
    }

    /// <summary>Before the socket's handle is disposed; the kernel forgets it then by itself. A second time it does nothing.</summary>
    public void Forget(PolledSocket socket)
    {
        lock (_lock)
        {
            if (socket.Token == 0)
            {
                return; // never watched, or forgotten already
            }

            var place = (int)(uint)socket.Token;
            socket.Token = 0;
            Volatile.Write(ref _places[place], null);
            _free.Push(place);
        }
    }

    /// <summary>Lets the other sockets have their turn. To be called on this thread.</summary>
    public void GiveWay(PolledSocket socket) => _turns.Enqueue(socket);

    /// <summary>It has the answer of the kernel, and runs in the second part of the turn. To be called on this thread.</summary>
    public void RunLater(Wait wait) => _toRun.Add(wait);

    /// <summary>It is asked in the third part of the turn. To be called on this thread.</summary>
    public void SendLater(ISender sender) => _toSend.Add(sender);

    private void Run()
    {
        t_current = this;
        Libc.PreferTurns(TurnNanoseconds);
        var events = stackalloc byte[MaxEvents * EventBytes];
        while (true)
        {
            var count = Libc.WaitForEvents(_poll, events, MaxEvents, _turns.Count > 0 || _toSend.Count > 0 ? 0 : -1);
            for (var i = 0; i < count; i++)
            {
                var at = events + (i * EventBytes);
                var token = Unsafe.ReadUnaligned<ulong>(at + DataOffset);
                var socket = Volatile.Read(ref _places[(int)(uint)token]);
                if (socket is not null && socket.Token == token)
                {
                    socket.Happened(Unsafe.ReadUnaligned<uint>(at));
                }
            }

            for (var left = _turns.Count; left > 0; left--)
            {
                _turns.Dequeue().Happened(Libc.In);
            }

            RunAll();
            foreach (var sender in _toSend)
            {
                sender.GoOn();
            }

            _toSend.Clear();
            RunAll(); // what they send is for the next turn
        }
    }

    private void RunAll()
    {
        foreach (var wait in _toRun)
        {
            wait.Finish();
        }

        _toRun.Clear();
    }
}

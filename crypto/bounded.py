"""A process with bounds, for code that a hostile file may crash, fill or stop.

    run(function, *arguments, seconds=…)     → Message    one call, in a process of its own
    BoundedProcess(target, *arguments)       → a process that stays and is spoken to:
        .send(message), .receive(seconds)    → Message
        .send_meanwhile(message)               the same, for who does not wait
        .receive_working(seconds, clock)     → Message, bound by the processor's time

The process is a fresh interpreter ("spawn"). It has bounds on memory, leaves no core file, writes
nothing to the terminal, hears no Ctrl+C, and ends with whoever started it. On Linux these are
resource limits, a process group and a pipe that signals its end; on Windows a Job Object.

What it answers is a :class:`Message`: a JSON object and parts of bytes, each with its length.
Nothing of it is unpickled: what has read a hostile file is believed no more than the file. What it
is told may be any object that pickles. A process that dies, takes too long, runs out of memory or
answers with something else is ended and never spoken to again (:class:`BoundedError`).

One module, though long: both ends of one pipe are read together.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import json
import os
import signal
import sys
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from multiprocessing import connection, get_context, parent_process
from multiprocessing.connection import Connection
from multiprocessing.context import get_spawning_popen
from types import TracebackType
from typing import Any, Self

from crypto import windows_process
from crypto.frozen import frozen

if sys.platform == "win32":
    from multiprocessing.connection import PipeConnection
else:
    import fcntl
    import resource
    from multiprocessing import resource_tracker

MEMORY = 2 << 30
"""Bytes that one such process may use (address space on Linux, committed memory on Windows)."""
ANSWER = 64 << 20
"""Bytes of one message; JSON of that size takes some twenty times as much memory to read."""
SEND_SECONDS = 10.0
"""For a message to the process; an honest one reads it at once."""
LAST = 19
"""Nice value of a process that gives way."""
STEP = 3
"""Added to the nice value, two processes on two processors leave one to who has started them."""
_MAX_PARTS = 10_000
_HEAD = 4 << 10
"""Bytes of the frame that says how long the others are, besides 24 for each part."""
_OUT_OF_MEMORY = 77
"""Exit code of a process whose Python code ran out of memory."""
START_SECONDS = 120.0
"""Until it has read what it is to do; on a busy machine an interpreter takes its time."""
_LOOK_UP = 0.5
"""Seconds after which the processor's time of a process that works is asked for again."""
_LAST_SECONDS = 2.0
"""For a process that has closed its end of the pipe: until its exit code tells why."""
_FAILED = "bounded.failed"
"""In the head of a message: its code has raised an error; the text of it."""
_FAILURE = 300
"""Characters of an error's text that are passed on."""
_COLLECT_AFTER = 100_000
"""Objects after which Python looks for garbage there, as in the program itself."""


class BoundedError(Exception):
    """There is no answer; the process has been ended."""


class ProcessDied(BoundedError):
    """It crashed, or ended without an answer."""


class ProcessTimedOut(BoundedError):
    """It took longer than it may."""


class ProcessHeldUp(ProcessTimedOut):
    """It was at work all the time that it had by the clock, and got little of the processor: the
    machine was busy, and another time it may be done."""


class ProcessOutOfMemory(BoundedError):
    """It needed more memory than it may have."""


class ProcessFailed(BoundedError):
    """Its code raised an error, which the text names, or answered with something malformed."""


@frozen
class Message:
    """An answer."""

    head: dict[str, Any]
    """As it came in JSON: who reads it checks every value."""
    parts: tuple[bytes, ...] = ()


def run(
    function: Callable[..., Message],
    *arguments: object,
    seconds: float,
    memory: int = MEMORY,
    answer: int = ANSWER,
    gives_way: bool = False,
) -> Message:
    """What *function*, of a module, gives for *arguments*, in a process of its own.

    Raises :class:`BoundedError`: what *function* raises becomes :class:`ProcessFailed`."""
    with BoundedProcess(
        _once, function, *arguments, memory=memory, answer=answer, gives_way=gives_way
    ) as process:
        return process.receive(seconds)


class BoundedProcess:
    """A process that stays: *target* is called there with a :class:`Channel` and *arguments*.

    A context manager that ends it. One thread at a time may speak and one may listen; any may end
    it. *answer* is the most bytes of one message from it. *gives_way*: whoever else wants the
    processor comes first, from its first instruction: to load what it needs costs most."""

    def __init__(
        self,
        target: Callable[..., None],
        *arguments: object,
        memory: int = MEMORY,
        answer: int = ANSWER,
        name: str = "sealdesk-bounded",
        gives_way: bool = False,
    ) -> None:
        context = get_context("spawn")
        self._connection, other = context.Pipe()
        self._answer = answer
        self._lock = threading.Lock()
        self._speaking = threading.Lock()
        self._ended = False
        self._process = context.Process(target=_main, args=(_OtherEnd(other), memory), name=name)
        try:
            with _deaf_to_interrupts():
                _want_no_tracker()
                self._process.start()
        finally:
            other.close()
        self.pid = self._process.pid or 0
        if gives_way:
            self._give_way(LAST)
        _LIVING.add(self)
        self._job: object = None
        try:
            self._job = windows_process.bound(self._process.sentinel, memory)
        except OSError as error:
            self.end()
            raise ProcessDied("it cannot be bounded") from error
        self._order(target, arguments)

    def step_back(self) -> None:
        """Who has started it comes first, for a while: on Windows, whose order is strict, nobody
        does."""
        if sys.platform != "win32":
            self._give_way(min(os.getpriority(os.PRIO_PROCESS, 0) + STEP, LAST))

    def _give_way(self, nice: int) -> None:
        """Before it has a second thread: on Linux the others inherit it."""
        with contextlib.suppress(OSError):  # it may have ended already
            if sys.platform == "win32":
                windows_process.give_way(self._process.sentinel)
            else:
                os.setpriority(os.PRIO_PROCESS, self.pid, nice)

    def _order(self, target: Callable[..., None], arguments: tuple[object, ...]) -> None:
        """What it is to do, once its bounds are set."""
        with self._killed_after(START_SECONDS) as late:
            try:
                self._connection.send((target, arguments))
            except OSError as error:
                raise self._ended_early(late) from error
            except BaseException:
                self.end()
                raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.end()

    @property
    def connection(self) -> Any:
        """To be waited for (:func:`multiprocessing.connection.wait`), never to be read."""
        return self._connection

    @property
    def ended(self) -> bool:
        return self._ended

    def processor_seconds(self) -> float | None:
        """Of the processor, that it has used; None where the system does not tell."""
        try:
            if sys.platform == "win32":
                return windows_process.processor_seconds(self._process.sentinel)
            else:  # for Windows, mypy finds what follows a return unreachable
                with open(f"/proc/{self.pid}/stat", encoding="latin-1") as told:
                    fields = told.read().rpartition(")")[2].split()
                return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
        except (OSError, ValueError):  # gone, let go of, or no Linux
            return None

    def waiting(self, seconds: float = 0.0) -> bool:
        """Is there something to receive within *seconds*, be it only the news of its end?"""
        try:
            return self._connection.poll(seconds)
        except OSError:
            return True

    def send(self, message: object, seconds: float = SEND_SECONDS) -> None:
        """Tell it something. What it has said before can be received even if this fails.

        Raises :class:`BoundedError`."""
        with self._speaking, self._killed_after(seconds) as late:
            try:
                self._connection.send(message)
            except (OSError, ValueError, TypeError) as error:
                self.kill()
                if late.is_set():
                    raise ProcessTimedOut("it does not listen") from error
                raise ProcessDied("it is not there any more") from error

    def send_meanwhile(self, message: object, seconds: float = START_SECONDS) -> None:
        """As :meth:`send`, by a thread: it may be loading still. What goes wrong is learned by who
        listens."""

        def speak() -> None:
            with contextlib.suppress(BoundedError):
                self.send(message, seconds)

        threading.Thread(target=speak, name="sealdesk-send", daemon=True).start()

    def receive(self, seconds: float | None) -> Message:
        """Its next message, whole within *seconds* (None: whenever it comes).

        Raises :class:`BoundedError`."""
        with self._killed_after(seconds) as late:
            try:
                said = self._message()
            except (ValueError, RecursionError) as error:
                self.end()
                raise ProcessFailed("a malformed answer") from error
            except (OSError, EOFError, TypeError) as error:  # TypeError: closed by another thread
                raise self._ended_early(late) from error
        if _FAILED in said.head:
            self.end()
            raise ProcessFailed(str(said.head[_FAILED])[:_FAILURE])
        return said

    def receive_working(self, seconds: float, clock: float) -> Message:
        """Its next message, before it has used *seconds* of the processor or has stood still for as
        long, and begun within *clock* seconds by the clock.

        Raises :class:`BoundedError`; :class:`ProcessHeldUp` where a process that was at work had
        too little of the processor in *clock* seconds. Where the system does not tell its time,
        the clock is what counts."""
        moved = time.monotonic()
        until = moved + clock
        before = used = self.processor_seconds() or 0.0
        while (now := time.monotonic()) < until:
            if self.waiting(min(_LOOK_UP, until - now)):
                return self.receive(max(seconds, clock))
            told, now = self.processor_seconds(), time.monotonic()
            if told is not None and told > used:
                used, moved = told, now
            if used - before >= seconds or now - moved >= seconds:
                self.end()
                raise ProcessTimedOut("it took too long")
        self.end()
        raise ProcessHeldUp("it had too little of the processor")

    def _ended_early(self, late: threading.Event) -> BoundedError:
        """Why it speaks and listens no more; it is let go of."""
        code = self._finish(_LAST_SECONDS)
        if late.is_set():
            return ProcessTimedOut("it took too long")
        if code == _OUT_OF_MEMORY:
            return ProcessOutOfMemory("it ran out of memory")
        return ProcessDied(f"it ended with exit code {code}")

    def _message(self) -> Message:
        sizes = json.loads(self._connection.recv_bytes(_HEAD + 24 * _MAX_PARTS))
        if not _are_sizes(sizes) or sum(sizes) > self._answer:
            raise ValueError("lengths of a message that cannot be")
        head, *parts = [self._part(size) for size in sizes]
        said = json.loads(head, parse_constant=_refuse)
        if not isinstance(said, dict):
            raise ValueError("not an object")
        return Message(said, tuple(parts))

    def _part(self, size: int) -> bytes:
        part = self._connection.recv_bytes(size)
        if len(part) != size:
            raise ValueError("a part of another length")
        return part

    @contextlib.contextmanager
    def _killed_after(self, seconds: float | None) -> Iterator[threading.Event]:
        """It is killed if this is not left within *seconds*; then the event is set."""
        late = threading.Event()

        def kill() -> None:
            late.set()
            self.kill()

        timer = None if seconds is None else threading.Timer(max(0.0, seconds), kill)
        if timer is not None:
            timer.daemon = True
            timer.start()
        try:
            yield late
        finally:
            if timer is not None:
                timer.cancel()

    def end(self) -> None:
        """Kill it, if it still lives, and let go of it."""
        self._finish(0.0)

    def _finish(self, grace: float) -> int | None:
        """End it, after *grace* seconds in which it may do so by itself; its exit code, None if it
        was let go of before."""
        with self._lock:
            if self._ended:
                return None
            self._ended = True
            _LIVING.discard(self)
            if not connection.wait([self._process.sentinel], grace):
                self._kill_now()
            self._process.join()
            code = self._process.exitcode
            self._process.close()
            self._connection.close()
            self._job = None
            return code

    def kill(self) -> None:
        """Kill it; whoever speaks or listens to it gets the news."""
        with self._lock:
            if not self._ended:
                self._kill_now()

    def _kill_now(self) -> None:
        if sys.platform != "win32":
            with contextlib.suppress(OSError):  # it may not have its own group yet
                os.killpg(self.pid, signal.SIGKILL)
        self._process.kill()


_LIVING: weakref.WeakSet[BoundedProcess] = weakref.WeakSet()


@atexit.register
def _end_all() -> None:
    """Before multiprocessing waits for them."""
    for process in list(_LIVING):
        process.end()


def _are_sizes(said: object) -> bool:
    return (
        isinstance(said, list)
        and 1 <= len(said) <= 1 + _MAX_PARTS
        and all(type(size) is int and size >= 0 for size in said)
    )


def _refuse(word: str) -> None:
    raise ValueError(f"{word} is no JSON")


def _want_no_tracker() -> None:
    """multiprocessing starts another interpreter with the first process, which removes shared
    semaphores and memory that a crash left behind. Nobody here has any; what it would be told goes
    nowhere."""
    if sys.platform != "win32":
        tracker: Any = resource_tracker._resource_tracker
        if tracker._fd is None:
            tracker._fd = os.open(os.devnull, os.O_WRONLY)


class _OtherEnd:
    """The process's end of the pipe, on its way there.

    On Windows multiprocessing leaves a copy of it in the starter for the process to fetch. One that
    is ended before would leave the pipe open, and whoever reads it waiting for ever; so the copy is
    made in the process at once."""

    def __init__(self, pipe: Any) -> None:
        self._pipe = pipe

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        starting = get_spawning_popen()
        if sys.platform == "win32" and starting is not None:
            return PipeConnection, (starting.duplicate_for_child(self._pipe.fileno()),)
        return _as_it_came, (self._pipe,)


def _as_it_came(pipe: Connection) -> Connection:
    return pipe


@contextlib.contextmanager
def _deaf_to_interrupts() -> Iterator[None]:
    """What is started here inherits that Ctrl+C is not meant for it."""
    if sys.platform == "win32":
        windows_process.ignore_interrupts(True)
        try:
            yield
        finally:
            windows_process.ignore_interrupts(parent_process() is not None)
    else:  # one that comes meanwhile waits, and is not lost
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            yield
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)


# --- inside the process --------------------------------------------------------------------------


class Channel:
    """The process's side of the pipe."""

    def __init__(self, pipe: Connection) -> None:
        self.pipe = pipe

    def receive(self) -> Any:
        """What it is told next. Raises EOFError once nobody is there any more."""
        try:
            return self.pipe.recv()
        except OSError as error:
            raise EOFError from error

    def waiting(self) -> bool:
        """Is there something to receive?"""
        return self.pipe.poll()

    def send(self, head: dict[str, Any], *parts: bytes) -> None:
        """Answer."""
        text = json.dumps(head).encode()
        sizes = [len(text), *map(len, parts)]
        for part in (json.dumps(sizes).encode(), text, *parts):
            self.pipe.send_bytes(part)


def _once(channel: Channel, function: Callable[..., Message], *arguments: object) -> None:
    answer = function(*arguments)
    channel.send(answer.head, *answer.parts)


def _main(pipe: Connection, memory: int) -> None:
    gc.set_threshold(_COLLECT_AFTER)
    try:
        _confine(memory)
        target, arguments = pipe.recv()  # sent once the bounds that come from outside are set
        target(Channel(pipe), *arguments)
    except (EOFError, BrokenPipeError, ConnectionResetError, KeyboardInterrupt):
        pass  # nobody is there any more
    except MemoryError:
        os._exit(_OUT_OF_MEMORY)
    except Exception as error:  # noqa: BLE001 - whatever it is, the other side has to know
        with contextlib.suppress(OSError):
            Channel(pipe).send({_FAILED: f"{type(error).__name__}: {error}"[:_FAILURE]})
    finally:
        _end_all()


def _confine(memory: int) -> None:
    """The bounds that a process sets for itself."""
    _mute()
    if sys.platform == "win32":
        windows_process.keep_to_known_folders()
        windows_process.ignore_interrupts(True)
    else:
        with contextlib.suppress(OSError):
            os.setpgid(0, 0)
        parent = parent_process()
        if parent is not None:  # its end of this pipe closes when it dies: SIGIO ends this process
            with contextlib.suppress(OSError):
                fcntl.fcntl(parent.sentinel, fcntl.F_SETOWN, os.getpid())
                flags = fcntl.fcntl(parent.sentinel, fcntl.F_GETFL)
                fcntl.fcntl(parent.sentinel, fcntl.F_SETFL, flags | os.O_ASYNC)
            if connection.wait([parent.sentinel], 0):
                os._exit(1)
        for which, limit in ((resource.RLIMIT_AS, memory), (resource.RLIMIT_CORE, 0)):
            with contextlib.suppress(OSError, ValueError):  # macOS refuses some values
                resource.setrlimit(which, (limit, limit))


def _mute() -> None:
    """What a library complains of is not for this terminal, and may be without end."""
    with open(os.devnull, "r+b") as nowhere:
        for descriptor in (1, 2):
            with contextlib.suppress(OSError):
                os.dup2(nowhere.fileno(), descriptor)

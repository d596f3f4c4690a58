"""What the tests of :mod:`crypto.bounded` have run in processes of their own."""

import ctypes
import os
import subprocess
import sys
import time

from crypto.bounded import BoundedProcess, Channel, Message
from tests.world.processes import kill


def double(number: int, data: bytes) -> Message:
    return Message({"double": 2 * number}, (data, b"", data[::-1]))


def eat(size: int) -> Message:
    return Message({"eaten": len(bytearray(size))})


def fail() -> Message:
    raise KeyError("a blank that is not there")


def sleep(seconds: float) -> Message:
    time.sleep(seconds)
    return Message({})


def abort() -> Message:
    os.write(2, b"double free or corruption\n")
    os.abort()


def leave() -> Message:
    os._exit(3)


def chatter() -> Message:
    for stream in (sys.stdout, sys.stderr):
        stream.write("a line\n")
        stream.flush()
    os.write(1, b"past Python")
    return Message({"said": True})


def say_raw(*frames: bytes) -> Message:
    """As somebody who has taken the process over; never returns."""
    channel = _pipe()
    for frame in frames:
        channel.pipe.send_bytes(frame)
    time.sleep(60)
    return Message({})


def say_half() -> Message:
    if sys.platform == "win32":  # its pipes carry frames, whole ones only
        _pipe().pipe.send_bytes(b"[2]")
    else:
        os.write(_pipe().pipe.fileno(), bytes([0, 0, 3, 0]) + b"[")
    time.sleep(60)
    return Message({})


def _pipe() -> Channel:
    frame = sys._getframe(2)
    found = frame.f_locals["channel"]
    assert isinstance(found, Channel)
    return found


def echo(channel: Channel, prefix: str) -> None:
    while True:
        said = channel.receive()
        if said == "die":
            kill(os.getpid())
        if said == "hang":
            time.sleep(60)
        channel.send({"said": prefix + str(said), "pid": os.getpid()})


def never_listen(channel: Channel) -> None:
    time.sleep(60)


def with_a_child(channel: Channel) -> None:
    """It tells its own child's number and hangs."""
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    channel.send({"pid": child.pid})
    time.sleep(60)


def console_flags() -> Message:
    """ConsoleFlags in the RTL_USER_PROCESS_PARAMETERS of Windows; bit 0: Ctrl+C is ignored."""
    peb = ctypes.WinDLL("ntdll").RtlGetCurrentPeb
    peb.restype = ctypes.c_void_p
    parameters = ctypes.c_void_p.from_address(peb() + 0x20).value or 0
    return Message({"flags": ctypes.c_uint32.from_address(parameters + 0x18).value})


def nested() -> Message:
    """A bounded process may start another."""
    with BoundedProcess(echo, "inner ") as inner:
        inner.send("word")
        return inner.receive(30)


def nested_and_left(channel: Channel) -> None:
    inner = BoundedProcess(echo, "")
    channel.send({"pid": inner.pid})
    channel.receive()

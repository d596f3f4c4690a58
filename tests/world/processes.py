"""Looking at other processes and ending them, on every system that the program runs on."""

import ctypes
import os
import signal
import sys
from pathlib import Path

KILL = signal.SIGTERM if sys.platform == "win32" else signal.SIGKILL
"""What ends a process at once; on Windows every signal does."""
KILLED = int(KILL) if sys.platform == "win32" else -KILL
"""The exit code of a process that ended so."""


if sys.platform == "win32":
    _SYNCHRONIZE = 0x100000
    _kernel = ctypes.WinDLL("kernel32")
    _kernel.OpenProcess.restype = ctypes.c_void_p
    _kernel.WaitForSingleObject.argtypes = (ctypes.c_void_p, ctypes.c_uint32)
    _kernel.CloseHandle.argtypes = (ctypes.c_void_p,)

    def gone(pid: int) -> bool:
        """No such process, or it has ended and somebody still knows it."""
        process = _kernel.OpenProcess(_SYNCHRONIZE, False, pid)
        if not process:
            return True
        try:
            return bool(_kernel.WaitForSingleObject(process, 0) == 0)
        finally:
            _kernel.CloseHandle(process)

else:

    def gone(pid: int) -> bool:
        """No such process, or nobody has fetched its exit code yet."""
        try:
            return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
        except OSError:
            return True


def kill(pid: int) -> None:
    """End the process at once: it can do nothing about it."""
    os.kill(pid, KILL)

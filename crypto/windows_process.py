"""What Windows sets for a process: a Job Object and no Ctrl+C for one that is bounded, and for each
of ours, where its libraries may come from.

On other systems a process sets its bounds for itself (:mod:`crypto.bounded`), and libraries do not
come from the working folder.
"""

from __future__ import annotations

import ctypes
import sys
import weakref


class BasicLimits(ctypes.Structure):
    """JOBOBJECT_BASIC_LIMIT_INFORMATION."""

    _fields_ = (
        ("PerProcessUserTimeLimit", ctypes.c_int64),
        ("PerJobUserTimeLimit", ctypes.c_int64),
        ("LimitFlags", ctypes.c_uint32),
        ("MinimumWorkingSetSize", ctypes.c_size_t),
        ("MaximumWorkingSetSize", ctypes.c_size_t),
        ("ActiveProcessLimit", ctypes.c_uint32),
        ("Affinity", ctypes.c_size_t),
        ("PriorityClass", ctypes.c_uint32),
        ("SchedulingClass", ctypes.c_uint32),
    )


class ExtendedLimits(ctypes.Structure):
    """JOBOBJECT_EXTENDED_LIMIT_INFORMATION; IO_COUNTERS are six numbers of 64 bits."""

    _fields_ = (
        ("BasicLimitInformation", BasicLimits),
        ("IoInfo", ctypes.c_uint64 * 6),
        ("ProcessMemoryLimit", ctypes.c_size_t),
        ("JobMemoryLimit", ctypes.c_size_t),
        ("PeakProcessMemoryUsed", ctypes.c_size_t),
        ("PeakJobMemoryUsed", ctypes.c_size_t),
    )


EXTENDED_LIMIT_INFORMATION = 9
LIMIT_PROCESS_MEMORY = 0x100
DIE_ON_UNHANDLED_EXCEPTION = 0x400
KILL_ON_JOB_CLOSE = 0x2000


def limits_of(memory: int) -> ExtendedLimits:
    """*memory* bytes for each process, no dialog when one crashes, all end with the job."""
    limits = ExtendedLimits()
    limits.BasicLimitInformation.LimitFlags = (
        LIMIT_PROCESS_MEMORY | DIE_ON_UNHANDLED_EXCEPTION | KILL_ON_JOB_CLOSE
    )
    limits.ProcessMemoryLimit = memory
    return limits


BELOW_NORMAL = 0x4000
"""BELOW_NORMAL_PRIORITY_CLASS; what such a process starts has it, too."""
SEARCH_DEFAULT_DIRS = 0x1000
"""LOAD_LIBRARY_SEARCH_DEFAULT_DIRS: the program's folder, System32, and folders that were added."""

if sys.platform == "win32":

    def _kernel() -> ctypes.WinDLL:
        kernel = ctypes.WinDLL("kernel32", use_last_error=True)
        handle = ctypes.c_void_p
        kernel.CreateJobObjectW.restype = handle
        kernel.CreateJobObjectW.argtypes = (handle, ctypes.c_wchar_p)
        kernel.SetInformationJobObject.argtypes = (handle, ctypes.c_int, handle, ctypes.c_uint32)
        kernel.QueryInformationJobObject.argtypes = (
            handle, ctypes.c_int, handle, ctypes.c_uint32, handle,
        )  # fmt: skip
        kernel.AssignProcessToJobObject.argtypes = (handle, handle)
        kernel.IsProcessInJob.argtypes = (handle, handle, handle)
        kernel.CloseHandle.argtypes = (handle,)
        kernel.SetPriorityClass.argtypes = (handle, ctypes.c_uint32)
        kernel.GetPriorityClass.argtypes = (handle,)
        kernel.GetProcessTimes.argtypes = (handle, handle, handle, handle, handle)
        kernel.SetConsoleCtrlHandler.argtypes = (handle, ctypes.c_int)
        return kernel

    class _Job:
        """A Job Object; its processes end when this is let go of, or when its owner ends."""

        def __init__(self, process: int, memory: int) -> None:
            kernel = self._kernel = _kernel()
            handle = self._handle = kernel.CreateJobObjectW(None, None)
            if not handle:
                raise ctypes.WinError(ctypes.get_last_error())
            self._close = weakref.finalize(self, kernel.CloseHandle, handle)
            limits = limits_of(memory)
            if not kernel.SetInformationJobObject(
                handle, EXTENDED_LIMIT_INFORMATION, ctypes.byref(limits), ctypes.sizeof(limits)
            ) or not kernel.AssignProcessToJobObject(handle, process):
                error = ctypes.get_last_error()
                self._close()
                raise ctypes.WinError(error)

        def limits(self) -> ExtendedLimits:
            """What the system says that the bounds are. Raises OSError."""
            found = ExtendedLimits()
            if not self._kernel.QueryInformationJobObject(
                *(self._handle, EXTENDED_LIMIT_INFORMATION),
                *(ctypes.byref(found), ctypes.sizeof(found), None),
            ):
                raise ctypes.WinError(ctypes.get_last_error())
            return found

        def holds(self, process: int) -> bool:
            """Is the process with the handle *process* in it? Raises OSError."""
            found = ctypes.c_int()
            if not self._kernel.IsProcessInJob(process, self._handle, ctypes.byref(found)):
                raise ctypes.WinError(ctypes.get_last_error())
            return bool(found.value)

    def bound(process: int, memory: int) -> object:
        """Bound the process with the handle *process*, and all that it starts, to *memory* bytes
        each; they end when what this gives is let go of, or its owner ends. Raises OSError."""
        return _Job(process, memory)

    def give_way(process: int) -> None:
        """Whatever else runs comes before the process with the handle *process* and what it starts.
        Raises OSError."""
        if not _kernel().SetPriorityClass(process, BELOW_NORMAL):
            raise ctypes.WinError(ctypes.get_last_error())

    def gives_way(process: int) -> bool:
        """Was :func:`give_way` called for it?"""
        return bool(_kernel().GetPriorityClass(process) == BELOW_NORMAL)

    def processor_seconds(process: int) -> float:
        """What the process with the handle *process* has used of the processor. Raises OSError."""
        times = [ctypes.c_uint64() for _ in range(4)]  # made, ended, kernel, user; 100 ns each
        if not _kernel().GetProcessTimes(process, *map(ctypes.byref, times)):
            raise ctypes.WinError(ctypes.get_last_error())
        return (times[2].value + times[3].value) / 1e7

    def keep_to_known_folders() -> None:
        """From now on, never load a library from the working folder or from PATH."""
        if not _kernel().SetDefaultDllDirectories(SEARCH_DEFAULT_DIRS):
            raise ctypes.WinError(ctypes.get_last_error())

    def ignore_interrupts(yes: bool) -> None:
        """Whether this process and what it starts from now on ignore Ctrl+C."""
        _kernel().SetConsoleCtrlHandler(None, yes)

else:

    def bound(process: int, memory: int) -> object:
        """Nothing: the process sets its bounds for itself."""
        return None

    def keep_to_known_folders() -> None:
        """Nothing: there they are not searched."""

    def ignore_interrupts(yes: bool) -> None:
        """Nothing: signals are blocked, see :mod:`crypto.bounded`."""

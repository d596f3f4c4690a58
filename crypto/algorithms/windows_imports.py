"""The library that an extension module of CPython really uses, on Windows.

A name would not do: another library of the same name may be loaded by a driver, and one in System32
is found before CPython's own. So the module's import table is read where the loader has bound it,
and the loader is asked whose the bound address is ([PE/COFF], "The .idata Section").
"""

from __future__ import annotations

import ctypes
import struct
import sys
from collections.abc import Iterator

_IMPORT_TABLE = 24 + 112 + 8
"""From the PE signature of a 64-bit image: headers, then directories, of which it is the second."""
_ENTRY = struct.Struct("<5I")
"""IMAGE_IMPORT_DESCRIPTOR: look-up table, time, forwarder, name, address table."""


def imported(base: int) -> Iterator[tuple[str, int]]:
    """Name of each library that the 64-bit image loaded at *base* imports from, and the address of
    the first function bound."""
    head = ctypes.string_at(base, 0x40)
    (start,) = struct.unpack_from("<I", head, 0x3C)
    (table,) = struct.unpack("<I", ctypes.string_at(base + start + _IMPORT_TABLE, 4))
    while table:
        _, _, _, name, addresses = _ENTRY.unpack(ctypes.string_at(base + table, _ENTRY.size))
        if not name:
            return
        bound = int.from_bytes(ctypes.string_at(base + addresses, 8), "little")
        yield ctypes.string_at(base + name).decode("ascii", "replace"), bound
        table += _ENTRY.size


if sys.platform == "win32":
    _FROM_ADDRESS = 0x4  # and counted: it stays loaded

    def library_of(extension: str, prefix: str) -> ctypes.CDLL | None:
        """The library called *prefix*… that the extension module with the file *extension* is bound
        to; None if it imports from none."""
        kernel = ctypes.WinDLL("kernel32", use_last_error=True)
        kernel.GetModuleHandleW.restype = ctypes.c_void_p
        kernel.GetModuleHandleExW.argtypes = (ctypes.c_uint32, ctypes.c_void_p, ctypes.c_void_p)
        base = kernel.GetModuleHandleW(ctypes.c_wchar_p(extension))
        if not base:
            return None
        for name, address in imported(base):
            handle = ctypes.c_void_p()
            if name.lower().startswith(prefix) and kernel.GetModuleHandleExW(
                _FROM_ADDRESS, address, ctypes.byref(handle)
            ):
                return ctypes.CDLL(name, handle=handle.value)
        return None

else:

    def library_of(extension: str, prefix: str) -> ctypes.CDLL | None:
        """None: elsewhere the process's map of files tells."""
        return None

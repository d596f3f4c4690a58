"""Files and folders that their owner alone can read: mode 0600 or 0700; on Windows a DACL for the
user and the system, inherited by what is made in the folder later.

Administrators of the machine can take any file; nothing here keeps them out.
"""

from __future__ import annotations

import ctypes
import re
import sys
from pathlib import Path

_ACE = re.compile(r"\(([A-Z]+);([^;]*);([^;]*);[^;]*;[^;]*;([^;)]*)[^)]*\)")
"""An entry of a security descriptor's text ([MS-DTYP] §2.5.1.1): type, flags, …, trustee."""
_NO_THREAT = frozenset({"SY", "BA", "CO", "OW"})
"""The system, administrators, and whoever makes or owns the file."""


def others_in(descriptor: str, owner: str) -> frozenset[str]:
    """Whom the DACL of a security descriptor's text lets in besides *owner*, the system and its
    administrators; everybody ("WD") where there is no DACL."""
    dacl = descriptor.partition("D:")[2]
    if not dacl or "NO_ACCESS_CONTROL" in dacl:
        return frozenset({"WD"})
    allowed = {
        trustee
        for kind, flags, _, trustee in _ACE.findall(dacl)
        if kind in ("A", "OA", "XA", "ZA") and "IO" not in re.findall("..", flags)
    }
    return frozenset(allowed) - _NO_THREAT - {owner}


if sys.platform == "win32":
    _FILE, _DACL, _PROTECTED = 1, 0x4, 0x80000000
    _handle = ctypes.c_void_p

    class _Security:
        """The functions of advapi32 and kernel32 that are needed."""

        def __init__(self) -> None:
            self.advapi = ctypes.WinDLL("advapi32", use_last_error=True)
            self.kernel = ctypes.WinDLL("kernel32", use_last_error=True)
            self.kernel.LocalFree.argtypes = (_handle,)
            self.kernel.GetCurrentProcess.restype = _handle
            self.kernel.CloseHandle.argtypes = (_handle,)
            number, text = ctypes.c_uint32, ctypes.c_wchar_p
            types: dict[str, tuple[type, ...]] = {
                "OpenProcessToken": (_handle, number, _handle),
                "GetTokenInformation": (_handle, ctypes.c_int, _handle, number, _handle),
                "ConvertSidToStringSidW": (_handle, _handle),
                "ConvertStringSecurityDescriptorToSecurityDescriptorW": (
                    *(text, number, _handle, _handle),
                ),
                "ConvertSecurityDescriptorToStringSecurityDescriptorW": (
                    *(_handle, number, number, _handle, _handle),
                ),
                "GetNamedSecurityInfoW": (
                    *(text, ctypes.c_int, number, _handle, _handle, _handle, _handle, _handle),
                ),
                "SetFileSecurityW": (text, number, _handle),
            }
            for name, arguments in types.items():
                getattr(self.advapi, name).argtypes = arguments

        def user(self) -> str:
            """The SID of whoever runs this process, as text."""
            token = _handle()
            if not self.advapi.OpenProcessToken(
                self.kernel.GetCurrentProcess(), 0x8, ctypes.byref(token)
            ):
                raise ctypes.WinError(ctypes.get_last_error())
            try:
                room, used = ctypes.create_string_buffer(1024), ctypes.c_uint32()
                if not self.advapi.GetTokenInformation(
                    token, 1, room, len(room), ctypes.byref(used)
                ):
                    raise ctypes.WinError(ctypes.get_last_error())
            finally:
                self.kernel.CloseHandle(token)
            sid = _handle.from_buffer(room).value  # TOKEN_USER begins with a pointer to it
            made = _handle()
            if not self.advapi.ConvertSidToStringSidW(sid, ctypes.byref(made)):
                raise ctypes.WinError(ctypes.get_last_error())
            return self._taken(made)

        def descriptor(self, text: str) -> ctypes.c_void_p:
            """To be freed."""
            made = _handle()
            convert = self.advapi.ConvertStringSecurityDescriptorToSecurityDescriptorW
            if not convert(text, 1, ctypes.byref(made), None):
                raise ctypes.WinError(ctypes.get_last_error())
            return made

        def text(self, descriptor: ctypes.c_void_p) -> str:
            made = _handle()
            convert = self.advapi.ConvertSecurityDescriptorToStringSecurityDescriptorW
            if not convert(descriptor, 1, _DACL, ctypes.byref(made), None):
                raise ctypes.WinError(ctypes.get_last_error())
            return self._taken(made)

        def _taken(self, made: ctypes.c_void_p) -> str:
            try:
                return ctypes.wstring_at(made.value or 0)
            finally:
                self.kernel.LocalFree(made)

    def protect(path: Path) -> None:
        """Let nobody but this user (and the system) have the file or folder. Raises OSError, also
        where the file system knows no owners."""
        security = _Security()
        inherited = "OICI" if path.is_dir() else ""
        user = security.user()
        made = security.descriptor(f"D:P(A;{inherited};FA;;;{user})(A;{inherited};FA;;;SY)")
        try:
            # Not SetNamedSecurityInfo, which adds what the folder above bequeaths.
            done = security.advapi.SetFileSecurityW(str(path), _DACL | _PROTECTED, made)
            code = 0 if done else ctypes.get_last_error()
        finally:
            security.kernel.LocalFree(made)
        if code:
            raise ctypes.WinError(code)

    def exposed(path: Path) -> bool:
        """Can others than this user, the system and administrators have it? Raises OSError."""
        security = _Security()
        found = _handle()
        code = security.advapi.GetNamedSecurityInfoW(
            str(path), _FILE, _DACL, None, None, None, None, ctypes.byref(found)
        )
        if code:
            raise ctypes.WinError(code)
        try:
            said = security.text(found)
        finally:
            security.kernel.LocalFree(found)
        own = security.descriptor(f"D:(A;;FA;;;{security.user()})")
        try:  # a well-known user is written in two letters
            written = _ACE.findall(security.text(own))
        finally:
            security.kernel.LocalFree(own)
        return bool(others_in(said, written[0][3]))

else:

    def protect(path: Path) -> None:
        """Let nobody but its owner have the file or folder. Raises OSError."""
        path.chmod(0o700 if path.is_dir() else 0o600)

    def exposed(path: Path) -> bool:
        """Can others than its owner have it? Raises OSError."""
        return bool(path.stat().st_mode & 0o077)

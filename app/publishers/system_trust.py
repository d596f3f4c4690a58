"""Whether Windows holds an Authenticode signature to be good (WinVerifyTrust)."""

from __future__ import annotations

import ctypes
import sys
from pathlib import Path

if sys.platform == "win32":
    from ctypes import wintypes

    class _Guid(ctypes.Structure):
        _fields_ = (
            ("a", wintypes.DWORD),
            ("b", wintypes.WORD),
            ("c", wintypes.WORD),
            ("d", ctypes.c_ubyte * 8),
        )

    class _FileInfo(ctypes.Structure):
        _fields_ = (
            ("size", wintypes.DWORD),
            ("path", wintypes.LPCWSTR),
            ("file", wintypes.HANDLE),
            ("subject", ctypes.c_void_p),
        )

    class _TrustData(ctypes.Structure):
        _fields_ = (
            ("size", wintypes.DWORD),
            ("policy_data", ctypes.c_void_p),
            ("sip_data", ctypes.c_void_p),
            ("ui", wintypes.DWORD),
            ("revocation", wintypes.DWORD),
            ("union", wintypes.DWORD),
            ("file", ctypes.POINTER(_FileInfo)),
            ("action", wintypes.DWORD),
            ("state", wintypes.HANDLE),
            ("url", wintypes.LPCWSTR),
            ("flags", wintypes.DWORD),
            ("context", wintypes.DWORD),
            ("settings", ctypes.c_void_p),
        )

    def _verified(path: Path) -> bool:
        """With the policy for programs and packages: no window, revocation of the whole chain as
        far as the system knows or can ask."""
        # WINTRUST_ACTION_GENERIC_VERIFY_V2
        rest = (ctypes.c_ubyte * 8)(0x8C, 0xC2, 0x00, 0xC0, 0x4F, 0xC2, 0x95, 0xEE)
        generic = _Guid(0x00AAC56B, 0xCD44, 0x11D0, rest)
        info = _FileInfo(ctypes.sizeof(_FileInfo), str(path), None, None)
        data = _TrustData(ctypes.sizeof(_TrustData))
        data.ui, data.revocation, data.union = 2, 1, 1  # no window; the whole chain; a file
        data.file = ctypes.pointer(info)
        data.action = 1  # verify, and keep the state until it is closed below
        library = ctypes.WinDLL("wintrust", winmode=0x800)  # from System32 alone
        verify = library.WinVerifyTrust
        verify.argtypes = (wintypes.HWND, ctypes.POINTER(_Guid), ctypes.POINTER(_TrustData))
        verify.restype = wintypes.LONG
        window = wintypes.HWND(-1)  # INVALID_HANDLE_VALUE: nobody is there to be asked
        good = verify(window, ctypes.byref(generic), ctypes.byref(data)) == 0
        data.action = 2
        verify(window, ctypes.byref(generic), ctypes.byref(data))
        return bool(good)

else:

    def _verified(path: Path) -> bool:
        return False


class SystemTrust:
    """Windows' own judgement. On another system nothing is good."""

    def good(self, path: Path) -> bool:
        """See :class:`app.publishers.authenticode.Judge`."""
        return _verified(path)

"""Whether a bundle for Windows holds everything it needs, and nothing it must not."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from installer.system import BuildFailed
from installer.windows import pe

SYSTEM = frozenset({
    "advapi32.dll", "authz.dll", "bcrypt.dll", "bcryptprimitives.dll", "cfgmgr32.dll",
    "comctl32.dll", "comdlg32.dll", "crypt32.dll", "cryptbase.dll", "d2d1.dll", "d3d11.dll",
    "d3d12.dll", "d3d9.dll", "dnsapi.dll", "dwmapi.dll", "dwrite.dll", "dxgi.dll", "gdi32.dll",
    "imm32.dll", "iphlpapi.dll", "kernel32.dll", "mpr.dll", "msi.dll", "msvcrt.dll", "ncrypt.dll",
    "netapi32.dll", "ntdll.dll", "ole32.dll", "oleaut32.dll", "powrprof.dll", "propsys.dll",
    "psapi.dll", "rpcrt4.dll", "secur32.dll", "setupapi.dll", "shcore.dll", "shell32.dll",
    "shlwapi.dll", "uiautomationcore.dll", "user32.dll", "userenv.dll", "usp10.dll",
    "uxtheme.dll", "version.dll", "winhttp.dll", "winmm.dll", "wintrust.dll", "ws2_32.dll",
    "wtsapi32.dll", "winspool.drv",
})  # fmt: skip
"""DLLs that Windows 10 has and the program may be linked to."""


def problems(folder: Path) -> list[str]:
    """What is wrong with the bundle in *folder*, a sentence each; empty when nothing is."""
    files = [path for path in sorted(folder.rglob("*")) if path.is_file() and pe.is_pe(path)]
    inside = {path.name.lower() for path in files}
    found = []
    for path in files:
        name = path.relative_to(folder).as_posix()
        try:
            program = pe.read(path)
        except pe.NotPe as error:
            found.append(f"{name}: {error}")
            continue
        if program.made_by_wine:
            found.append(f"{name} is Wine's own")
        if program.machine != pe.AMD64:
            found.append(f"{name} is not for x64")
        for wanted in sorted(program.imports() - inside - SYSTEM):
            if not wanted.startswith(("api-ms-win-", "ext-ms-win-")):
                found.append(f"{name} needs {wanted}, which is neither here nor part of Windows")
    counts = Counter(path.name.lower() for path in files)
    for name, count in sorted(counts.items()):
        if count > 1 and ("140" in name or name.startswith("lib")):
            found.append(f"{name} is there {count} times")
    return found


def check(folder: Path) -> None:
    """Raise :class:`BuildFailed` with all :func:`problems` of *folder*."""
    found = problems(folder)
    if found:
        raise BuildFailed("the bundle is not whole:\n  " + "\n  ".join(found))

"""Windows programs under Wine 8: a prefix with the runtime at ``C:\\py311``.

    python3 dev.py wine [ARGS]     the runtime's Python in this folder, e.g. -m pytest tests/crypto

Wine 8 lacks one function that ``cryptography`` needs (bcryptprimitives.dll!ProcessPrng); a DLL of
ten lines in the prefix, never in the product, has it. Windows of Qt want Wine 10: see check_gui.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from installer.system import ROOT, BuildFailed, cache, run, say
from installer.windows.runtime import MINGW, Runtime, prepare

_RANDOM = r"""
#include <windows.h>
BOOLEAN NTAPI SystemFunction036(PVOID bytes, ULONG count);
__declspec(dllexport) BOOL WINAPI ProcessPrng(PBYTE bytes, SIZE_T count)
{
    while (count > 0) {
        ULONG some = count > 65536 ? 65536 : (ULONG)count;
        if (!SystemFunction036(bytes, some)) return FALSE;
        bytes += some;
        count -= some;
    }
    return TRUE;
}
"""
# A program that crashes ends at once, without a dialog that nobody sees.
_SETTINGS = r"""Windows Registry Editor Version 5.00

[HKEY_CURRENT_USER\Software\Wine\WineDbg]
"ShowCrashDialog"=dword:00000000
"""
_NO_VOLUMES = r"""Windows Registry Editor Version 5.00

[HKEY_LOCAL_MACHINE\System\CurrentControlSet\Services\MountMgr]
"Start"=dword:00000004
"""
START_S = 10
"""For Wine's server."""


@dataclass(frozen=True)
class Wine:
    """One prefix: a Windows of its own, with registry, drive C: and processes."""

    prefix: Path
    extra: Mapping[str, str] = field(default_factory=dict)
    """Variables for every program started in it."""
    launcher: tuple[str, ...] = ()
    """What stands before ``wine``: the way into a chroot with another Wine."""

    @property
    def drive(self) -> Path:
        """Drive C:."""
        return self.prefix / "drive_c"

    def environment(self) -> dict[str, str]:
        """The host's variables without those that name its own files: certificates for TLS
        libraries, or a temporary folder that the launcher's system does not have."""
        host = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("SSL_", "REQUESTS_", "CURL_", "PYTHON", "SEALDESK_", "XDG_"))
            and name not in ("DISPLAY", "TMPDIR", "WAYLAND_DISPLAY", "VIRTUAL_ENV")
        }
        return {
            **host,
            "WINEPREFIX": str(self.prefix),
            "WINEDEBUG": "-all",
            "WINEDLLOVERRIDES": "mscoree,mshtml=",
            "LC_ALL": "C.UTF-8",
            "PYTHONHASHSEED": "0",
            **self.extra,
        }

    def run(
        self,
        command: Sequence[str | Path],
        *,
        cwd: Path = ROOT,
        text: str = "",
        environment: Mapping[str, str] | None = None,
        timeout: float = 600,
    ) -> subprocess.CompletedProcess[str]:
        """Run a program of Windows with *text* on its standard input; never raises for its code.

        Its output goes through a pipe: CPython does not start with a write-only file there.
        """
        return subprocess.run(
            [*self.launcher, "wine", *map(str, command)],
            cwd=cwd,
            env={**self.environment(), **(environment or {})},
            check=False,
            input=text,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=timeout,
        )

    def must(self, command: Sequence[str | Path], **options: object) -> str:
        """Like :meth:`run`, for a program that must succeed; its standard output."""
        done = self.run(command, **options)  # type: ignore[arg-type]
        if done.returncode:
            raise BuildFailed(
                f"{command[0]} failed under Wine ({done.returncode}):\n"
                f"{(done.stdout + done.stderr)[-6000:]}"
            )
        return done.stdout

    def serve(self) -> subprocess.Popen[bytes]:
        """Start the prefix's server in this session; it ends after the last program.

        The one that the first program starts is in a session of its own, and a kernel that
        divides processors among sessions lets all programs wait for it on a busy machine,
        whatever priority they have.
        """
        self.stop()
        tool = [*self.launcher, "wineserver"]
        server = subprocess.Popen(
            [*tool, "-f"],
            env=self.environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + START_S
        while subprocess.run(
            [*tool, "-k0"], env=self.environment(), check=False, capture_output=True
        ).returncode:
            if server.poll() is not None or time.monotonic() > deadline:
                break  # then the first program starts one
            time.sleep(0.1)
        return server

    def stop(self) -> None:
        """End every program of this prefix."""
        subprocess.run(
            [*self.launcher, "wineserver", "-k"],
            env=self.environment(),
            check=False,
            capture_output=True,
        )

    def windows_path(self, path: Path) -> str:
        """*path* of the host as Windows names it."""
        path = path.absolute()
        if path.is_relative_to(self.drive):
            return "C:\\" + str(path.relative_to(self.drive)).replace("/", "\\")
        return "Z:" + str(path).replace("/", "\\")


def make_prefix(wine: Wine) -> Wine:
    """Make the prefix of *wine* afresh; one that is there is ended and replaced."""
    prefix = wine.prefix
    if prefix.exists():
        wine.stop()
        shutil.rmtree(prefix)
    prefix.parent.mkdir(parents=True, exist_ok=True)
    run([*wine.launcher, "wineboot", "-i"], environment=wine.environment())
    system = wine.drive / "windows" / "system32"
    source = prefix / "random.c"
    source.write_text(_RANDOM, encoding="ascii")
    library = system / "bcryptprimitives.dll"
    library.unlink(missing_ok=True)
    run([f"{MINGW}-gcc", "-shared", "-s", "-O2", "-o", library, source, "-ladvapi32"])
    _set(wine, _SETTINGS)
    wine.must(["winecfg", "-v", "win10"])  # writes the build number where installers look
    return wine


def _set(wine: Wine, settings: str) -> None:
    file = wine.prefix / "settings.reg"
    file.write_text(settings, encoding="ascii")
    wine.must(["regedit", "/S", wine.windows_path(file)])


def without_volumes(wine: Wine) -> Wine:
    """Switch the mount manager of the prefix of *wine* off.

    Whoever looks at a file is told its volume's serial number, for which Wine asks a service: nine
    tenths of the time of ``os.stat``. A process that imports the program does so thousands of
    times. Without the service all volumes have the number 0.
    """
    _set(wine, _NO_VOLUMES)
    run([*wine.launcher, "wineserver", "-w"], environment=wine.environment())
    return wine


def with_python(runtime: Runtime, prefix: Path | None = None) -> Wine:
    """A prefix with *runtime* at C:\\py311; by default one for each checkout, kept."""
    if prefix is None:
        name = hashlib.sha256(str(ROOT).encode()).hexdigest()[:12]
        prefix = cache() / f"prefix-{name}"
    link = prefix / "drive_c" / "py311"
    ready = link.is_symlink() and link.resolve() == runtime.path.resolve()
    if ready:
        return Wine(prefix)
    say(f"making a Windows under Wine in {prefix}")
    wine = make_prefix(Wine(prefix))
    link.symlink_to(runtime.path)
    return wine


def main(arguments: Sequence[str]) -> int:
    """The runtime's Python with *arguments*, in the folder where the person stands."""
    wine = with_python(prepare())
    # Through a pipe, see Wine.run; the person sees the output as it comes.
    program = subprocess.Popen(
        ["wine", r"C:\py311\python.exe", *arguments],
        env=wine.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    assert program.stdout is not None  # noqa: S101 - asked for above
    for line in program.stdout:
        sys.stdout.buffer.write(line)
        sys.stdout.buffer.flush()
    return program.wait()


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except BuildFailed as error:
        sys.exit(f"✗ {error}")

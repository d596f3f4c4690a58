"""A Windows with the installed program, and the platform it works with: for both checks."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from installer.system import ROOT, BuildFailed
from installer.windows.wine import Wine

FOLDER = r"C:\Program Files\SealDesk"
PIN, SO_PIN = "check-2026", "check-so-2026"  # of a virtual Ukey that lives as long as the check
APPLICANT = (
    *("--uscc", "91321300MA27DEM14U", "--name", "宿迁市演示贸易有限公司", "--legal-rep", "王建国"),
    *("--handler", "李晓梅", "--handler-id", "321302199001010020", "--phone", "13800000000"),
)
ENVIRONMENT = r"System\CurrentControlSet\Control\Session Manager\Environment"
_APP_PATHS = r"Software\Microsoft\Windows\CurrentVersion\App Paths"
_WRITTEN = (r"Software\SealDesk", r"Software\Classes", _APP_PATHS, ENVIRONMENT)
_TEXT = r'"(?:[^"\\]|\\.)*"'
_EXPORTED = re.compile(rf'(@|{_TEXT})=(?:"((?:[^"\\]|\\.)*)"|hex\(2\):([0-9a-f,]*))')


class CheckFailed(BuildFailed):
    """The installed program does not do what it must; the text says what was seen."""


@dataclass(frozen=True)
class Registry:
    """Text values below HKLM."""

    values: Mapping[tuple[str, str], str]

    def value(self, key: str, name: str = "") -> str | None:
        """The value *name* (empty: the key's own) of *key*; None where there is none."""
        return self.values.get((key.lower(), name.lower()))


def exported(text: str) -> dict[tuple[str, str], str]:
    """The text values in a file of ``reg export``: (key below HKLM, name) in lower case → text.

    PATH is of another type (REG_EXPAND_SZ) and comes as UTF-16 in hexadecimal.
    """
    found, key = {}, ""
    for line in text.replace("\\\n  ", "").splitlines():
        if line.startswith("[HKEY_LOCAL_MACHINE\\"):
            key = line.removeprefix("[HKEY_LOCAL_MACHINE\\").rstrip("]").lower()
            continue
        value = _EXPORTED.fullmatch(line)
        if value:
            name = "" if value[1] == "@" else _unescaped(value[1][1:-1])
            plain, coded = value[2], value[3]
            if plain is None:
                plain = bytes.fromhex(coded.replace(",", "")).decode("utf-16-le").rstrip("\0")
            else:
                plain = _unescaped(plain)
            found[key, name.lower()] = plain
    return found


def _unescaped(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text)


@dataclass
class Desk:
    """One Windows with SealDesk installed or to be installed."""

    wine: Wine
    folder: str = FOLDER
    done: list[str] = field(default_factory=list)

    def install(self, package: Path, *properties: str, code: int = 0) -> None:
        """Run msiexec silently; it must end with *code*."""
        log = self.wine.drive / "install.log"
        command = ["msiexec", "/i", self.wine.windows_path(package), "/qn", "/norestart"]
        finished = self.wine.run([*command, "/l*v", r"C:\install.log", *properties])
        if finished.returncode != code:
            # Windows writes UTF-16, Wine the code page.
            tail = log.read_bytes().replace(b"\0", b"")[-3000:] if log.exists() else b""
            raise CheckFailed(f"msiexec ended with {finished.returncode}, not {code}\n{tail!r}")

    def uninstall(self, package: Path) -> None:
        """Remove the product silently."""
        self.wine.must(["msiexec", "/x", self.wine.windows_path(package), "/qn", "/norestart"])

    def sealdesk(self, *arguments: str, text: str = "", code: int = 0) -> str:
        """Run the installed console program; it must end with *code*. Its output."""
        program = self.folder + r"\sealdesk-cli.exe"
        finished = self.wine.run([program, *arguments], text=text, cwd=self.wine.drive)
        if finished.returncode != code:
            raise CheckFailed(
                f"sealdesk {' '.join(arguments)} ended with {finished.returncode}, not {code}:\n"
                f"{finished.stdout[-3000:]}\n{finished.stderr[-3000:]}"
            )
        return finished.stdout

    def refused(self, *arguments: str, cwd: Path) -> str:
        """Run it with *cwd* as the working folder; it must fail. What it says of that."""
        done = self.wine.run([self.folder + r"\sealdesk-cli.exe", *arguments], cwd=cwd)
        if not done.returncode:
            raise CheckFailed(f"sealdesk {' '.join(arguments)} succeeded: {done.stdout[-3000:]}")
        return done.stderr

    def registry(self) -> Registry:
        """What of HKLM an installer of ours may write, as it is now."""
        found: dict[tuple[str, str], str] = {}
        for index, key in enumerate(_WRITTEN):
            # Exported, not printed: the console's code page has no Chinese.
            file = self.wine.drive / f"registry{index}.reg"
            file.unlink(missing_ok=True)
            self.wine.run(["reg", "export", f"HKLM\\{key}", self.wine.windows_path(file), "/y"])
            if file.exists():
                found |= exported(file.read_text("utf-16"))
                file.unlink()
        return Registry(found)

    def path(self, windows: str) -> Path:
        """A path on this Windows' drive C: as the host names it."""
        return self.wine.drive / windows.removeprefix("C:\\").replace("\\", "/")


def expect(condition: bool, text: str) -> None:
    """Raise :class:`CheckFailed` with *text* unless *condition*."""
    if not condition:
        raise CheckFailed(text)


@contextlib.contextmanager
def platform(folder: Path) -> Iterator[str]:
    """The reference platform on a free port of this machine; its address."""
    command = [sys.executable, "-P", "-m", "server_stub", "serve", "--demo", "--port", "0"]
    process = subprocess.Popen(
        [*command, "--host", "127.0.0.1", "--dir", str(folder)],
        stdout=subprocess.PIPE,
        stderr=(folder.parent / "platform.log").open("ab"),
        stdin=subprocess.DEVNULL,
        encoding="utf-8",
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    try:
        for line in process.stdout or ():
            if line.startswith("SealDesk platform: "):
                yield line.removeprefix("SealDesk platform: ").strip()
                return
        raise CheckFailed("the platform did not start")
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)

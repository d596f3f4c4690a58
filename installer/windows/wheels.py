"""The packages of requirements.lock as Windows has them, fetched on Linux by the lock's hashes."""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path

from packaging.markers import Marker

from installer.system import BuildFailed, cache, run

# What markers are asked about: CPython 3.11 on 64-bit Windows.
TARGET = {
    "implementation_name": "cpython",
    "os_name": "nt",
    "platform_machine": "AMD64",
    "platform_python_implementation": "CPython",
    "platform_system": "Windows",
    "python_full_version": "3.11.9",
    "python_version": "3.11",
    "sys_platform": "win32",
}
_PLATFORM = ("--platform", "win_amd64", "--python-version", "3.11", "--only-binary", ":all:")


def for_windows(lock: str) -> str:
    """The requirements of *lock* that hold on Windows, hashes kept and markers removed."""
    entries = re.split(r"^(?=[A-Za-z0-9])", lock, flags=re.M)
    kept = []
    for entry in entries:
        line, _, rest = entry.partition("\n")
        found = re.fullmatch(r"([A-Za-z0-9._-]+==\S+)(?: ; (.*?))?( \\)?", line)
        if found is None:
            continue  # the comments at the top
        requirement, marker, _ = found.groups()
        if marker is None or Marker(marker).evaluate(TARGET):
            kept.append(f"{requirement} \\\n{rest}")
    return "".join(kept)


def pip(*arguments: str | Path) -> str:
    """Run pip of this environment; raises :class:`BuildFailed`."""
    quiet = ("-q", "--disable-pip-version-check", "--no-input")
    return run([sys.executable, "-m", "pip", arguments[0], *quiet, *arguments[1:]])


def install(lock: Path, target: Path) -> None:
    """Put the packages of *lock* for Windows into the folder *target*, anew."""
    requirements = target.with_suffix(".requirements.txt")
    requirements.parent.mkdir(parents=True, exist_ok=True)
    requirements.write_text(for_windows(lock.read_text(encoding="utf-8")), encoding="utf-8")
    shutil.rmtree(target, ignore_errors=True)
    pip(
        *("install", "--require-hashes", "--no-deps", "--no-compile", *_PLATFORM),
        *("--target", target, "-r", requirements),
    )
    requirements.unlink()


def fetch(lock: Path) -> dict[str, Path]:
    """The wheels of *lock* for Windows, in the cache: name of the distribution → file."""
    folder = cache() / "downloads"
    pip("download", "--require-hashes", "--no-deps", *_PLATFORM, "-d", folder, "-r", lock)
    found = {}
    for name, version in re.findall(
        r"^([a-z0-9._-]+)==(\S+)", lock.read_text(encoding="utf-8"), re.M
    ):
        wheels = list(folder.glob(f"{name.replace('-', '_')}-{version}-*.whl"))
        if len(wheels) != 1:
            raise BuildFailed(f"{name} {version}: {len(wheels)} wheels in {folder}")
        found[name] = wheels[0]
    return found

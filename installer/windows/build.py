"""``dev.py build windows``: from a clone to ``dist/SealDesk-<version>-x64.msi``, in one command.

Two builds of one commit give the same MSI, byte for byte, on machines with the same releases of
what :data:`MADE_WITH` names; the build tells it.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import sys
import tomllib
from collections.abc import Sequence
from pathlib import Path

from PyInstaller.archive.readers import ZlibArchiveReader

from installer import parts
from installer.system import ROOT, BuildFailed, run, say
from installer.windows import bundle, closure, msi, runtime
from installer.windows.wine import with_python

LARGEST_MSI, LARGEST_INSTALLED = 90_000_000, 170_000_000
"""Bytes."""
MADE_WITH = "Python, mingw-w64, wixl and msitools"


def version() -> str:
    """The product's version, from pyproject.toml."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return str(project["version"])


def epoch() -> int:
    """The time that everything made bears: SOURCE_DATE_EPOCH, else the last commit's."""
    given = os.environ.get("SOURCE_DATE_EPOCH")
    return int(given or run(["git", "log", "-1", "--format=%ct"]))


def build(official: Path | None = None, release: str = "", target: Path | None = None) -> Path:
    """Build the MSI; its path. *release* overrides the version, for trials of upgrades."""
    release = release or version()
    moment = epoch()
    prepared = runtime.prepare(official)
    work = ROOT / "build" / "windows"
    folder = bundle.build(with_python(prepared), prepared, release, moment, work)
    list_parts(folder, prepared, release, moment)
    closure.check(folder)
    target = target or ROOT / "dist" / f"SealDesk-{release}-x64.msi"
    target.parent.mkdir(exist_ok=True)
    msi.build(folder, work / "sealdesk.ico", release, moment, target)
    check_sizes(folder, target)
    digest = hashlib.sha256(target.read_bytes()).hexdigest()
    say(f"{target.relative_to(ROOT) if target.is_relative_to(ROOT) else target}")
    say(f"SHA-256 {digest}; the same for this commit with the same releases of {MADE_WITH}")
    return target


def list_parts(folder: Path, prepared: runtime.Runtime, release: str, moment: int) -> None:
    """Add the list of parts and the licences to the bundle."""
    libraries = folder / bundle.LIBRARIES
    modules = ZlibArchiveReader(str(libraries / "program.pyz"), check_pymagic=False).toc
    files = [
        path.relative_to(libraries).as_posix().lower()
        for path in libraries.rglob("*")
        if path.is_file()
    ]
    found = parts.packages(prepared.packages, modules, files)
    licence = prepared.path / "LICENSE.txt"
    notes = {
        "source": prepared.python_source,
        "standard-library": prepared.library_version,
        "standard-library-source": prepared.library_source,
        "standard-library-sha256": prepared.library_sha256,
    }
    found.append(parts.Part("cpython", prepared.python_version, "PSF-2.0", (licence,), notes=notes))
    site = prepared.packages
    for package in ("msvc-runtime", "pyinstaller"):
        found += _carrier(package, site, prepared)
    parts.write(
        folder, found, release, moment, {"commit": run(["git", "rev-parse", "HEAD"]).strip()}
    )
    for path in sorted(folder.rglob("*")):
        os.utime(path, (moment, moment))


def _carrier(name: str, site: Path, prepared: runtime.Runtime) -> list[parts.Part]:
    """Parts that no module shows: PyInstaller's program loader, Microsoft's runtime."""
    if name == "pyinstaller":
        folder = next(site.glob("pyinstaller-*.dist-info"))
        return [parts.of_folder(folder, {"part": "the loader in both programs"})]
    text = prepared.path / "MSVC-LICENSE.txt"
    version_of_it = prepared.compiler_runtime.split("-")[1]
    return [parts.Part(name, version_of_it, "Microsoft Visual C++ Redistributable", (text,))]


def check_sizes(folder: Path, package: Path) -> None:
    """Raise :class:`BuildFailed` for an MSI or an installation that is larger than promised."""
    installed = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    packed = package.stat().st_size
    say(f"MSI {packed / 1e6:.1f} MB, installed {installed / 1e6:.1f} MB")
    if packed > LARGEST_MSI or installed > LARGEST_INSTALLED:
        raise BuildFailed("that is more than 90 MB packed or 170 MB installed")


def main(arguments: Sequence[str]) -> int:
    """Build, or say why not."""
    parser = argparse.ArgumentParser(prog="dev.py build windows", description=__doc__)
    parser.add_argument(
        "--runtime", type=Path, help="folder with python.org's embeddable package, unpacked"
    )
    options = parser.parse_args(arguments)
    try:
        build(options.runtime)
    except BuildFailed as error:
        print(f"✗ {error}", file=sys.stderr)  # noqa: T201 - the build speaks to a terminal
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

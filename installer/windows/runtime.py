"""CPython for Windows in one folder: python.org's signed files, the standard library, our packages.

python.org's files come from a folder given by hand (the official embeddable zip, unpacked) or else
from the wheel of installer/windows.lock that redistributes them unchanged: each must bear the
signature of the Python Software Foundation, time-stamped, up to a root that Debian trusts. What
such a wheel lacks is made here: ``python.exe``, ``python3.dll`` (the stable ABI, forwarded) and
``Lib``, copied from the Python that runs the build. Its patch level may differ from the DLL's; the
difference is told and stands in the list of parts.
"""

from __future__ import annotations

import hashlib
import json
import platform
import re
import shutil
import sys
import sysconfig
import zipfile
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from functools import cache as cache_answer
from pathlib import Path

from filelock import FileLock

from installer.system import ROOT, BuildFailed, cache, run, say
from installer.windows import pe, wheels

LOCK = ROOT / "installer" / "requirements.lock"
CARRIERS = ROOT / "installer" / "windows.lock"
TRUSTED = Path("/etc/ssl/certs/ca-certificates.crt")
PYTHON_DLL = "python311.dll"
SIGNER = "CN=Python Software Foundation"
MINGW = "x86_64-w64-mingw32"

_RECIPE = 2
"""To be raised when this module makes something else of the same files."""

# One runtime of Microsoft's compiler for all: the newest, since the first one loaded serves all.
COMPILER_RUNTIME = (
    "vcruntime140.dll", "vcruntime140_1.dll", "msvcp140.dll", "msvcp140_1.dll", "msvcp140_2.dll",
)  # fmt: skip

# Parts of the standard library that neither the program nor its tests use on Windows.
_LEFT_OUT = {
    "__pycache__", "config-3.11-x86_64-linux-gnu", "dist-packages", "idlelib", "lib-dynload",
    "lib2to3", "site-packages", "test", "turtledemo", "EXTERNALLY-MANAGED", "LICENSE.txt",
    "sitecustomize.py",
}  # fmt: skip

_PROGRAM = r"""
#include <wchar.h>
__declspec(dllimport) int Py_Main(int count, wchar_t **words);
int wmain(int count, wchar_t **words) { return Py_Main(count, words); }
"""
_FORWARDER = "int __stdcall DllMainCRTStartup(void *m, unsigned r, void *x) { return 1; }\n"


@dataclass(frozen=True)
class Runtime:
    """A ready runtime and where its parts are from; kept beside it as ``sealdesk-runtime.json``."""

    folder: str
    python_version: str
    """Of the DLL."""
    python_source: str
    library_version: str
    library_source: str
    library_sha256: str
    """Over the names and contents of all files of ``Lib``."""
    compiler_runtime: str

    @property
    def differs(self) -> bool:
        """Is the standard library of another patch level than the DLL?"""
        return self.library_version != self.python_version

    @property
    def path(self) -> Path:
        return Path(self.folder)

    @property
    def packages(self) -> Path:
        return self.path / "Lib" / "site-packages"


def prepare(official: Path | None = None) -> Runtime:
    """The runtime with all packages of the lock; made anew only when what it is made of changed.

    *official* is a folder with the embeddable package of python.org.
    """
    with FileLock(cache() / "runtime.lock"):  # two builds at once make it once
        return _prepared(official)


def _prepared(official: Path | None) -> Runtime:
    key = _key(official)
    folder = cache() / f"runtime-{key[:16]}"
    record = folder / "sealdesk-runtime.json"
    if record.is_file():
        return Runtime(**json.loads(record.read_text(encoding="utf-8")))
    say("assembling CPython for Windows with the packages of the lock")
    shutil.rmtree(folder, ignore_errors=True)
    carriers = wheels.fetch(CARRIERS)
    for part in ("DLLs", "Lib"):
        (folder / part).mkdir(parents=True)
    if official is None:
        source = _from_carrier(carriers["panda3d"], folder)
    else:
        source = _from_official(official, folder)
    _compiler_runtime(carriers["msvc-runtime"], folder)
    library_version, library_source = _standard_library(folder, official)
    digest = tree_sha256(folder / "Lib")
    if not (folder / "python.exe").is_file():
        _make_programs(folder)
    wheels.install(LOCK, folder / "Lib" / "site-packages")
    runtime = Runtime(
        str(folder),
        python_version(folder / PYTHON_DLL),
        source,
        library_version,
        library_source,
        digest,
        carriers["msvc-runtime"].name,
    )
    record.write_text(json.dumps(asdict(runtime), indent=1), encoding="utf-8")
    if runtime.differs:
        say(
            f"note: the standard library is of Python {library_version} ({library_source}), "
            f"the DLLs are of {runtime.python_version}"
        )
    return runtime


def python_version(dll: Path) -> str:
    """The version in a python3xx.dll: file version 3.11.9150.1013 is 3.11.9."""
    version = pe.read(dll).version
    if version is None:
        raise BuildFailed(f"{dll.name} bears no version")
    major, minor, build, _ = version
    return f"{major}.{minor}.{build // 1000}"


def tree_sha256(folder: Path) -> str:
    """One digest over the names and contents of all files below *folder*."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            digest.update(path.relative_to(folder).as_posix().encode() + b"\0")
            digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def check_signature(path: Path, signer: str = SIGNER) -> None:
    """Raise :class:`BuildFailed` unless *signer* has signed *path*, with a time stamp."""
    # Newer releases ask the network for revocation lists unless told not to; 2.5 does not know how.
    trusted = ("-CAfile", TRUSTED, "-TSA-CAfile", TRUSTED)
    output = run(["osslsigncode", "verify", *without_lists(), *trusted, "-in", path])
    if "Signature verification: ok" not in output or signer not in output:
        raise BuildFailed(f"{path.name} is not signed by {signer}:\n{output}")
    if "Timestamp Server Signature verification: ok" not in output:
        raise BuildFailed(f"{path.name}: its signature bears no valid time stamp")


@cache_answer
def without_lists() -> tuple[str, ...]:
    """The option that keeps osslsigncode from asking the network for revocation lists."""
    said = run(["osslsigncode", "--version"])
    found = re.search(r"osslsigncode (\d+)\.(\d+)", said)
    return ("-ignore-crl",) if found and tuple(map(int, found.groups())) > (2, 5) else ()


def _key(official: Path | None) -> str:
    digest = hashlib.sha256(f"{_RECIPE} {sys.version}".encode())
    for path in (LOCK, CARRIERS):
        digest.update(path.read_bytes())
    if official is not None:
        digest.update(tree_sha256(official).encode())
    return digest.hexdigest()


def _signed_by_python(paths: Iterable[Path]) -> None:
    for path in paths:
        if not path.name.lower().startswith(("api-ms-", "vcruntime", "ucrtbase")):
            check_signature(path)


def _from_carrier(wheel: Path, folder: Path) -> str:
    unpacked = folder / "carrier"
    with zipfile.ZipFile(wheel) as archive:
        names = [name for name in archive.namelist() if name.startswith("deploy_libs/")]
        for name in names:
            target = unpacked / Path(name).name
            target.parent.mkdir(exist_ok=True)
            target.write_bytes(archive.read(name))
    wanted = [*unpacked.glob("*.pyd")]
    for name in (PYTHON_DLL, "libcrypto-3.dll", "libssl-3.dll", "libffi-8.dll", "sqlite3.dll"):
        if not (unpacked / name).is_file():
            raise BuildFailed(f"{wheel.name} holds no {name}")
        wanted.append(unpacked / name)
    _signed_by_python(wanted)
    for path in wanted:
        if not path.name.startswith(("_tkinter", "_msi")):
            path.rename(folder / ("" if path.name == PYTHON_DLL else "DLLs") / path.name)
    shutil.rmtree(unpacked)
    return wheel.name


def _from_official(official: Path, folder: Path) -> str:
    if not (official / PYTHON_DLL).is_file():
        raise BuildFailed(
            f"{official} holds no {PYTHON_DLL}: an unpacked embeddable package has it"
        )
    files = [path for path in official.iterdir() if path.is_file() and pe.is_pe(path)]
    _signed_by_python(files)
    for path in files:
        beside = path.suffix == ".exe" or path.name.startswith("python")
        shutil.copyfile(path, folder / ("" if beside else "DLLs") / path.name)
    return f"{official.name} (python.org)"


def _compiler_runtime(wheel: Path, folder: Path) -> None:
    for stale in folder.glob("DLLs/vcruntime*.dll"):
        stale.unlink()
    with zipfile.ZipFile(wheel) as archive:
        for name in COMPILER_RUNTIME:
            found = [entry for entry in archive.namelist() if entry.endswith(f"/Scripts/{name}")]
            if len(found) != 1:
                raise BuildFailed(f"{wheel.name} holds no {name}")
            (folder / name).write_bytes(archive.read(found[0]))
        text = next(entry for entry in archive.namelist() if entry.endswith("/LICENSE"))
        (folder / "MSVC-LICENSE.txt").write_bytes(archive.read(text))


def _standard_library(folder: Path, official: Path | None) -> tuple[str, str]:
    """Fill ``Lib``; the library's version and where it is from."""
    packed = None if official is None else official / "python311.zip"
    if packed is not None and packed.is_file():
        with zipfile.ZipFile(packed) as archive:
            archive.extractall(folder / "Lib")
        return python_version(folder / PYTHON_DLL), f"{packed.name} (python.org)"
    if sys.version_info[:2] != (3, 11):
        raise BuildFailed("the standard library of Python 3.11 is needed: build with Python 3.11")
    library = Path(sysconfig.get_path("stdlib"))
    shutil.copytree(
        library,
        folder / "Lib",
        ignore=lambda _, names: [
            name for name in names if name in _LEFT_OUT or name.startswith("_sysconfigdata")
        ],
        dirs_exist_ok=True,
    )
    shutil.copyfile(library / "LICENSE.txt", folder / "LICENSE.txt")
    return platform.python_version(), f"CPython {sys.version.split()[0]} of the building machine"


def _make_programs(folder: Path) -> None:
    """python.exe, and python3.dll for extensions of the stable ABI."""
    work = folder / "made"
    work.mkdir()
    exports = pe.read(folder / PYTHON_DLL).exports()
    import_library(folder / PYTHON_DLL, work)
    stem = PYTHON_DLL.removesuffix(".dll")
    lines = [f"  {e.name}={stem}.{e.name}{' DATA' if e.is_data else ''}\n" for e in exports]
    (work / "python3.def").write_text(f"LIBRARY python3.dll\nEXPORTS\n{''.join(lines)}")
    (work / "program.c").write_text(_PROGRAM)
    (work / "forwarder.c").write_text(_FORWARDER)
    compiler = f"{MINGW}-gcc"
    program = ("-municode", "-o", folder / "python.exe", "program.c", "-L.", f"-l{stem}")
    run([compiler, "-O2", "-s", *program], cwd=work)
    forwarder = ("-o", folder / "python3.dll", "forwarder.c", "python3.def")
    run([compiler, "-shared", "-nostdlib", "-s", "-e", "DllMainCRTStartup", *forwarder], cwd=work)
    shutil.rmtree(work)


def import_library(dll: Path, folder: Path) -> Path:
    """What mingw links against in place of *dll*: ``lib<name>.a`` in *folder*."""
    lines = [f"  {e.name}{' DATA' if e.is_data else ''}\n" for e in pe.read(dll).exports()]
    definition = folder / f"{dll.stem}.def"
    definition.write_text(f"LIBRARY {dll.name}\nEXPORTS\n{''.join(lines)}", encoding="ascii")
    target = folder / ("lib" + dll.stem.removeprefix("lib") + ".a")
    run([f"{MINGW}-dlltool", "-d", definition, "-l", target], cwd=folder)
    return target

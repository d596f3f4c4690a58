"""Compiles the virtual Ukey, once per version of its sources. Standard library only.

``python3 -m device.virtual.build`` prints the path of the module.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

_SOURCES = Path(__file__).resolve().parent
_FLAGS = (
    "-std=c11", "-O2", "-g", "-fPIC", "-shared", "-fvisibility=hidden",
    "-Wall", "-Wextra", "-Wpedantic",
    "-U_FORTIFY_SOURCE", "-D_FORTIFY_SOURCE=2", "-fstack-protector-strong", "-Wl,-z,relro,-z,now",
)  # fmt: skip
_LIBRARIES = ("-lcrypto", "-lpthread")


class BuildError(RuntimeError):
    """The virtual Ukey could not be compiled; the message says what is missing."""


def module_path(folder: Path | None = None) -> Path:
    """The ready module: one shipped beside the sources, else the one compiled into `folder`."""
    return _shipped() if _shipped().is_file() else build(folder)


def can_be_had() -> bool:
    """Is the module there, or a compiler that may make it?"""
    made = sys.platform != "win32" and comes_along() and _compiler() is not None
    return _shipped().is_file() or made


def comes_along() -> bool:
    """Has this program the module or its sources? An installed one has the module or neither."""
    return _shipped().is_file() or any(_SOURCES.glob("*.c"))


def _shipped() -> Path:
    return _SOURCES / ("sealdesk-vukey.dll" if sys.platform == "win32" else "sealdesk-vukey.so")


def _compiler() -> str | None:
    return os.environ.get("CC", "") or shutil.which("cc") or shutil.which("gcc")


def build(folder: Path | None = None) -> Path:
    """Compile the C sources into `folder` (default ``<repository>/.sealdesk``) if they changed.

    Returns the shared object's path. Raises BuildError without sources, a compiler
    or OpenSSL headers.
    """
    sources = sorted(_SOURCES.glob("*.c"))
    if not sources:
        raise BuildError("this program comes without the virtual Ukey")
    chosen = os.environ.get("CC", "")
    digest = hashlib.sha256(repr((chosen, _FLAGS, _LIBRARIES)).encode())
    for source in [*sources, *sorted(_SOURCES.glob("*.h"))]:
        digest.update(source.name.encode() + b"\0" + source.read_bytes() + b"\0")
    folder = folder or _SOURCES.parent.parent / ".sealdesk"
    target = folder / f"vukey-{digest.hexdigest()[:16]}.so"
    if target.is_file():
        return target
    compiler = _compiler()
    if compiler is None:
        raise BuildError("no C compiler: the virtual Ukey needs gcc and libssl-dev (Debian)")
    folder.mkdir(parents=True, exist_ok=True)
    # Linked under another name first: a second process never loads half a module.
    handle, name = tempfile.mkstemp(prefix="vukey-", suffix=".tmp", dir=folder)
    os.close(handle)
    fresh = Path(name)
    try:
        command = [*compiler.split(), *_FLAGS, *map(str, sources)]
        result = subprocess.run(  # noqa: S603 - our own sources and the user's own compiler
            [*command, "-o", str(fresh), *_LIBRARIES], capture_output=True, text=True, check=False
        )
        if result.returncode != 0:
            hint = " (install libssl-dev)" if "openssl/" in result.stderr else ""
            raise BuildError(f"the virtual Ukey does not compile{hint}:\n{result.stderr}")
        fresh.chmod(0o755)
        fresh.replace(target)
    except OSError as error:
        raise BuildError(f"the C compiler {compiler!r} cannot be run: {error}") from error
    finally:
        fresh.unlink(missing_ok=True)
    return target


if __name__ == "__main__":
    sys.stdout.write(f"{module_path()}\n")

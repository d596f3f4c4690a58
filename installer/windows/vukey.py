"""The virtual Ukey as a DLL, for training and demonstration, linked to CPython's own libcrypto."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from installer.system import ROOT, run
from installer.windows.runtime import MINGW, Runtime, import_library

SOURCES = ROOT / "device" / "virtual"
NAME = "sealdesk-vukey.dll"
HEADERS = (Path("/usr/include/openssl"), Path("/usr/include/x86_64-linux-gnu/openssl"))


def build(runtime: Runtime, target: Path) -> None:
    """Compile the DLL to *target*. Raises :class:`BuildFailed`, for a warning too."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        for folder in HEADERS:  # Debian splits them between two; nothing else of the host is seen
            shutil.copytree(folder, work / "openssl", dirs_exist_ok=True)
        import_library(runtime.path / "DLLs" / "libcrypto-3.dll", work)
        warnings = ("-Wall", "-Wextra", "-Wpedantic", "-Werror")
        code = ("-std=c11", "-O2", "-s", "-fstack-protector-strong", f"-ffile-prefix-map={ROOT}=.")
        libraries = ("-lcrypto-3", "-static-libgcc", "-Wl,-Bstatic", "-lssp", "-Wl,-Bdynamic")
        # ld would take the time and, for the base address, the name of the folder into the file.
        linking = ("--exclude-all-symbols", "--no-insert-timestamp", "--disable-auto-image-base")
        sources = sorted(SOURCES.glob("*.c"))
        compile_: list[str | Path] = [f"{MINGW}-gcc", *code, *warnings, "-I", work, *sources]
        run(
            [
                *compile_,
                "-shared",
                "-o",
                target,
                "-L",
                work,
                *libraries,
                *(f"-Wl,{option}" for option in linking),
            ]
        )

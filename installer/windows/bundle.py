"""The program as a folder: frozen by PyInstaller under Wine, trimmed, and its closure checked."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from installer import icon
from installer.policy import templates
from installer.system import ROOT, BuildFailed, say
from installer.windows import closure, vukey
from installer.windows.runtime import COMPILER_RUNTIME, Runtime
from installer.windows.wine import Wine

HERE = ROOT / "installer" / "windows"
PROGRAMS = ("SealDesk.exe", "sealdesk-cli.exe")
LIBRARIES = "_internal"
POLICY = "policy"


def build(wine: Wine, runtime: Runtime, version: str, epoch: int, work: Path) -> Path:
    """Freeze the program into ``work/dist/SealDesk``; returns that folder.

    *epoch* is the time, in seconds, that everything made here bears.
    """
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    icon.write_ico(work / "sealdesk.ico")
    _metadata(work, version)
    say("freezing the program with PyInstaller under Wine")
    freeze = (r"C:\py311\python.exe", "-m", "PyInstaller", "--noconfirm", "--log-level", "WARN")
    dist, rest = wine.windows_path(work / "dist"), wine.windows_path(work / "build")
    recipe = wine.windows_path(HERE / "sealdesk.spec")
    wine.must(
        [*freeze, "--distpath", dist, "--workpath", rest, recipe],
        environment={
            "SEALDESK_BUNDLE_WORK": wine.windows_path(work),
            "SEALDESK_BUNDLE_VERSION": version,
            "SOURCE_DATE_EPOCH": str(epoch),
            "PYTHONHASHSEED": "0",
            "PYTHONDONTWRITEBYTECODE": "1",
        },
        timeout=7200,  # on a busy machine
    )
    folder = work / "dist" / "SealDesk"
    if not (folder / PROGRAMS[1]).is_file():
        raise BuildFailed("PyInstaller has made no program")
    _one_compiler_runtime(folder, runtime)
    say("compiling the virtual Ukey")
    vukey.build(runtime, folder / LIBRARIES / "device" / "virtual" / vukey.NAME)
    _command(folder)
    policies(folder)
    for path in sorted(folder.rglob("*")):
        os.utime(path, (epoch, epoch))
    closure.check(folder)
    return folder


def _one_compiler_runtime(folder: Path, runtime: Runtime) -> None:
    """Keep the newest copy of Microsoft's runtime, beside python311.dll, and no other."""
    for path in sorted((folder / LIBRARIES).rglob("*.dll")):
        if path.name.lower().startswith(("vcruntime", "msvcp", "concrt", "vccorlib")):
            path.unlink()
    for name in COMPILER_RUNTIME:
        shutil.copyfile(runtime.path / name, folder / LIBRARIES / name)


def _command(folder: Path) -> None:
    """``bin\\sealdesk.cmd``: the only folder for PATH holds nothing else."""
    (folder / "bin").mkdir()
    command = '@"%~dp0..\\sealdesk-cli.exe" %*\r\n'
    (folder / "bin" / "sealdesk.cmd").write_bytes(command.encode("ascii"))


def policies(folder: Path) -> None:
    """``policy``: the administrative templates, in the folders of a policy store."""
    for path, content in templates.files().items():
        target = folder / POLICY / path.relative_to(templates.HERE)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(content, encoding="utf-8", newline="\r\n")


def _metadata(work: Path, version: str) -> None:
    """What ``importlib.metadata`` reads our version from, as an installed package has it."""
    folder = work / f"sealdesk-{version}.dist-info"
    folder.mkdir()
    text = f"Metadata-Version: 2.4\nName: sealdesk\nVersion: {version}\n"
    (folder / "METADATA").write_text(text, encoding="utf-8")

"""A driver is the file that was named; nothing beside the way there is loaded in its place."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from device import loading
from device.loading import full_path
from device.token import ModuleNotFound, ModulePathIncomplete
from device.virtual.build import module_path

ROOT = Path(__file__).parents[2]


@pytest.fixture
def system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The system's folder of drivers, empty; the working folder is another, with a plant in it."""
    folder = tmp_path / "system"
    folder.mkdir()
    monkeypatch.setattr(loading, "driver_folders", lambda: iter([tmp_path / "missing", folder]))
    work = tmp_path / "work"
    work.mkdir()
    (work / "vendor.dll").touch()
    monkeypatch.chdir(work)
    monkeypatch.setenv("PATH", str(work))
    return folder


def test_a_bare_name_is_looked_for_in_the_systems_folders_alone(system: Path) -> None:
    with pytest.raises(ModuleNotFound) as missing:
        full_path("vendor.dll")
    assert missing.value.path == "vendor.dll"
    (system / "vendor.dll").touch()
    assert full_path("vendor.dll") == (system / "vendor.dll").resolve()


@pytest.mark.parametrize("name", ["./vendor.dll", "../work/vendor.dll", "a/vendor.dll", "", ".."])
def test_a_relative_path_is_refused(system: Path, name: str) -> None:
    with pytest.raises(ModulePathIncomplete) as refused:
        full_path(name)
    assert refused.value.path == name


def test_a_full_path_is_taken_as_it_is(system: Path) -> None:
    assert full_path(system / "vendor.dll") == (system / "vendor.dll").resolve()
    assert full_path(str(Path.cwd() / "vendor.dll")) == (Path.cwd() / "vendor.dll").resolve()


if sys.platform == "win32":
    COMPANION = b"compani-on3.dll"
    """Takes the place of ``libcrypto-3.dll``, letter for letter, in a copy of the virtual Ukey."""
    PROGRAM = """
import ctypes, sys
from crypto.windows_process import keep_to_known_folders
keep_to_known_folders()
from device.pkcs11 import open_module
from device.token import ModuleError
try:
    print("loaded", open_module(sys.argv[1]).path)
except ModuleError as error:
    print("refused", type(error).__name__)
kernel = ctypes.WinDLL("kernel32")
kernel.GetModuleHandleW.restype = ctypes.c_void_p
kernel.GetModuleFileNameW.argtypes = (ctypes.c_void_p, ctypes.c_wchar_p, ctypes.c_uint32)
handle = kernel.GetModuleHandleW(sys.argv[2])
place = ctypes.create_unicode_buffer(32768)
if handle:
    kernel.GetModuleFileNameW(handle, place, 32768)
print(place.value)
"""

    @pytest.fixture
    def vendor(tmp_path: Path) -> Path:
        """A driver that wants a companion, which is not there."""
        folder = tmp_path / "厂商"
        folder.mkdir()
        code = module_path().read_bytes()
        assert code.count(b"libcrypto-3.dll") == 1
        driver = folder / "vendor.dll"
        driver.write_bytes(code.replace(b"libcrypto-3.dll", COMPANION))
        return driver

    def companion() -> Path:
        """CPython's libcrypto, which has the functions that the driver wants."""
        import _hashlib

        return Path(_hashlib.__file__).parent / "libcrypto-3.dll"

    def opened(driver: str, plants: Path) -> list[str]:
        """What came of opening *driver* where the working folder and PATH hold *plants*, and from
        where the companion was loaded."""
        done = subprocess.run(
            [sys.executable, "-X", "utf8", "-c", PROGRAM, driver, COMPANION.decode()],
            capture_output=True,
            encoding="utf-8",
            cwd=plants,
            env={**os.environ, "PATH": str(plants), "PYTHONPATH": str(ROOT)},
            check=True,
        )
        return done.stdout.splitlines()

    @pytest.fixture
    def plants(tmp_path: Path, vendor: Path) -> Path:
        """A working folder with a driver and a companion of the right names."""
        folder = tmp_path / "plants"
        folder.mkdir()
        shutil.copy(companion(), folder / COMPANION.decode())
        shutil.copy(vendor, folder / "vendor.dll")
        return folder

    def test_a_companion_is_loaded_from_beside_the_driver(vendor: Path, plants: Path) -> None:
        shutil.copy(companion(), vendor.parent / COMPANION.decode())
        said, place = opened(str(vendor), plants)
        assert said == f"loaded {vendor}"
        assert Path(place).parent.samefile(vendor.parent)

    def test_a_companion_in_the_working_folder_or_on_path_is_not(
        vendor: Path, plants: Path
    ) -> None:
        assert opened(str(vendor), plants) == ["refused ModuleUnusable", ""]

    def test_a_bare_name_does_not_load_from_the_working_folder(plants: Path) -> None:
        assert opened("vendor.dll", plants) == ["refused ModuleNotFound", ""]

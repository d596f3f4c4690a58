"""The libcrypto in use is the one that CPython itself has loaded, whatever else bears its name."""

import ctypes
import os
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from crypto.algorithms.windows_imports import imported


def image(*libraries: tuple[bytes, int]) -> ctypes.Array[ctypes.c_char]:
    """An image as the loader leaves it in memory: names, and the first address bound for each."""
    raw = bytearray(0x1000)
    struct.pack_into("<I", raw, 0x3C, 0x80)
    raw[0x80:0x84] = b"PE\0\0"
    struct.pack_into("<I", raw, 0x80 + 144, 0x400 if libraries else 0)
    for number, (name, address) in enumerate(libraries):
        at_name, at_address = 0x600 + 32 * number, 0x800 + 16 * number
        struct.pack_into("<5I", raw, 0x400 + 20 * number, 0, 0, 0, at_name, at_address)
        raw[at_name : at_name + len(name)] = name
        struct.pack_into("<Q", raw, at_address, address)
    return ctypes.create_string_buffer(bytes(raw), len(raw))


@pytest.mark.parametrize(
    "libraries", [(), ((b"libcrypto-3.dll", 0x7FFF_1234_5678),), ((b"a.dll", 1), (b"b.dll", 2))]
)
def test_what_an_image_imports_is_read_from_memory(
    libraries: tuple[tuple[bytes, int], ...],
) -> None:
    made = image(*libraries)
    found = list(imported(ctypes.addressof(made)))
    assert found == [(name.decode(), address) for name, address in libraries]


if sys.platform == "win32":
    PROGRAM = """
import ctypes, sys
from pathlib import Path
from device.loading import load
own = Path(sys.base_prefix) / "DLLs" / "libcrypto-3.dll"
for plant in sys.argv[1:]:
    load(Path(plant))
from crypto.algorithms.gm_libcrypto import LibcryptoEngine
engine = LibcryptoEngine()
place = ctypes.create_unicode_buffer(32768)
ctypes.WinDLL("kernel32").GetModuleFileNameW(
    ctypes.c_void_p(engine._library._handle), place, 32768)
assert Path(place.value).samefile(own), place.value
assert engine.multiply(bytes(31) + b"\\1", None)
"""

    @pytest.mark.parametrize("name", ["libcrypto-3.dll", "libcrypto-3-x64.dll"])
    def test_another_library_of_the_name_is_never_used(name: str, tmp_path: Path) -> None:
        """As a driver may have loaded it, or as it lies in the working folder."""
        own = Path(sys.base_prefix) / "DLLs" / "libcrypto-3.dll"
        (tmp_path / name).write_bytes(own.read_bytes())
        for planted in ([], [str(tmp_path / name)]):
            command = [sys.executable, "-c", PROGRAM, *planted]
            root = Path(__file__).parents[3]
            subprocess.run(
                command, cwd=tmp_path, check=True, env={**os.environ, "PYTHONPATH": str(root)}
            )

    def test_one_in_system32_is_not_used_either() -> None:
        """Where this user may write there, as under Wine."""
        from device.loading import system_folder

        plant = system_folder() / "libcrypto-3-x64.dll"
        own = Path(sys.base_prefix) / "DLLs" / "libcrypto-3.dll"
        assert not plant.exists()
        try:
            plant.write_bytes(own.read_bytes())
            root = Path(__file__).parents[3]
            subprocess.run(
                [sys.executable, "-c", PROGRAM],
                check=True,
                env={**os.environ, "PYTHONPATH": str(root)},
            )
        finally:
            plant.unlink(missing_ok=True)

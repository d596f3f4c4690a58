"""Looks at a driver library before it is loaded: is it one, and for this processor?"""

from __future__ import annotations

import struct
import sys
from dataclasses import dataclass
from pathlib import Path

from device.token import ModuleNotFound, ModuleUnusable, ModuleWrongArchitecture

_ELF_MACHINES = {3: "x86", 8: "MIPS", 40: "ARM", 62: "x86-64", 183: "ARM64", 243: "RISC-V",
                 258: "LoongArch", 0x9916: "SW64"}  # fmt: skip
_PE_MACHINES = {0x14C: "x86", 0x8664: "x86-64", 0x1C4: "ARM", 0xAA64: "ARM64"}
_ENOUGH = 4096


@dataclass(frozen=True)
class Architecture:
    """What a program file was built for."""

    format: str
    """``ELF`` (Linux) or ``PE`` (Windows)."""
    machine: int
    """The format's own number."""
    bits: int

    def __str__(self) -> str:
        names = _ELF_MACHINES if self.format == "ELF" else _PE_MACHINES
        name = names.get(self.machine, f"machine {self.machine:#x}")
        return f"{name} ({self.bits}-bit {self.format})"


def architecture_of(header: bytes) -> Architecture | None:
    """From the first bytes of a file; None if it is neither ELF nor PE."""
    try:
        if header[:4] == b"\x7fELF":
            order = {1: "<", 2: ">"}[header[5]]
            (machine,) = struct.unpack_from(order + "H", header, 18)
            return Architecture("ELF", machine, {1: 32, 2: 64}[header[4]])
        if header[:2] == b"MZ":
            (start,) = struct.unpack_from("<I", header, 0x3C)
            signature, machine = struct.unpack_from("<4sH", header, start)
            (magic,) = struct.unpack_from("<H", header, start + 24)
            if signature == b"PE\0\0":
                return Architecture("PE", machine, {0x10B: 32, 0x20B: 64}[magic])
    except (struct.error, KeyError, IndexError):
        pass
    return None


def _is_cut_short(header: bytes, size: int) -> bool:
    """Whether an ELF file ends before its segments do: the loader would not refuse it but crash.

    A program header is type, flags, offset, address, address, file size (64 bits), or the same
    without flags in second place (32 bits).
    """
    order = "<" if header[5] == 1 else ">"
    wide = header[4] == 2
    table = struct.Struct(order + ("Q14xHH" if wide else "I10xHH"))
    segment = struct.Struct(order + ("8xQ16xQ" if wide else "4xI8xI"))
    try:
        start, step, count = table.unpack_from(header, 32 if wide else 28)
        for index in range(count):
            offset, length = segment.unpack_from(header, start + index * step)
            if offset + length > size:
                return True
    except struct.error:
        return True
    return False


def check_library(path: Path) -> None:
    """Raise what is wrong with the library file, before the loader gives its own obscure reason.

    Raises ModuleNotFound, ModuleWrongArchitecture, ModuleUnusable.
    """
    try:
        with path.open("rb") as file:
            header = file.read(_ENOUGH)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise ModuleNotFound(f"there is no file {path}", str(path)) from error
    except OSError as error:
        raise ModuleUnusable(f"{path} cannot be read: {error}", str(path)) from error
    found = architecture_of(header)
    with Path(sys.executable).resolve().open("rb") as file:
        needed = architecture_of(file.read(_ENOUGH))
    if needed is None:  # a system with another format (macOS): let its loader decide
        return
    if found is None:
        raise ModuleUnusable(f"{path} is no {needed.format} library", str(path))
    if found != needed:
        raise ModuleWrongArchitecture(str(path), str(found), str(needed))
    if found.format == "ELF" and _is_cut_short(header, path.stat().st_size):
        raise ModuleUnusable(f"{path} is cut short", str(path))

"""Reads what the build needs to know of a Windows program or DLL (PE/COFF, 64 bits).

Standard library only. Every reader raises :class:`NotPe` on a file that is none, or is cut off.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path

AMD64 = 0x8664
_EXPORTS, _IMPORTS, _CERTIFICATES, _DELAYED = 0, 1, 4, 13
_EXECUTABLE = 0x20000000
_FIXED_VERSION = struct.pack("<I", 0xFEEF04BD)


class NotPe(ValueError):
    """The file is no 64-bit PE file."""


@dataclass(frozen=True)
class Section:
    """One section: where it stands in memory and in the file."""

    address: int
    size: int
    offset: int
    executable: bool


@dataclass(frozen=True)
class Export:
    """One exported name."""

    name: str
    is_data: bool


@dataclass(frozen=True)
class Pe:
    """One PE file in memory."""

    raw: bytes
    machine: int
    sections: tuple[Section, ...]
    directories: tuple[tuple[int, int], ...]
    """(address, size) of each data directory; the certificates' address is a file offset."""

    @property
    def has_signature(self) -> bool:
        """Is there an Authenticode signature? Whether it holds, osslsigncode says."""
        return self._directory(_CERTIFICATES)[0] != 0

    @property
    def made_by_wine(self) -> bool:
        """Is this one of Wine's own DLLs, which must never be shipped?"""
        head = self.raw[:4096]
        return b"Wine builtin" in head or b"Wine placeholder" in head

    @property
    def version(self) -> tuple[int, int, int, int] | None:
        """FileVersion of the version resource, if there is one."""
        at = self.raw.find(_FIXED_VERSION)
        if at < 0:
            return None
        high, low = struct.unpack_from("<II", self.raw, at + 8)
        return high >> 16, high & 0xFFFF, low >> 16, low & 0xFFFF

    def imports(self) -> frozenset[str]:
        """Names of the DLLs it is linked to, delayed ones included, in lower case."""
        found = set()
        for directory, size, name_at in ((_IMPORTS, 20, 12), (_DELAYED, 32, 4)):
            address = self._directory(directory)[0]
            while address:
                entry = self._bytes(address, size)
                name = struct.unpack_from("<I", entry, name_at)[0]
                if not name:
                    break
                found.add(self._text(name).lower())
                address += size
        return frozenset(found)

    def exports(self) -> tuple[Export, ...]:
        """What it exports by name."""
        address = self._directory(_EXPORTS)[0]
        if not address:
            return ()
        functions, names = struct.unpack_from("<II", self._bytes(address, 40), 20)
        at_functions, at_names, at_ordinals = struct.unpack_from(
            "<III", self._bytes(address, 40), 28
        )
        addresses = struct.unpack(f"<{functions}I", self._bytes(at_functions, 4 * functions))
        ordinals = struct.unpack(f"<{names}H", self._bytes(at_ordinals, 2 * names))
        pointers = struct.unpack(f"<{names}I", self._bytes(at_names, 4 * names))
        return tuple(
            Export(self._text(pointer), not self._section(addresses[ordinal]).executable)
            for pointer, ordinal in zip(pointers, ordinals, strict=True)
        )

    def _directory(self, index: int) -> tuple[int, int]:
        return self.directories[index] if index < len(self.directories) else (0, 0)

    def _section(self, address: int) -> Section:
        for section in self.sections:
            if section.address <= address < section.address + section.size:
                return section
        raise NotPe(f"no section holds address {address:#x}")

    def _offset(self, address: int) -> int:
        section = self._section(address)
        return address - section.address + section.offset

    def _bytes(self, address: int, size: int) -> bytes:
        offset = self._offset(address)
        found = self.raw[offset : offset + size]
        if len(found) != size:
            raise NotPe("a table is cut off")
        return found

    def _text(self, address: int) -> str:
        offset = self._offset(address)
        end = self.raw.find(b"\0", offset)
        if end < 0:
            raise NotPe("a name is cut off")
        return self.raw[offset:end].decode("ascii", "replace")


def is_pe(path: Path) -> bool:
    """Does *path* begin like a program or DLL of Windows?"""
    with path.open("rb") as file:
        return file.read(2) == b"MZ"


def read(path: Path) -> Pe:
    """The PE file at *path*."""
    raw = path.read_bytes()
    try:
        return _parsed(raw)
    except (struct.error, IndexError) as error:
        raise NotPe(f"{path.name}: cut off") from error
    except NotPe as error:
        raise NotPe(f"{path.name}: {error}") from None


def _parsed(raw: bytes) -> Pe:
    if raw[:2] != b"MZ":
        raise NotPe("no MZ at its start")
    start = struct.unpack_from("<I", raw, 0x3C)[0]
    if raw[start : start + 4] != b"PE\0\0":
        raise NotPe("no PE header")
    machine, sections, _, _, _, optional_size, _ = struct.unpack_from("<HHIIIHH", raw, start + 4)
    optional = start + 24
    if struct.unpack_from("<H", raw, optional)[0] != 0x20B:
        raise NotPe("not for 64 bits")
    count = struct.unpack_from("<I", raw, optional + 108)[0]
    directories = tuple(
        struct.unpack_from("<II", raw, optional + 112 + 8 * index)
        for index in range(min(count, 16))
    )
    table = []
    for index in range(sections):
        at = optional + optional_size + 40 * index
        size, address, stored, offset = struct.unpack_from("<IIII", raw, at + 8)
        flags = struct.unpack_from("<I", raw, at + 36)[0]
        table.append(Section(address, max(size, stored), offset, bool(flags & _EXECUTABLE)))
    return Pe(raw, machine, tuple(table), directories)

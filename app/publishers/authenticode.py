"""Who has signed a program or an installation package for Windows (Authenticode).

    signer_of(path)         the certificate that the signature names, read without believing it
    require_publisher(…)    that, and whether the system holds the signature to be good
    require_signed(…)       the same of a driver, whoever has signed it

The signature is PKCS#7 SignedData: in a program in the certificate table (PE/COFF), in a package in
the stream ``\\x05DigitalSignature`` of its compound file ([MS-CFB]).
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from pathlib import Path, PurePath, PureWindowsPath
from typing import Protocol

from app.errors import UpdateRejected
from crypto.asn1 import der
from crypto.pki.certificate import Certificate
from crypto.pki.names_and_algorithms import CertificateError, Name
from device.token import ON_NETWORK, ModuleNotSigned

_COMPOUND = bytes.fromhex("d0cf11e0a1b11ae1")
_STREAM = "\x05DigitalSignature"
_MAX_SIGNATURE = 1 << 20
_MAX_FILE = 512 << 20
_END = 0xFFFFFFFE
"""From here on a number is no sector's."""


class NotSigned(ValueError):
    """There is no signature in the file, or none that can be read."""


class Judge(Protocol):
    """Says whether a file's signature is good: whole, and up to a root that the system trusts."""

    def good(self, path: Path) -> bool:
        """Is it?"""


def require_publisher(path: Path, name: str, judge: Judge) -> None:
    """Raise :class:`UpdateRejected` "unsigned", "signature" or "publisher" unless *path* is signed
    well, by whoever is called *name*."""
    try:
        signer = signer_of(path)
    except NotSigned as error:
        raise UpdateRejected(path.name, "unsigned") from error
    if not judge.good(path):
        raise UpdateRejected(path.name, "signature")
    if not name or signer.subject.common_name != name:
        raise UpdateRejected(path.name, "publisher")


def require_signed(path: Path, judge: Judge) -> None:
    """Raise :class:`device.token.ModuleNotSigned` unless *path* is signed well and on this machine:
    another one could give one file to the check and another to the loader. Raises OSError."""
    if _on_network(path):
        raise ModuleNotSigned(str(path), ON_NETWORK)
    try:
        signer = signer_of(path)
    except NotSigned as error:
        raise ModuleNotSigned(str(path), "") from error
    if not judge.good(path):
        raise ModuleNotSigned(str(path), signer.subject.common_name)


def _on_network(path: PurePath) -> bool:
    r"""``\\server\share\…`` in all its forms; ``\\?\C:\…`` is a drive of this computer."""
    text = str(PureWindowsPath(str(path)))
    return text.startswith(ON_NETWORK) and re.match(r"\\\\\?\\[A-Za-z]:\\", text) is None


def publisher_of(path: Path, judge: Judge) -> str:
    """The common name of who has signed *path* well; "" for nobody."""
    try:
        signer = signer_of(path)
    except (NotSigned, OSError):
        return ""
    return signer.subject.common_name if judge.good(path) else ""


# --- who it says has signed ----------------------------------------------------------------------


def signer_of(path: Path) -> Certificate:
    """Raises :class:`NotSigned`, OSError."""
    if path.stat().st_size > _MAX_FILE:
        raise NotSigned("larger than any package")
    data = path.read_bytes()
    try:
        signature = _of_package(data) if data[:8] == _COMPOUND else _of_program(data)
        return _signer(signature)
    except (struct.error, IndexError, der.DerError, CertificateError, UnicodeDecodeError) as error:
        raise NotSigned(f"its signature cannot be read: {error}") from error


def _signer(signature: bytes) -> Certificate:
    """The certificate of the first signer of a SignedData (RFC 5652 §5.1), whatever it signs."""
    info = der.parse(signature, trailing=True).children(der.SEQUENCE)
    info.oid()
    fields = info.next(0xA0).children().sequence()
    fields.integer()
    fields.next(der.SET)
    fields.next(der.SEQUENCE)
    found = fields.optional(0xA0)
    fields.optional(0xA1)
    first = next(iter(fields.next(der.SET).children()), None)
    if found is None or first is None:
        raise NotSigned("no certificate or no signer")
    signer = first.children(der.SEQUENCE)
    signer.integer()
    names = signer.sequence()
    issuer, serial = Name.parse(names.next(der.SEQUENCE)), names.integer()
    for number, each in enumerate(found.children()):
        if number > 32:
            break
        certificate = Certificate.parse(each.raw)
        if certificate.serial == serial and certificate.issuer.matches(issuer):
            return certificate
    raise NotSigned("its signer's certificate is missing")


def _of_program(data: bytes) -> bytes:
    """The first entry of the certificate table (PE/COFF, "The Attribute Certificate Table")."""
    if data[:2] != b"MZ":
        raise NotSigned("neither a program nor a package")
    optional = struct.unpack_from("<I", data, 0x3C)[0] + 24
    at_directories = {0x10B: 96, 0x20B: 112}.get(struct.unpack_from("<H", data, optional)[0])
    if at_directories is None:
        raise NotSigned("no program")
    offset, size = struct.unpack_from("<II", data, optional + at_directories + 8 * 4)
    if not offset or not size:
        raise NotSigned("no signature")
    length, _, kind = struct.unpack_from("<IHH", data, offset)
    if kind != 2 or not 8 < length <= min(size, _MAX_SIGNATURE):
        raise NotSigned("a signature of another kind")
    return data[offset + 8 : offset + length]


def _of_package(data: bytes) -> bytes:
    """A stream of a compound file, by the names of [MS-CFB]."""
    sector = 1 << struct.unpack_from("<H", data, 30)[0]
    small = 1 << struct.unpack_from("<H", data, 32)[0]
    if sector not in (512, 4096) or small != 64:
        raise NotSigned("no compound file")
    most = len(data) // sector + 1
    first_directory, cutoff, first_small = struct.unpack_from("<I4xII", data, 48)
    first_difat, difats = struct.unpack_from("<II", data, 68)

    def read_sector(number: int) -> bytes:
        start = (number + 1) * sector
        found = data[start : start + sector]
        if len(found) != sector:
            raise NotSigned("cut off")
        return found

    table_sectors = list(struct.unpack_from("<109I", data, 76))
    for _ in range(min(difats, most)):
        numbers = struct.unpack(f"<{sector // 4}I", read_sector(first_difat))
        table_sectors += numbers[:-1]
        first_difat = numbers[-1]
    table: list[int] = []
    for number in table_sectors:
        if number < _END:
            table += struct.unpack(f"<{sector // 4}I", read_sector(number))
    directory = _chain(first_directory, table, read_sector, most)
    sizes = {}
    for at in range(0, len(directory), 128):
        entry = directory[at : at + 128]
        long = struct.unpack_from("<H", entry, 64)[0]
        name = entry[: max(0, min(long, 64) - 2)].decode("utf-16-le")
        start, size = struct.unpack_from("<IQ", entry, 116)
        if entry[66] == 5:
            sizes["/"] = (start, size)
        elif entry[66] == 2:
            sizes[name] = (start, size)
    if _STREAM not in sizes:
        raise NotSigned("no signature")
    start, size = sizes[_STREAM]
    if size > _MAX_SIGNATURE:
        raise NotSigned("a signature too large")
    if size >= cutoff:
        return _chain(start, table, read_sector, most)[:size]
    small_table_bytes = _chain(first_small, table, read_sector, most)
    small_table = list(struct.unpack(f"<{len(small_table_bytes) // 4}I", small_table_bytes))
    container = _chain(sizes["/"][0], table, read_sector, most)

    def read_small(number: int) -> bytes:
        return container[number * small : (number + 1) * small]

    return _chain(start, small_table, read_small, _MAX_SIGNATURE // small)[:size]


def _chain(start: int, table: list[int], read: Callable[[int], bytes], most: int) -> bytes:
    """The sectors from *start* on, at most *most*."""
    parts: list[bytes] = []
    number = start
    while number < _END:
        if len(parts) >= most or number >= len(table):
            raise NotSigned("a chain without an end")
        parts.append(read(number))
        number = table[number]
    return b"".join(parts)

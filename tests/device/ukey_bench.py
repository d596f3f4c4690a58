"""The bench for keys: PINs, an independent computation of e, the bare PKCS#11 functions."""

from __future__ import annotations

import base64
import ctypes
import hashlib
import sys
from pathlib import Path
from typing import Any

SO_PIN = "so-pin-7391"
USER_PIN = "pin-2846"
SOFTHSM = next(
    (
        path
        for path in (
            Path("/usr/lib/softhsm/libsofthsm2.so"),
            Path("/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so"),
            Path("/usr/lib/aarch64-linux-gnu/softhsm/libsofthsm2.so"),
        )
        if path.exists()
    ),
    Path("/usr/lib/softhsm/libsofthsm2.so"),
)


def pem(kind: str, der: bytes) -> bytes:
    return (
        f"-----BEGIN {kind}-----\n".encode()
        + base64.encodebytes(der)
        + f"-----END {kind}-----\n".encode()
    )


def der_signature(raw: bytes) -> bytes:
    """SEQUENCE { r, s } for the judge, written here independently of the code under test."""
    parts = b""
    for half in (raw[:32], raw[32:]):
        number = half.lstrip(b"\0") or b"\0"
        number = b"\0" + number if number[0] >= 0x80 else number
        parts += b"\x02" + bytes([len(number)]) + number
    return b"\x30" + bytes([len(parts)]) + parts


def sm2_e(spki: bytes, message: bytes, user_id: bytes = b"1234567812345678") -> bytes:
    """SM3(Z || message) by GB/T 32918.2, for the public key at the end of `spki`."""
    curve = bytes.fromhex(
        "fffffffeffffffffffffffffffffffffffffffff00000000fffffffffffffffc"
        "28e9fa9e9d9f5e344d5a9e4bcf6509a7f39789f515ab8f92ddbcbd414d940e93"
        "32c4ae2c1f1981195f9904466a39c9948fe30bbff2660be1715a4589334c74c7"
        "bc3736a2f4f6779c59bdcee36b692153d0a9877cc62a474002df32e52139f0a0"
    )
    z = hashlib.new("sm3", (len(user_id) * 8).to_bytes(2, "big") + user_id + curve + spki[-64:])
    return hashlib.new("sm3", z.digest() + message).digest()


FUNCTIONS = tuple(
    """
    Initialize Finalize GetInfo GetFunctionList GetSlotList GetSlotInfo GetTokenInfo
    GetMechanismList GetMechanismInfo InitToken InitPIN SetPIN OpenSession CloseSession
    CloseAllSessions GetSessionInfo GetOperationState SetOperationState Login Logout
    CreateObject CopyObject DestroyObject GetObjectSize GetAttributeValue
    SetAttributeValue FindObjectsInit FindObjects FindObjectsFinal EncryptInit Encrypt
    EncryptUpdate EncryptFinal DecryptInit Decrypt DecryptUpdate DecryptFinal DigestInit
    Digest DigestUpdate DigestKey DigestFinal SignInit Sign SignUpdate SignFinal
    SignRecoverInit SignRecover VerifyInit Verify VerifyUpdate VerifyFinal
    VerifyRecoverInit VerifyRecover DigestEncryptUpdate DecryptDigestUpdate
    SignEncryptUpdate DecryptVerifyUpdate GenerateKey GenerateKeyPair WrapKey UnwrapKey
    DeriveKey SeedRandom GenerateRandom GetFunctionStatus CancelFunction WaitForSlotEvent
    """.split()  # noqa: SIM905 - 68 quoted names would hide the order, which is the point
)
"""The functions of PKCS#11 v2.40 in the order of CK_FUNCTION_LIST."""


class Attribute(ctypes.Structure):
    """CK_ATTRIBUTE; packed on Windows, as all structures there (PKCS #11 v2.40 §2.1)."""

    if sys.platform == "win32":
        _pack_ = 1
    _fields_ = (
        ("type", ctypes.c_ulong), ("value", ctypes.c_void_p), ("length", ctypes.c_ulong)
    )  # fmt: skip


class Mechanism(ctypes.Structure):
    """CK_MECHANISM."""

    if sys.platform == "win32":
        _pack_ = 1
    _fields_ = (
        ("type", ctypes.c_ulong), ("parameter", ctypes.c_char_p), ("length", ctypes.c_ulong)
    )  # fmt: skip


class Raw:
    """The module's functions by name, past every wrapper; each returns its CKR_ value."""

    def __init__(self, path: Path) -> None:
        library = ctypes.CDLL(str(path))
        self.table = ctypes.c_void_p()
        assert library.C_GetFunctionList(ctypes.byref(self.table)) == 0

    def __getattr__(self, name: str) -> Any:
        assert self.table.value is not None
        first = 2 if sys.platform == "win32" else 8  # after CK_VERSION
        place = self.table.value + first + 8 * FUNCTIONS.index(name)
        address = ctypes.c_void_p.from_address(place).value
        assert address is not None
        return ctypes.CFUNCTYPE(ctypes.c_ulong)(address)

    def open(self, slot: int = 0, *, writable: bool = True) -> ctypes.c_ulong:
        session = ctypes.c_ulong()
        flags = 4 | (2 if writable else 0)
        result = self.OpenSession(
            ctypes.c_ulong(slot), ctypes.c_ulong(flags), None, None, ctypes.byref(session)
        )
        assert result == 0, hex(result)
        return session

    def login(self, session: ctypes.c_ulong, user: int, pin: str) -> int:
        data = pin.encode()
        code: int = self.Login(session, ctypes.c_ulong(user), data, ctypes.c_ulong(len(data)))
        return code

    @staticmethod
    def template(values: dict[int, bytes | int | bool]) -> tuple[Any, ctypes.c_ulong]:
        """An array of CK_ATTRIBUTE (which keeps its values alive) and its length."""
        array: Any = (Attribute * len(values))()
        array.kept = []
        for item, (kind, value) in zip(array, values.items(), strict=True):
            if isinstance(value, bool):
                data = bytes([value])
            elif isinstance(value, int):
                data = value.to_bytes(ctypes.sizeof(ctypes.c_ulong), sys.byteorder)
            else:
                data = value
            buffer = ctypes.create_string_buffer(data, len(data))
            array.kept.append(buffer)
            item.type, item.length = kind, len(data)
            item.value = ctypes.cast(buffer, ctypes.c_void_p)
        return array, ctypes.c_ulong(len(values))

    def find(self, session: ctypes.c_ulong, values: dict[int, bytes | int | bool]) -> list[int]:
        assert self.FindObjectsInit(session, *self.template(values)) == 0
        found, count = (ctypes.c_ulong * 64)(), ctypes.c_ulong()
        result = self.FindObjects(session, found, ctypes.c_ulong(64), ctypes.byref(count))
        assert result == 0
        assert self.FindObjectsFinal(session) == 0
        return list(found[: count.value])


def ulong(number: int) -> ctypes.c_ulong:
    return ctypes.c_ulong(number)


def session_count(raw: Raw, slot: int = 0) -> int:
    """How many sessions this process has open on a token."""
    # CK_TOKEN_INFO: 96 bytes of texts, flags, then the counts: the most sessions, and those open
    info = (ctypes.c_ulong * 64)()
    assert raw.GetTokenInfo(ulong(slot), ctypes.byref(info)) == 0
    return int(info[96 // ctypes.sizeof(ctypes.c_ulong) + 2])

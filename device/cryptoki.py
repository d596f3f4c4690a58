"""What python-pkcs11 0.10 does not do by itself, and how its errors become ours.

Measured with 0.10.1: it never calls C_InitToken, C_CloseAllSessions or C_Login on an open session
(a failed ``open(user_pin=…)`` leaks the session); a search on a dead session prints an exception
that nobody can catch; it knows no vendor numbers and stops at vendor classes and key types. The
answers to all of that are here, and nothing else in the package touches it.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import IntEnum
from typing import Any, TypeVar

import pkcs11
from pkcs11.attributes import ATTRIBUTE_TYPES, AttributeMapper

from device.token import (
    DeviceFault,
    KeyNotFound,
    NotLoggedIn,
    PinIncorrect,
    PinLocked,
    PinNotAllowed,
    PinNotInitialised,
    PinRule,
    TokenError,
    TokenFull,
    TokenNotInitialised,
    TokenNotPresent,
    TokenRemoved,
    UnlockProblem,
    UnlockRefused,
    UnsupportedKey,
)

_Kind = TypeVar("_Kind", bound=IntEnum)

SECURITY_OFFICER, USER = 0, 1
LABEL_SIZE = 32

# Positions in CK_FUNCTION_LIST (PKCS #11 v2.40); a vendor's library may export nothing else.
_INIT_TOKEN, _CLOSE_ALL_SESSIONS, _GET_SESSION_INFO, _LOGIN, _LOGOUT = 9, 14, 15, 18, 19
_OK = 0


class ReturnCode(pkcs11.PKCS11Error):
    """A CKR_ value from a direct call, in the way python-pkcs11 raises its own."""

    def __init__(self, code: int) -> None:
        super().__init__(f"CKR {code:#x}")
        self.code = code


class DirectCalls:
    """The few functions called past python-pkcs11, on the library it has initialised."""

    def __init__(self, library: ctypes.CDLL) -> None:
        self._library = library
        table = ctypes.c_void_p()
        if library.C_GetFunctionList(ctypes.byref(table)) != _OK or not table.value:
            raise OSError("it gives no function list")
        # CK_VERSION, then pointers: packed on Windows, aligned elsewhere.
        step = ctypes.sizeof(ctypes.c_void_p)
        self._first = table.value + (2 if sys.platform == "win32" else step)
        self._step = step

    def _call(self, position: int, types: tuple[Any, ...], *values: Any) -> None:
        address = ctypes.c_void_p.from_address(self._first + position * self._step).value
        function: Callable[..., int] = ctypes.CFUNCTYPE(ctypes.c_ulong, *types)(address or 0)
        _check(function(*values))

    def login(self, session: int, user: int, pin: str) -> None:
        data = pin.encode()
        kinds = (ctypes.c_ulong, ctypes.c_ulong, ctypes.c_char_p, ctypes.c_ulong)
        self._call(_LOGIN, kinds, session, user, data, len(data))

    def check_session(self, session: int) -> None:
        """Raise what is wrong with a session, if anything."""
        info = (ctypes.c_ulong * 4)()
        self._call(_GET_SESSION_INFO, (ctypes.c_ulong, ctypes.c_void_p), session, info)

    def logout(self, session: int) -> None:
        self._call(_LOGOUT, (ctypes.c_ulong,), session)

    def close_all_sessions(self, slot: int) -> None:
        self._call(_CLOSE_ALL_SESSIONS, (ctypes.c_ulong,), slot)

    def init_token(self, slot: int, so_pin: str, label: str) -> None:
        data, name = so_pin.encode(), label.encode().ljust(LABEL_SIZE)
        if len(name) > LABEL_SIZE:
            raise ValueError(f"a token label has at most {LABEL_SIZE} bytes of UTF-8: {label!r}")
        kinds = (ctypes.c_ulong, ctypes.c_char_p, ctypes.c_ulong, ctypes.c_char_p)
        self._call(_INIT_TOKEN, kinds, slot, data, len(data), name)

    # The unlocking functions of our own module (device/virtual/unlock.c); no standard has any.

    def pin_unlocker(self, session: int, signer: bytes, recipient: bytes) -> None:
        """Points 04‖X‖Y. A token that has an unlocker keeps it."""
        parts = (*_bytes(signer), *_bytes(recipient))
        code = self._own("SDV_PinUnlocker")(ctypes.c_ulong(session), *parts)
        if code != _PROHIBITED:
            _check(code)

    def unlock_request(self, slot: int) -> bytes | None:
        """Signer 65 bytes, nonce 16, encrypted secret; None if no unlocker is pinned."""
        room = ctypes.create_string_buffer(_UNLOCK_REQUEST_SIZE)
        length = ctypes.c_ulong(_UNLOCK_REQUEST_SIZE)
        function = self._own("SDV_GetUnlockRequest")
        code = function(ctypes.c_ulong(slot), room, ctypes.byref(length))
        if code == _NOT_SUPPORTED:
            return None
        _check(code)
        return room.raw[: length.value]

    def unlock_pin(self, slot: int, statement: bytes, signature: bytes, pin: str) -> None:
        """Raises UnlockRefused for a statement that does not unlock this token now."""
        parts = (*_bytes(statement), *_bytes(signature), *_bytes(pin.encode()))
        code = self._own("SDV_UnlockPin")(ctypes.c_ulong(slot), *parts)
        if code in _UNLOCK_PROBLEMS:
            raise UnlockRefused(_UNLOCK_PROBLEMS[code])
        _check(code)

    def _own(self, name: str) -> Callable[..., int]:
        function: Any = getattr(self._library, name)
        function.restype = ctypes.c_ulong
        return function  # type: ignore[no-any-return]


_UNLOCK_REQUEST_SIZE = 1536
_NOT_SUPPORTED, _PROHIBITED = 0x54, 0x1B
_UNLOCK_PROBLEMS = {
    0x7: UnlockProblem.INVALID,
    _NOT_SUPPORTED: UnlockProblem.NOT_PINNED,
    0xC0: UnlockProblem.SIGNER,
    0x80005301: UnlockProblem.INVALID,
    0x80005302: UnlockProblem.OTHER_KEY,
    0x80005303: UnlockProblem.EXPIRED,
    0x80005304: UnlockProblem.USED,
}


def _bytes(data: bytes) -> tuple[bytes, ctypes.c_ulong]:
    return data, ctypes.c_ulong(len(data))


def _check(code: int) -> None:
    if code != _OK:
        raise _KNOWN_CODES.get(code, lambda: ReturnCode(code))()


_KNOWN_CODES: dict[int, Callable[[], pkcs11.PKCS11Error]] = {
    0x30: pkcs11.DeviceError,
    0x31: pkcs11.DeviceMemory,
    0x32: pkcs11.DeviceRemoved,
    0xA0: pkcs11.PinIncorrect,
    0xA1: pkcs11.PinInvalid,
    0xA2: pkcs11.PinLenRange,
    0xA3: pkcs11.PinExpired,
    0xA4: pkcs11.PinLocked,
    0xB3: pkcs11.SessionHandleInvalid,
    0xE0: pkcs11.TokenNotPresent,
    0xE1: pkcs11.TokenNotRecognised,
    0x100: pkcs11.UserAlreadyLoggedIn,
    0x101: pkcs11.UserNotLoggedIn,
    0x102: pkcs11.UserPinNotInitialized,
    0x104: pkcs11.AnotherUserAlreadyLoggedIn,
}

# The one place where the library's errors become ours. First match counts.
_ERRORS: tuple[tuple[tuple[type[pkcs11.PKCS11Error], ...], Callable[[], TokenError]], ...] = (
    ((pkcs11.PinIncorrect,), PinIncorrect),
    ((pkcs11.PinLocked,), lambda: PinLocked("the PIN is locked")),
    (
        (pkcs11.PinInvalid, pkcs11.PinLenRange, pkcs11.PinTooWeak, pkcs11.PinExpired),
        lambda: PinNotAllowed(PinRule.REFUSED),
    ),
    ((pkcs11.UserPinNotInitialized,), lambda: PinNotInitialised("no user PIN is set")),
    ((pkcs11.UserNotLoggedIn,), lambda: NotLoggedIn("the token wants the PIN first")),
    (
        (pkcs11.DeviceRemoved, pkcs11.SessionHandleInvalid, pkcs11.SessionClosed),
        lambda: TokenRemoved("the token was pulled out"),
    ),
    (
        (pkcs11.TokenNotPresent, pkcs11.SlotIDInvalid, pkcs11.NoSuchToken),
        lambda: TokenNotPresent("no token is plugged in there"),
    ),
    ((pkcs11.TokenNotRecognised,), lambda: TokenNotInitialised("the token is blank or damaged")),
    ((pkcs11.DeviceMemory,), lambda: TokenFull("CKR_DEVICE_MEMORY")),
    (
        (pkcs11.KeyHandleInvalid, pkcs11.ObjectHandleInvalid, pkcs11.NoSuchKey),
        lambda: KeyNotFound("the key is no longer on the token"),
    ),
    (
        (
            pkcs11.MechanismInvalid,
            pkcs11.MechanismParamInvalid,
            pkcs11.KeyTypeInconsistent,
            pkcs11.KeySizeRange,
            pkcs11.DomainParamsInvalid,
        ),
        lambda: UnsupportedKey("the token cannot do this with this kind of key"),
    ),
)


def token_error(error: pkcs11.PKCS11Error) -> TokenError:
    """The error of this package for one of python-pkcs11; DeviceFault for what is not in the
    table."""
    for kinds, make in _ERRORS:
        if isinstance(error, kinds):
            return make()
    return DeviceFault(str(error) or type(error).__name__)


@contextmanager
def translated() -> Iterator[None]:
    """Whatever python-pkcs11 raises inside comes out as a TokenError."""
    try:
        yield
    except pkcs11.PKCS11Error as error:
        raise token_error(error) from error


def vendor_number(kind: type[_Kind], number: int) -> _Kind:
    """A vendor's mechanism or key type as the enumeration member python-pkcs11 insists on."""
    try:
        return kind(number)
    except ValueError:
        member = int.__new__(kind, number)
        member._name_ = f"VENDOR_{number:#x}"
        member._value_ = number
        return member


def _lenient(kind: Any) -> Callable[[bytes], Any]:
    _, number = ATTRIBUTE_TYPES[pkcs11.Attribute.VALUE_LEN]

    def unpack(data: bytes) -> Any:
        return vendor_number(kind, number(data)) if data else None

    return unpack


def _text(data: bytes) -> str:
    """UTF-8 by the standard; older Chinese middleware writes GBK."""
    data = data.rstrip(b"\0")
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data.decode("gb18030", errors="replace")


def lenient_mapper(numbers: tuple[int, ...] = ()) -> AttributeMapper:
    """An attribute mapper that lets vendor types and broken labels through.

    `numbers` are vendor attributes that hold a CK_ULONG.
    """
    mapper = AttributeMapper()
    for attribute, kind in (
        (pkcs11.Attribute.CLASS, pkcs11.ObjectClass),
        (pkcs11.Attribute.KEY_TYPE, pkcs11.KeyType),
        (pkcs11.Attribute.KEY_GEN_MECHANISM, pkcs11.Mechanism),
        (pkcs11.Attribute.CERTIFICATE_TYPE, pkcs11.CertificateType),
    ):
        mapper.register_handler(attribute, ATTRIBUTE_TYPES[attribute][0], _lenient(kind))
    mapper.register_handler(
        pkcs11.Attribute.LABEL, ATTRIBUTE_TYPES[pkcs11.Attribute.LABEL][0], _text
    )
    for number in (pkcs11.Attribute.HW_FEATURE_TYPE, *numbers):
        mapper.register_handler(number, *ATTRIBUTE_TYPES[pkcs11.Attribute.VALUE_LEN])  # type: ignore[arg-type]
    return mapper

"""python-pkcs11's errors and oddities, made ours in one place."""

from __future__ import annotations

import ctypes
from types import SimpleNamespace
from typing import Any

import pkcs11
import pytest

from device import cryptoki, token
from device.pkcs11_session import Pkcs11Session
from device.profiles import profile_named

LIBRARY_ERRORS = [
    kind
    for kind in vars(pkcs11).values()
    if isinstance(kind, type) and issubclass(kind, pkcs11.PKCS11Error)
]


@pytest.mark.parametrize("kind", LIBRARY_ERRORS)
def test_every_error_of_the_library_has_one_of_ours(kind: type[pkcs11.PKCS11Error]) -> None:
    with pytest.raises(token.TokenError), cryptoki.translated():
        raise kind


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        (pkcs11.PinIncorrect, token.PinIncorrect),
        (pkcs11.PinLocked, token.PinLocked),
        (pkcs11.PinLenRange, token.PinNotAllowed),
        (pkcs11.UserPinNotInitialized, token.PinNotInitialised),
        (pkcs11.UserNotLoggedIn, token.NotLoggedIn),
        (pkcs11.DeviceRemoved, token.TokenRemoved),
        (pkcs11.SessionHandleInvalid, token.TokenRemoved),
        (pkcs11.TokenNotPresent, token.TokenNotPresent),
        (pkcs11.TokenNotRecognised, token.TokenNotInitialised),
        (pkcs11.DeviceMemory, token.TokenFull),
        (pkcs11.KeyHandleInvalid, token.KeyNotFound),
        (pkcs11.MechanismInvalid, token.UnsupportedKey),
        (pkcs11.GeneralError, token.DeviceFault),
    ],
)
def test_errors_keep_their_meaning(
    theirs: type[pkcs11.PKCS11Error], ours: type[token.TokenError]
) -> None:
    assert type(cryptoki.token_error(theirs())) is ours


def test_an_unknown_code_is_a_fault_that_names_it() -> None:
    fault = cryptoki.token_error(cryptoki.ReturnCode(0x80000042))
    assert isinstance(fault, token.DeviceFault)
    assert fault.code == "CKR 0x80000042"


@pytest.mark.parametrize("plugged_in", [True, False])
def test_a_vague_fault_of_an_absent_key_is_its_removal(plugged_in: bool) -> None:
    """Many drivers say CKR_GENERAL_ERROR when the key is gone."""
    bare: Any = SimpleNamespace(handle=1)
    calls: Any = None
    session = Pkcs11Session(bare, calls, profile_named("standard"), lambda: plugged_in)
    expected = token.DeviceFault if plugged_in else token.TokenRemoved
    with pytest.raises(expected), session.working():
        raise pkcs11.GeneralError


def test_vendor_classes_types_and_labels_pass() -> None:
    mapper = cryptoki.lenient_mapper((0x80005301,))
    size = ctypes.sizeof(ctypes.c_ulong)
    number = (0x80000004).to_bytes(size, "little")
    for attribute in (pkcs11.Attribute.CLASS, pkcs11.Attribute.KEY_TYPE):
        assert mapper.unpack_attributes(attribute, number) == 0x80000004
        assert mapper.unpack_attributes(attribute, b"") is None
    assert mapper.unpack_attributes(pkcs11.Attribute.KEY_TYPE, bytes(size)) is pkcs11.KeyType.RSA
    vendor: Any = 0x80005301
    assert mapper.unpack_attributes(vendor, number) == 0x80000004
    for label in ("公章".encode(), "公章".encode("gb18030"), "公章".encode() + b"\0"):
        assert mapper.unpack_attributes(pkcs11.Attribute.LABEL, label) == "公章"


def test_the_tree_is_the_one_drawn() -> None:
    drawn = {
        line.strip("│├└─ ").split()[0]
        for line in (token.__doc__ or "").splitlines()
        if "──" in line or line.strip() == "TokenError"
    }
    classes = {
        name
        for name, kind in vars(token).items()
        if isinstance(kind, type) and issubclass(kind, token.TokenError)
    }
    assert drawn == classes
    assert all(vars(token)[name].__doc__ for name in classes)

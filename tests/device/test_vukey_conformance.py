"""The C module held to PKCS#11 v2.40, called directly where python-pkcs11 cannot reach."""

from __future__ import annotations

import ctypes
import hashlib
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from device.virtual import make_blank_token, plug_in, pull_out
from device.virtual.build import module_path
from tests.device.ukey_bench import (
    FUNCTIONS,
    SO_PIN,
    USER_PIN,
    Attribute,
    Mechanism,
    Raw,
    der_signature,
    ulong,
)

OK, SLOT_ID_INVALID, ARGUMENTS_BAD, NO_EVENT, CANT_LOCK = 0, 3, 7, 8, 10
ATTRIBUTE_READ_ONLY, ATTRIBUTE_SENSITIVE, ATTRIBUTE_TYPE_INVALID = 0x10, 0x11, 0x12
ATTRIBUTE_VALUE_INVALID, ACTION_PROHIBITED, DATA_LEN_RANGE = 0x13, 0x1B, 0x21
DEVICE_REMOVED, NOT_PARALLEL, NOT_SUPPORTED = 0x32, 0x51, 0x54
KEY_HANDLE_INVALID, KEY_TYPE_INCONSISTENT = 0x60, 0x63
KEY_FUNCTION_NOT_PERMITTED, MECHANISM_INVALID, MECHANISM_PARAM_INVALID = 0x68, 0x70, 0x71
OBJECT_HANDLE_INVALID, OPERATION_ACTIVE, OPERATION_NOT_INITIALIZED = 0x82, 0x90, 0x91
PIN_INCORRECT, PIN_LEN_RANGE, SESSION_HANDLE_INVALID = 0xA0, 0xA2, 0xB3
PARALLEL_NOT_SUPPORTED, SESSION_READ_ONLY, SESSION_EXISTS = 0xB4, 0xB5, 0xB6
READ_ONLY_EXISTS, SO_EXISTS, TEMPLATE_INCOMPLETE, TEMPLATE_INCONSISTENT = 0xB7, 0xB8, 0xD0, 0xD1
TOKEN_NOT_PRESENT, TOKEN_NOT_RECOGNIZED = 0xE0, 0xE1
ALREADY_LOGGED_IN, NOT_LOGGED_IN, USER_TYPE_INVALID, ANOTHER_LOGGED_IN = 0x100, 0x101, 0x103, 0x104
SEED_NOT_SUPPORTED, BUFFER_TOO_SMALL, NOT_INITIALIZED, ALREADY_INITIALIZED = (
    0x120,
    0x150,
    0x190,
    0x191,
)

CLASS, TOKEN, PRIVATE, LABEL, VALUE, CERTIFICATE_TYPE, KEY_TYPE, SUBJECT, ID = (
    0x0, 0x1, 0x2, 0x3, 0x11, 0x80, 0x100, 0x101, 0x102,
)  # fmt: skip
SENSITIVE, DECRYPT, SIGN, EXTRACTABLE, LOCAL, MODIFIABLE, DESTROYABLE, EC_PARAMS, EC_POINT = (
    0x103, 0x105, 0x108, 0x162, 0x163, 0x170, 0x172, 0x180, 0x181,
)  # fmt: skip
NEVER_EXTRACTABLE, ALWAYS_SENSITIVE = 0x164, 0x165
DATA, CERTIFICATE, PUBLIC_KEY, PRIVATE_KEY, SECRET_KEY = 0, 1, 2, 3, 4
USER, OFFICER, CONTEXT = 1, 0, 2
GENERATE, RAW_E, DER_E, SM3_RAW, SM3_ID_RAW, SM3_ID_DER, SM3 = (
    0x80008001, 0x80008105, 0x80008104, 0x80008100, 0x80008102, 0x80008103, 0x80009001,
)  # fmt: skip
E = bytes(range(32))


@pytest.fixture
def ready(raw: Raw, folder: Path) -> Raw:
    """An initialised key in slot 0 of the separate instance."""
    make_blank_token(folder, 0)
    assert raw.InitToken(ulong(0), SO_PIN.encode(), ulong(len(SO_PIN)), b"raw".ljust(32)) == OK
    session = raw.open()
    assert raw.login(session, OFFICER, SO_PIN) == OK
    assert raw.InitPIN(session, USER_PIN.encode(), ulong(len(USER_PIN))) == OK
    assert raw.CloseSession(session) == OK
    return raw


@pytest.fixture
def session(ready: Raw) -> ctypes.c_ulong:
    """A writable session, logged in."""
    opened = ready.open()
    assert ready.login(opened, USER, USER_PIN) == OK
    return opened


def generate(
    raw: Raw,
    session: ctypes.c_ulong,
    public: dict,
    private: dict,  # type: ignore[type-arg]
) -> tuple[int, ctypes.c_ulong, ctypes.c_ulong]:
    first, second = ctypes.c_ulong(), ctypes.c_ulong()
    result = raw.GenerateKeyPair(
        session, ctypes.byref(Mechanism(GENERATE, None, 0)), *raw.template(public),
        *raw.template(private), ctypes.byref(first), ctypes.byref(second),
    )  # fmt: skip
    return result, first, second


def create(raw: Raw, session: ctypes.c_ulong, values: dict) -> tuple[int, ctypes.c_ulong]:  # type: ignore[type-arg]
    made = ctypes.c_ulong()
    return raw.CreateObject(session, *raw.template(values), ctypes.byref(made)), made


def read(raw: Raw, session: ctypes.c_ulong, item: ctypes.c_ulong, kind: int) -> bytes | int:
    """The attribute's value, or the CKR_ code that refuses it."""
    buffer = ctypes.create_string_buffer(4096)
    wanted = Attribute(kind, ctypes.cast(buffer, ctypes.c_void_p), len(buffer))
    code: int = raw.GetAttributeValue(session, item, ctypes.byref(wanted), ulong(1))
    return buffer.raw[: wanted.length] if code == OK else code


def sign(raw: Raw, session: ctypes.c_ulong, data: bytes, room: int = 100) -> tuple[int, bytes]:
    value, length = ctypes.create_string_buffer(room), ulong(room)
    code = raw.Sign(session, data, ulong(len(data)), value, ctypes.byref(length))
    return code, value.raw[: length.value]


def init(
    raw: Raw, session: ctypes.c_ulong, mechanism: int, key: ctypes.c_ulong, id_: bytes = b""
) -> int:
    how = Mechanism(mechanism, id_ or None, len(id_))
    code: int = raw.SignInit(session, ctypes.byref(how), key)
    return code


def test_initialising_follows_the_locking_rules(raw: Raw) -> None:
    assert raw.Initialize(None) == ALREADY_INITIALIZED
    assert raw.Finalize(ctypes.c_void_p(1)) == ARGUMENTS_BAD
    assert raw.Finalize(None) == OK
    assert raw.Finalize(None) == NOT_INITIALIZED
    functions = [ctypes.c_void_p(1)] * 4
    for callbacks, flags, reserved, expected in (
        (functions, 0, None, CANT_LOCK),
        ([*functions[:3], None], 2, None, ARGUMENTS_BAD),
        ([None] * 4, 2, 1, ARGUMENTS_BAD),
        (functions, 2, None, OK),
    ):
        arguments = (ctypes.c_void_p * 6)(*callbacks, flags, reserved)
        assert raw.Initialize(arguments) == expected


def test_nothing_works_before_initialising(raw: Raw) -> None:
    raw.Finalize(None)
    count, session = ctypes.c_ulong(), ctypes.c_ulong()
    info = ctypes.create_string_buffer(512)
    assert raw.GetSlotList(0, None, ctypes.byref(count)) == NOT_INITIALIZED
    assert raw.GetInfo(info) == NOT_INITIALIZED
    assert raw.GetTokenInfo(ulong(0), info) == NOT_INITIALIZED
    assert raw.OpenSession(ulong(0), ulong(4), None, None, ctypes.byref(session)) == NOT_INITIALIZED
    assert raw.CloseSession(ulong(1)) == NOT_INITIALIZED
    assert raw.WaitForSlotEvent(ulong(0), ctypes.byref(count), None) == NOT_INITIALIZED


@pytest.mark.wants("posix")
def test_a_forked_child_must_initialise_again(folder: Path) -> None:
    """In a process of its own, because pytest's must not fork."""
    code = (
        "import os, sys\n"
        "from pathlib import Path\n"
        "from tests.device.ukey_bench import Raw, ulong\n"
        "raw = Raw(Path(sys.argv[1]))\n"
        "assert raw.Initialize(None) == 0\n"
        "if os.fork() == 0:\n"
        "    info = bytes(512)\n"
        f"    first = raw.GetSlotInfo(ulong(0), info) == {NOT_INITIALIZED}\n"
        "    second = raw.Initialize(None) == 0 and raw.GetSlotInfo(ulong(0), info) == 0\n"
        "    os._exit(0 if first and second else 1)\n"
        "assert os.waitstatus_to_exitcode(os.wait()[1]) == 0\n"
        "assert raw.GetSlotInfo(ulong(0), bytes(512)) == 0\n"
    )
    root = Path(__file__).parents[2]
    result = subprocess.run(
        [sys.executable, "-c", code, str(module_path())], cwd=root, capture_output=True, text=True,
        check=False, env={**os.environ, "PYTHONPATH": str(root)},
    )  # fmt: skip
    assert result.returncode == 0, result.stderr


def test_null_pointers_are_bad_arguments(ready: Raw, session: ctypes.c_ulong) -> None:
    one, info = ulong(1), ctypes.create_string_buffer(512)
    for call, arguments in (
        (ready.GetInfo, (None,)),
        (ready.GetSlotList, (0, None, None)),
        (ready.GetSlotInfo, (ulong(0), None)),
        (ready.GetTokenInfo, (ulong(0), None)),
        (ready.GetMechanismList, (ulong(0), None, None)),
        (ready.GetMechanismInfo, (ulong(0), ulong(RAW_E), None)),
        (ready.InitToken, (ulong(0), None, ulong(8), b"x".ljust(32))),
        (ready.InitToken, (ulong(0), b"12345678", ulong(8), None)),
        (ready.OpenSession, (ulong(0), ulong(4), None, None, None)),
        (ready.GetSessionInfo, (session, None)),
        (ready.Login, (session, ulong(USER), None, ulong(8))),
        (ready.SetPIN, (session, None, one, b"x", one)),
        (ready.SetPIN, (session, b"x", one, None, one)),
        (ready.InitPIN, (session, None, one)),
        (ready.CreateObject, (session, None, one, info)),
        (ready.CreateObject, (session, info, ulong(0), None)),
        (ready.GetAttributeValue, (session, one, None, one)),
        (ready.SetAttributeValue, (session, one, None, one)),
        (ready.FindObjectsInit, (session, None, one)),
        (ready.FindObjects, (session, None, one, info)),
        (ready.FindObjects, (session, info, one, None)),
        (ready.GenerateKeyPair, (session, None, None, ulong(0), None, ulong(0), info, info)),
        (ready.SignInit, (session, None, one)),
        (ready.DigestInit, (session, None)),
        (ready.GenerateRandom, (session, None, one)),
        (ready.WaitForSlotEvent, (one, None, None)),
    ):
        assert call(*arguments) == ARGUMENTS_BAD, arguments
    library = ctypes.CDLL(str(module_path()))
    assert library.C_GetFunctionList(None) == ARGUMENTS_BAD


def test_what_the_key_does_not_do_it_says(ready: Raw, session: ctypes.c_ulong) -> None:
    unsupported = {
        name
        for name in FUNCTIONS
        if name.startswith(("Encrypt", "Decrypt", "Verify", "SignRecover", "SignEncrypt"))
        or name in {"DigestEncryptUpdate", "DigestKey", "GenerateKey", "WrapKey", "UnwrapKey",
                    "DeriveKey", "CopyObject", "GetObjectSize", "GetOperationState",
                    "SetOperationState"}
    }  # fmt: skip
    assert len(unsupported) == 29
    nothing = [ctypes.c_void_p()] * 7
    for name in unsupported:
        assert getattr(ready, name)(session, *nothing) == NOT_SUPPORTED, name
    assert ready.GetFunctionStatus(session) == NOT_PARALLEL
    assert ready.CancelFunction(session) == NOT_PARALLEL
    assert ready.SeedRandom(session, b"x", ulong(1)) == SEED_NOT_SUPPORTED


@pytest.mark.wants("posix")
def test_only_the_standards_symbol_and_those_of_unlocking_leave_the_library() -> None:
    """device/virtual/unlock.c: what PKCS#11 has no functions for."""
    own = ["SDV_GetUnlockRequest", "SDV_PinUnlocker", "SDV_UnlockPin"]
    result = subprocess.run(
        ["nm", "-D", "--defined-only", str(module_path())],
        capture_output=True,
        text=True,
        check=True,
    )
    names = [line.split()[-1] for line in result.stdout.splitlines()]
    assert sorted(names) == ["C_GetFunctionList", *own]


def test_slots_and_buffers(raw: Raw, folder: Path) -> None:
    count = ctypes.c_ulong()
    assert raw.GetSlotList(0, None, ctypes.byref(count)) == OK
    assert count.value == 4
    small, count.value = (ctypes.c_ulong * 2)(), 2
    assert raw.GetSlotList(0, small, ctypes.byref(count)) == BUFFER_TOO_SMALL
    assert count.value == 4
    make_blank_token(folder, 2)
    assert raw.GetSlotList(1, small, ctypes.byref(count)) == OK
    assert (count.value, small[0]) == (1, 2)
    info = ctypes.create_string_buffer(512)
    assert raw.GetTokenInfo(ulong(0), info) == TOKEN_NOT_PRESENT
    assert raw.GetSlotInfo(ulong(4), info) == SLOT_ID_INVALID
    assert raw.GetTokenInfo(ulong(4), info) == SLOT_ID_INVALID
    assert raw.GetMechanismList(ulong(0), None, ctypes.byref(count)) == TOKEN_NOT_PRESENT
    assert raw.GetMechanismList(ulong(2), None, ctypes.byref(count)) == OK
    assert count.value == 8
    count.value = 3
    assert raw.GetMechanismList(ulong(2), info, ctypes.byref(count)) == BUFFER_TOO_SMALL
    assert raw.GetMechanismInfo(ulong(2), ulong(0x40), info) == MECHANISM_INVALID
    session = ctypes.c_ulong()
    for slot, flags, expected in (
        (2, 4, TOKEN_NOT_RECOGNIZED), (2, 0, PARALLEL_NOT_SUPPORTED), (1, 4, TOKEN_NOT_PRESENT)
    ):  # fmt: skip
        opened = raw.OpenSession(ulong(slot), ulong(flags), None, None, ctypes.byref(session))
        assert opened == expected


def test_slot_events_are_told_once(raw: Raw, folder: Path) -> None:
    slot = ulong(99)
    assert raw.WaitForSlotEvent(ulong(1), ctypes.byref(slot), None) == NO_EVENT
    make_blank_token(folder, 3)
    assert raw.WaitForSlotEvent(ulong(1), ctypes.byref(slot), None) == OK
    assert slot.value == 3
    assert raw.WaitForSlotEvent(ulong(1), ctypes.byref(slot), None) == NO_EVENT
    answers: list[int] = []
    waiting = threading.Thread(
        target=lambda: answers.append(raw.WaitForSlotEvent(ulong(0), ctypes.byref(slot), None))
    )
    waiting.start()
    pull_out(folder, 3)
    waiting.join(10)
    assert (answers, slot.value) == ([OK], 3)
    waiting = threading.Thread(
        target=lambda: answers.append(raw.WaitForSlotEvent(ulong(0), ctypes.byref(slot), None))
    )
    waiting.start()
    assert raw.Finalize(None) == OK  # ends the wait
    waiting.join(10)
    assert answers == [OK, NOT_INITIALIZED]


def test_login_states(ready: Raw) -> None:
    reading, writing = ready.open(writable=False), ready.open()
    assert ready.login(writing, OFFICER, SO_PIN) == READ_ONLY_EXISTS
    assert ready.login(writing, CONTEXT, USER_PIN) == OPERATION_NOT_INITIALIZED
    assert ready.login(writing, 7, USER_PIN) == USER_TYPE_INVALID
    assert ready.Logout(writing) == NOT_LOGGED_IN
    state = (ctypes.c_ulong * 4)()
    seen = []
    for step in (
        lambda: OK,
        lambda: ready.login(reading, USER, USER_PIN),
        lambda: ready.Logout(writing),
        lambda: ready.CloseSession(reading),
        lambda: ready.login(writing, OFFICER, SO_PIN),
    ):
        assert step() == OK
        assert ready.GetSessionInfo(writing, state) == OK
        seen.append(state[1])
    assert seen == [2, 3, 2, 2, 4]
    assert ready.login(writing, OFFICER, SO_PIN) == ALREADY_LOGGED_IN
    assert ready.login(writing, USER, USER_PIN) == ANOTHER_LOGGED_IN
    other = ctypes.c_ulong()
    assert ready.OpenSession(ulong(0), ulong(4), None, None, ctypes.byref(other)) == SO_EXISTS
    assert generate(ready, writing, {}, {})[0] == NOT_LOGGED_IN  # the officer makes no keys
    assert ready.CloseAllSessions(ulong(0)) == OK
    assert ready.GetSessionInfo(writing, state) == SESSION_HANDLE_INVALID
    again = ready.open()  # the last session closed logs out
    assert ready.GetSessionInfo(again, state) == OK
    assert state[1] == 2


def test_pin_functions_at_the_wrong_moment(ready: Raw, session: ctypes.c_ulong) -> None:
    pin, length = USER_PIN.encode(), ulong(len(USER_PIN))
    assert ready.InitToken(ulong(0), pin, length, b"x".ljust(32)) == SESSION_EXISTS
    assert ready.InitPIN(session, pin, length) == NOT_LOGGED_IN
    reading = ready.open(writable=False)
    assert ready.SetPIN(reading, pin, length, pin, length) == SESSION_READ_ONLY
    for bad in (b"12345", b"x" * 33):
        assert ready.SetPIN(session, pin, length, bad, ulong(len(bad))) == PIN_LEN_RANGE
    assert ready.SetPIN(session, b"", ulong(0), pin, length) == PIN_INCORRECT


def test_the_officer_changes_his_own_pin(ready: Raw) -> None:
    session = ready.open()
    assert ready.login(session, OFFICER, SO_PIN) == OK
    old, new = SO_PIN.encode(), b"so-pin-2"
    assert ready.SetPIN(session, old, ulong(len(old)), new, ulong(len(new))) == OK
    assert ready.Logout(session) == OK
    assert ready.login(session, OFFICER, SO_PIN) == PIN_INCORRECT
    assert ready.login(session, OFFICER, "so-pin-2") == OK


def test_a_private_key_never_leaves(ready: Raw, session: ctypes.c_ulong) -> None:
    code, public, private = generate(ready, session, {TOKEN: True}, {TOKEN: True, LABEL: b"k"})
    assert code == OK
    assert read(ready, session, private, VALUE) == ATTRIBUTE_SENSITIVE
    assert read(ready, session, public, VALUE) == ATTRIBUTE_TYPE_INVALID
    for kind, expected in (
        (SENSITIVE, b"\1"), (EXTRACTABLE, b"\0"), (ALWAYS_SENSITIVE, b"\1"),
        (NEVER_EXTRACTABLE, b"\1"), (LOCAL, b"\1"), (PRIVATE, b"\1"), (SIGN, b"\1"),
        (DECRYPT, b"\0"), (LABEL, b"k"),
    ):  # fmt: skip
        assert read(ready, session, private, kind) == expected
    for values in (
        {EXTRACTABLE: True},
        {SENSITIVE: False},
        {VALUE: bytes(32)},
        {LABEL: b"n", SIGN: False},
    ):
        template = ready.template(values)
        assert ready.SetAttributeValue(session, private, *template) == ATTRIBUTE_READ_ONLY
    assert read(ready, session, private, LABEL) == b"k"  # all or nothing
    assert ready.find(session, {VALUE: bytes(32)}) == []
    assert ready.SetAttributeValue(session, private, *ready.template({LABEL: b"n"})) == OK
    assert read(ready, session, private, LABEL) == b"n"
    ready.Logout(session)
    assert read(ready, session, private, LABEL) == OBJECT_HANDLE_INVALID
    assert ready.find(session, {CLASS: PRIVATE_KEY}) == []
    assert len(ready.find(session, {CLASS: PUBLIC_KEY})) == 1


@pytest.mark.parametrize(
    ("public", "private", "expected"),
    [
        ({}, {EXTRACTABLE: True}, TEMPLATE_INCONSISTENT),
        ({}, {SENSITIVE: False}, TEMPLATE_INCONSISTENT),
        ({}, {PRIVATE: False}, TEMPLATE_INCONSISTENT),
        ({}, {DECRYPT: True}, TEMPLATE_INCONSISTENT),
        ({}, {CLASS: PUBLIC_KEY}, TEMPLATE_INCONSISTENT),
        ({}, {KEY_TYPE: 3}, TEMPLATE_INCONSISTENT),
        ({}, {VALUE: bytes(32)}, ATTRIBUTE_READ_ONLY),
        ({LOCAL: True}, {}, ATTRIBUTE_READ_ONLY),
        ({}, {EC_POINT: bytes(67)}, ATTRIBUTE_READ_ONLY),
        ({EC_PARAMS: bytes.fromhex("06082a8648ce3d030107")}, {}, TEMPLATE_INCONSISTENT),
        ({EC_PARAMS: bytes.fromhex("06082a811ccf5501822d")}, {}, OK),
        ({0x4242: b"x"}, {}, ATTRIBUTE_TYPE_INVALID),
        ({TOKEN: b"\1\1"}, {}, ATTRIBUTE_VALUE_INVALID),
        ({TOKEN: b"\2"}, {}, ATTRIBUTE_VALUE_INVALID),
        ({CLASS: b"\2"}, {}, ATTRIBUTE_VALUE_INVALID),
        ({}, {LABEL: b"x" * (256 * 1024 + 1)}, ATTRIBUTE_VALUE_INVALID),
    ],
)
def test_key_templates_bend_no_rule(
    ready: Raw,
    session: ctypes.c_ulong,
    public: dict,
    private: dict,
    expected: int,  # type: ignore[type-arg]
) -> None:
    assert generate(ready, session, public, private)[0] == expected
    assert len(ready.find(session, {})) == (2 if expected == OK else 0)


def test_keys_are_never_brought_in(ready: Raw, session: ctypes.c_ulong) -> None:
    for kind in (PUBLIC_KEY, PRIVATE_KEY, SECRET_KEY, 0x80000001):
        assert create(ready, session, {CLASS: kind, VALUE: bytes(32)})[0] == ATTRIBUTE_VALUE_INVALID
    assert ready.find(session, {}) == []


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({LABEL: b"x"}, TEMPLATE_INCOMPLETE),
        ({CLASS: CERTIFICATE, CERTIFICATE_TYPE: 0, VALUE: b"x"}, TEMPLATE_INCOMPLETE),
        ({CLASS: CERTIFICATE, CERTIFICATE_TYPE: 0, SUBJECT: b"s"}, TEMPLATE_INCOMPLETE),
        ({CLASS: CERTIFICATE, SUBJECT: b"s", VALUE: b"x"}, TEMPLATE_INCOMPLETE),
        ({CLASS: CERTIFICATE, CERTIFICATE_TYPE: 1, SUBJECT: b"s", VALUE: b"x"}, 0x13),
        ({CLASS: CERTIFICATE, CERTIFICATE_TYPE: 0, SUBJECT: b"s", VALUE: b"x"}, OK),
        ({CLASS: DATA, ID: b"x"}, ATTRIBUTE_TYPE_INVALID),
        ({CLASS: DATA}, OK),
    ],
)
def test_object_templates(
    ready: Raw,
    session: ctypes.c_ulong,
    values: dict,
    expected: int,  # type: ignore[type-arg]
) -> None:
    assert create(ready, session, values)[0] == expected


def test_a_broken_template_is_no_crash(ready: Raw, session: ctypes.c_ulong) -> None:
    made = ctypes.c_ulong()
    for broken in (
        Attribute(CLASS, None, 8), Attribute(CLASS, None, 0), Attribute(LABEL, None, 2**64 - 1)
    ):  # fmt: skip
        code = ready.CreateObject(session, ctypes.byref(broken), ulong(1), ctypes.byref(made))
        assert code in {ATTRIBUTE_VALUE_INVALID, TEMPLATE_INCOMPLETE}
    twice = (Attribute * 2)()
    number = ulong(DATA)
    for item in twice:
        item.type, item.length = CLASS, 8
        item.value = ctypes.cast(ctypes.byref(number), ctypes.c_void_p)
    code = ready.CreateObject(session, twice, ulong(2), ctypes.byref(made))
    assert code == TEMPLATE_INCONSISTENT


def test_session_objects_die_with_their_session(ready: Raw, session: ctypes.c_ulong) -> None:
    other = ready.open()
    code, item = create(ready, other, {CLASS: DATA, LABEL: b"passing", VALUE: b"v"})
    assert code == OK
    secret = create(ready, session, {CLASS: DATA, LABEL: b"secret", PRIVATE: True})[1]
    _, _, private = generate(ready, session, {}, {})
    assert read(ready, session, item, VALUE) == b"v"  # seen by all sessions of the application
    assert ready.CloseSession(other) == OK
    assert read(ready, session, item, VALUE) == OBJECT_HANDLE_INVALID
    assert ready.find(session, {LABEL: b"passing"}) == []
    assert ready.Logout(session) == OK
    assert ready.login(session, USER, USER_PIN) == OK
    for gone in (secret, private):
        assert read(ready, session, gone, LABEL) == OBJECT_HANDLE_INVALID


def test_read_only_sessions_and_protected_objects(ready: Raw, session: ctypes.c_ulong) -> None:
    reading = ready.open(writable=False)
    on_token = {CLASS: DATA, TOKEN: True, LABEL: b"d"}
    assert create(ready, reading, on_token)[0] == SESSION_READ_ONLY
    item = create(ready, session, on_token)[1]
    assert ready.DestroyObject(reading, item) == SESSION_READ_ONLY
    change = ready.template({LABEL: b"e"})
    assert ready.SetAttributeValue(reading, item, *change) == SESSION_READ_ONLY
    fixed = create(ready, session, {CLASS: DATA, MODIFIABLE: False, DESTROYABLE: False})[1]
    assert ready.SetAttributeValue(session, fixed, *change) == ACTION_PROHIBITED
    assert ready.DestroyObject(session, fixed) == ACTION_PROHIBITED
    assert ready.DestroyObject(session, item) == OK
    assert ready.DestroyObject(session, item) == OBJECT_HANDLE_INVALID
    ready.Logout(session)
    assert create(ready, session, {CLASS: DATA, PRIVATE: True})[0] == NOT_LOGGED_IN


def test_private_data_is_sealed_in_the_file(
    ready: Raw, session: ctypes.c_ulong, folder: Path
) -> None:
    secret, open_ = b"only with the PIN!", b"for everybody to read"
    create(ready, session, {CLASS: DATA, TOKEN: True, PRIVATE: True, VALUE: secret})
    create(ready, session, {CLASS: DATA, TOKEN: True, VALUE: open_})
    content = (folder / "slot0.vukey").read_bytes()
    assert open_ in content
    assert secret not in content


def test_reading_attributes_one_by_one_and_together(ready: Raw, session: ctypes.c_ulong) -> None:
    item = create(ready, session, {CLASS: DATA, LABEL: b"label", VALUE: b"value"})[1]
    buffer = ctypes.create_string_buffer(3)
    wanted = (Attribute * 4)(
        Attribute(LABEL, None, 0), Attribute(0x4242, None, 0),
        Attribute(VALUE, ctypes.cast(buffer, ctypes.c_void_p), 3), Attribute(CLASS, None, 0),
    )  # fmt: skip
    code = ready.GetAttributeValue(session, item, wanted, ulong(4))
    assert code == ATTRIBUTE_TYPE_INVALID
    unavailable = ctypes.c_ulong(-1).value
    assert [a.length for a in wanted] == [5, unavailable, unavailable, ctypes.sizeof(ulong(0))]
    wanted[2].length = 3
    code = ready.GetAttributeValue(session, item, ctypes.byref(wanted[2]), ulong(1))
    assert (code, wanted[2].length) == (BUFFER_TOO_SMALL, unavailable)


def test_searching(ready: Raw, session: ctypes.c_ulong) -> None:
    for name in (b"a", b"b", b"b"):
        assert create(ready, session, {CLASS: DATA, LABEL: name})[0] == OK
    assert len(ready.find(session, {LABEL: b"b"})) == 2
    assert ready.find(session, {LABEL: b"c"}) == []
    count, found = ctypes.c_ulong(), (ctypes.c_ulong * 2)()
    assert (
        ready.FindObjects(session, found, ulong(2), ctypes.byref(count))
        == OPERATION_NOT_INITIALIZED
    )
    assert ready.FindObjectsFinal(session) == OPERATION_NOT_INITIALIZED
    assert ready.FindObjectsInit(session, None, ulong(0)) == OK
    assert ready.FindObjectsInit(session, None, ulong(0)) == OPERATION_ACTIVE
    sizes = []
    for _ in range(3):
        assert ready.FindObjects(session, found, ulong(2), ctypes.byref(count)) == OK
        sizes.append(count.value)
    assert sizes == [2, 1, 0]
    assert ready.FindObjectsFinal(session) == OK


def test_signing_conventions(ready: Raw, session: ctypes.c_ulong) -> None:
    _, public, private = generate(ready, session, {}, {})
    _, _, dumb = generate(ready, session, {}, {SIGN: False})
    assert init(ready, session, 0x1041, private) == MECHANISM_INVALID
    assert init(ready, session, RAW_E, private, b"id") == MECHANISM_PARAM_INVALID
    assert init(ready, session, SM3_ID_RAW, private, b"x" * 8192) == MECHANISM_PARAM_INVALID
    assert init(ready, session, RAW_E, ulong(12345)) == KEY_HANDLE_INVALID
    assert init(ready, session, RAW_E, public) == KEY_TYPE_INCONSISTENT
    assert init(ready, session, RAW_E, dumb) == KEY_FUNCTION_NOT_PERMITTED
    assert sign(ready, session, E)[0] == OPERATION_NOT_INITIALIZED

    assert init(ready, session, RAW_E, private) == OK
    assert init(ready, session, RAW_E, private) == OPERATION_ACTIVE
    length = ulong(0)
    assert ready.Sign(session, E, ulong(32), None, ctypes.byref(length)) == OK
    assert length.value == 64
    code, _ = sign(ready, session, E, room=63)
    assert code == BUFFER_TOO_SMALL
    code, value = sign(ready, session, E, room=64)  # still active after both
    assert (code, len(value)) == (OK, 64)
    assert sign(ready, session, E)[0] == OPERATION_NOT_INITIALIZED

    assert init(ready, session, DER_E, private) == OK
    assert sign(ready, session, E[:31])[0] == DATA_LEN_RANGE
    assert sign(ready, session, E)[0] == OPERATION_NOT_INITIALIZED  # an error ends it
    assert init(ready, session, RAW_E, private) == OK
    assert ready.SignUpdate(session, E, ulong(32)) == NOT_SUPPORTED

    assert init(ready, session, RAW_E, private) == OK
    assert ready.Logout(session) == OK
    assert sign(ready, session, E)[0] == OPERATION_NOT_INITIALIZED
    assert init(ready, session, RAW_E, private) == NOT_LOGGED_IN


@pytest.mark.parametrize("user_id", ["", "another-id"])
@pytest.mark.parametrize("mechanism", [SM3_ID_RAW, SM3_ID_DER])
def test_hashing_signatures_verify(
    ready: Raw, session: ctypes.c_ulong, judge: Callable[..., bool], mechanism: int, user_id: str
) -> None:
    _, public, private = generate(ready, session, {}, {})
    point = read(ready, session, public, EC_POINT)
    assert isinstance(point, bytes)
    spki = bytes.fromhex("3059301306072a8648ce3d020106082a811ccf5501822d034200") + point[2:]
    whole, parts = b"message in three parts", (b"message ", b"", b"in three parts")
    values = []
    assert init(ready, session, mechanism, private, user_id.encode()) == OK
    values.append(sign(ready, session, whole)[1])
    assert init(ready, session, mechanism, private, user_id.encode()) == OK
    for part in parts:
        assert ready.SignUpdate(session, part, ulong(len(part))) == OK
    assert sign(ready, session, b"")[0] == OPERATION_NOT_INITIALIZED  # begun in parts
    buffer, length = ctypes.create_string_buffer(72), ulong(10)
    assert ready.SignFinal(session, buffer, ctypes.byref(length)) == BUFFER_TOO_SMALL
    length = ulong(72)
    assert ready.SignFinal(session, buffer, ctypes.byref(length)) == OK
    values.append(buffer.raw[: length.value])
    for value in values:
        der = value if mechanism == SM3_ID_DER else der_signature(value)
        assert judge(spki, whole, der, sm2_id=user_id or "1234567812345678")
        assert not judge(spki, whole, der, sm2_id="wrong id")


@pytest.mark.wants("openssl")
def test_sm3_without_id_signs_the_bare_digest(
    ready: Raw, session: ctypes.c_ulong, tmp_path: Path
) -> None:
    _, public, private = generate(ready, session, {}, {})
    point = read(ready, session, public, EC_POINT)
    assert isinstance(point, bytes)
    assert init(ready, session, SM3_RAW, private) == OK
    value = sign(ready, session, b"message")[1]
    spki = bytes.fromhex("3059301306072a8648ce3d020106082a811ccf5501822d034200") + point[2:]
    (tmp_path / "key.der").write_bytes(spki)
    (tmp_path / "e").write_bytes(hashlib.new("sm3", b"message").digest())
    (tmp_path / "sig").write_bytes(der_signature(value))
    result = subprocess.run(
        ["openssl", "pkeyutl", "-verify", "-pubin", "-keyform", "DER", "-inkey", "key.der",
         "-in", "e", "-sigfile", "sig"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "Verified Successfully" in result.stdout, result.stderr


def test_sm3_digests(ready: Raw) -> None:
    session = ready.open()
    how = Mechanism(SM3, None, 0)
    expected = hashlib.new("sm3", b"abc").digest()
    out, length = ctypes.create_string_buffer(32), ulong(31)
    assert (
        ready.Digest(session, b"abc", ulong(3), out, ctypes.byref(length))
        == OPERATION_NOT_INITIALIZED
    )
    assert ready.DigestInit(session, ctypes.byref(how)) == OK
    assert ready.DigestInit(session, ctypes.byref(how)) == OPERATION_ACTIVE
    assert ready.Digest(session, b"abc", ulong(3), None, ctypes.byref(length)) == OK
    length = ulong(31)
    assert ready.Digest(session, b"abc", ulong(3), out, ctypes.byref(length)) == BUFFER_TOO_SMALL
    assert ready.Digest(session, b"abc", ulong(3), out, ctypes.byref(length)) == OK
    assert out.raw == expected
    assert ready.DigestInit(session, ctypes.byref(how)) == OK
    for part in (b"a", b"", b"bc"):
        assert ready.DigestUpdate(session, part, ulong(len(part))) == OK
    assert ready.DigestFinal(session, out, ctypes.byref(length)) == OK
    assert out.raw == expected


def test_random_numbers_differ(ready: Raw) -> None:
    session = ready.open()
    one, two = (ctypes.create_string_buffer(32) for _ in range(2))
    assert ready.GenerateRandom(session, one, ulong(32)) == OK
    assert ready.GenerateRandom(session, two, ulong(32)) == OK
    assert one.raw != two.raw


def test_removal_is_told_once_then_the_session_is_unknown(
    ready: Raw, session: ctypes.c_ulong, folder: Path
) -> None:
    state = (ctypes.c_ulong * 4)()
    pull_out(folder)
    assert ready.GetSessionInfo(session, state) == DEVICE_REMOVED
    assert ready.GetSessionInfo(session, state) == SESSION_HANDLE_INVALID
    plug_in(folder)
    assert ready.CloseSession(session) == SESSION_HANDLE_INVALID
    assert ready.login(ready.open(), USER, USER_PIN) == OK


def test_threads_do_not_disturb_each_other(ready: Raw, session: ctypes.c_ulong) -> None:
    _, _, private = generate(ready, session, {}, {})
    failures: list[object] = []

    def work() -> None:
        mine = ready.open()
        for _ in range(40):
            codes = (init(ready, mine, RAW_E, private), sign(ready, mine, E, room=64)[0])
            if codes != (OK, OK) or not ready.find(mine, {CLASS: PRIVATE_KEY}):
                failures.append(codes)
        if ready.CloseSession(mine) != OK:
            failures.append("close")

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert failures == []


def test_sessions_are_not_endless(ready: Raw) -> None:
    session_count = 0xB1
    opened = ctypes.c_ulong()
    codes = [
        ready.OpenSession(ulong(0), ulong(4), None, None, ctypes.byref(opened)) for _ in range(257)
    ]
    assert codes == [OK] * 256 + [session_count]

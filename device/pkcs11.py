"""Smart keys through PKCS#11 modules, over python-pkcs11.

``open_module(path).tokens()`` is the way in. A module is loaded and initialised once per process
and belongs to one thread. Signature values are checked for their shape here and must be verified
with the certificate by the caller before use: that also proves the vendor profile.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pkcs11

from device import cryptoki
from device.library_file import check_library
from device.loading import full_path, load
from device.pkcs11_session import Pkcs11Session
from device.profiles import (
    VendorProfile,
    profile_by_mechanisms,
    profile_by_names,
    profile_named,
)
from device.token import (
    ModuleUnusable,
    PinIncorrect,
    PinLocked,
    PinNotAllowed,
    PinState,
    Token,
    TokenError,
    TokenInfo,
    TokenNotInitialised,
    TokenNotPresent,
    UnlockProblem,
    UnlockRefused,
    UnlockRequest,
    check_new_pin,
)

_log = logging.getLogger(__name__)

# Token flags of the standard that python-pkcs11 has no names for.
_USER_PIN_TO_BE_CHANGED = 0x80000
_SO_PIN_LOCKED = 0x400000

_POINT, _NONCE = 65, 16
"""Bytes of the parts of a request for unlocking."""

_loaded: dict[Path, Module] = {}


def open_module(path: str | Path, profile: str | None = None) -> Module:
    """Load a vendor's library, or return it if it is loaded already; a bare name is one in the
    system's folders (:mod:`device.loading`).

    `profile` forces a vendor profile by name. Raises ModuleNotFound, ModulePathIncomplete,
    ModuleWrongArchitecture, ModuleUnusable; KeyError for an unknown profile name.
    """
    forced = profile_named(profile) if profile else None
    real = full_path(path)
    module = _loaded.get(real)
    if module is None:
        check_library(real)
        try:
            # Before python-pkcs11, which would have its companions looked for on PATH.
            library = load(real)
            module = Module(pkcs11.lib(str(real)), cryptoki.DirectCalls(library), real)
        except (pkcs11.PKCS11Error, OSError, AttributeError) as error:
            raise ModuleUnusable(f"{real} does not start: {error}", str(real)) from error
        _loaded[real] = module
    module.forced_profile = forced or module.forced_profile
    return module


class Module:
    """A loaded driver library."""

    def __init__(self, library: Any, calls: cryptoki.DirectCalls, path: Path) -> None:
        self.path = path
        self.manufacturer: str = library.manufacturer_id
        self.description: str = library.library_description
        self.version: tuple[int, int] = library.library_version
        self.forced_profile: VendorProfile | None = None
        self.calls = calls
        self._named_profile = profile_by_names(str(path), self.manufacturer, self.description)
        self._library = library
        self._logins: dict[int, Pkcs11Session] = {}

    def tokens(self) -> list[Token]:
        """The keys plugged in at this moment, blank ones included. Raises DeviceFault."""
        return [Pkcs11Token(self, self.describe(token)) for token in self.present()]

    def present(self) -> list[Any]:
        """python-pkcs11's tokens, freshly read: the flags of an old one are never updated."""
        found: list[Any] = []
        with cryptoki.translated():
            for slot in self._library.get_slots(token_present=True):
                with suppress(pkcs11.TokenNotPresent, pkcs11.TokenNotRecognised):
                    found.append(slot.get_token())
        return found

    def profile_for(self, token: Any) -> VendorProfile:
        """The vendor profile for a token of this library."""
        if self.forced_profile is not None:
            return self.forced_profile
        if self._named_profile is not None:
            return self._named_profile
        mechanisms: set[int] = set()
        with suppress(pkcs11.PKCS11Error):
            mechanisms = {int(mechanism) for mechanism in token.slot.get_mechanisms()}
        return profile_by_mechanisms(mechanisms)

    def describe(self, token: Any) -> TokenInfo:
        """What a python-pkcs11 token says of itself."""
        profile = self.profile_for(token)
        return TokenInfo(
            serial=token.serial.decode("ascii", errors="replace").strip("\0 "),
            label=token.label.strip(),
            manufacturer=token.manufacturer_id,
            model=token.model,
            module=str(self.path),
            slot=token.slot.slot_id,
            is_virtual=profile.virtual,
            hardware_version="{}.{}".format(*token.hardware_version),
            firmware_version="{}.{}".format(*token.firmware_version),
            profile=profile.name,
        )

    def log_out(self, slot: int) -> None:
        """End the login on a slot, if there is one: PKCS#11 knows one login per token."""
        session = self._logins.pop(slot, None)
        if session is not None:
            session.close()

    def close_sessions(self, slot: int) -> None:
        """End every session on a slot, also those that something leaked."""
        self.log_out(slot)
        with suppress(pkcs11.PKCS11Error):
            self.calls.close_all_sessions(slot)

    def log_in(self, session: Pkcs11Session, slot: int, user: int, pin: str) -> None:
        """C_Login on an open session; the session is closed if that fails."""
        try:
            self.calls.login(session.handle, user, pin)
        except BaseException:
            session.close()
            raise
        session.logged_in = True
        self._logins[slot] = session


class Pkcs11Token:
    """A key as `Module.tokens` found it; works again after it was pulled out and plugged in."""

    def __init__(self, module: Module, info: TokenInfo) -> None:
        self._module = module
        self._info = info

    @property
    def info(self) -> TokenInfo:
        return self._info

    def __repr__(self) -> str:
        return f"<Pkcs11Token {self._info.serial!r} {self._info.label!r} slot {self._info.slot}>"

    @property
    def initialised(self) -> bool:
        """Whether label and SO PIN are set; asked afresh. Raises TokenNotPresent."""
        return bool(self._find().flags & pkcs11.TokenFlag.TOKEN_INITIALIZED)

    def _find(self) -> Any:
        """The same key, in its slot or wherever it is now; a blank one only in its slot."""
        serial, slot = self._info.serial, self._info.slot
        found = [(self._module.describe(token), token) for token in self._module.present()]
        found.sort(key=lambda pair: pair[0].slot != slot)
        for info, token in found:
            if info.serial == serial and (serial or info.slot == slot):
                self._info = info
                return token
        raise TokenNotPresent(f"the token {serial or '(blank)'} is not plugged in")

    def pin_state(self) -> PinState:
        token = self._find()
        flags = int(token.flags)
        return PinState(
            initialised=bool(flags & pkcs11.TokenFlag.USER_PIN_INITIALIZED),
            count_low=bool(flags & pkcs11.TokenFlag.USER_PIN_COUNT_LOW),
            final_try=bool(flags & pkcs11.TokenFlag.USER_PIN_FINAL_TRY),
            locked=bool(flags & pkcs11.TokenFlag.USER_PIN_LOCKED),
            must_change=bool(flags & _USER_PIN_TO_BE_CHANGED),
            tries_left=self._tries_left(token, officer=False),
        )

    def _tries_left(self, token: Any, *, officer: bool) -> int | None:
        tries = self._module.profile_for(token).tries
        if tries is None or not token.flags & pkcs11.TokenFlag.TOKEN_INITIALIZED:
            return None
        attribute = tries.officer if officer else tries.user
        session = self._open_session(token)
        try:
            return session.feature(tries.feature, attribute)
        except TokenError:
            return None
        finally:
            session.close()

    def _open_session(self, token: Any, *, writable: bool = False) -> Pkcs11Session:
        if not token.flags & pkcs11.TokenFlag.TOKEN_INITIALIZED:
            raise TokenNotInitialised("the token is blank: initialise it first")
        profile = self._module.profile_for(token)
        numbers = (profile.tries.user, profile.tries.officer) if profile.tries else ()
        writable = writable and not token.flags & pkcs11.TokenFlag.WRITE_PROTECTED
        with cryptoki.translated():
            session = token.open(rw=writable, attribute_mapper=cryptoki.lenient_mapper(numbers))
        return Pkcs11Session(session, self._module.calls, profile, self._is_present)

    def _is_present(self) -> bool:
        try:
            self._find()
        except TokenError:
            return False
        return True

    def open(self) -> Pkcs11Session:
        # Writable, because a read-only session would keep the security officer from logging in.
        return self._open_session(self._find(), writable=True)

    def login(self, pin: str) -> Pkcs11Session:
        token = self._find()
        self._module.log_out(self._info.slot)
        with self._pin_errors(officer=False):
            session = self._open_session(token, writable=True)
            try:
                self._module.log_in(session, self._info.slot, cryptoki.USER, pin)
            except pkcs11.UserAlreadyLoggedIn:
                # A leaked login: then the library has not checked this PIN. Make it check.
                self._module.close_sessions(self._info.slot)
                session = self._open_session(token, writable=True)
                self._module.log_in(session, self._info.slot, cryptoki.USER, pin)
        return session

    @contextmanager
    def _pin_errors(self, *, officer: bool) -> Iterator[None]:
        """A wrong PIN comes out with the tries left, or as locked if that was the last one."""
        try:
            with cryptoki.translated():
                yield
        except (PinIncorrect, PinNotAllowed) as error:
            token = self._find()
            tries = self._tries_left(token, officer=officer)
            lock = _SO_PIN_LOCKED if officer else int(pkcs11.TokenFlag.USER_PIN_LOCKED)
            if tries == 0 or int(token.flags) & lock:
                raise PinLocked("that was the last try: the PIN is locked now") from error
            raise PinIncorrect(tries) from error

    def change_pin(self, old: str, new: str) -> None:
        check_new_pin(new, old=old)
        token = self._find()
        self._module.log_out(self._info.slot)  # C_SetPIN changes the PIN of whoever is logged in
        with self._pin_errors(officer=False):
            session = self._open_session(token, writable=True)
            try:
                session.set_pin(old, new)
            finally:
                session.close()

    def initialise(self, label: str, so_pin: str, user_pin: str) -> None:
        check_new_pin(so_pin, whose="officer")
        check_new_pin(user_pin)
        self._find()
        self._module.close_sessions(self._info.slot)
        with self._pin_errors(officer=True):
            self._module.calls.init_token(self._info.slot, so_pin, label)
        for token in self._module.present():  # the serial number may be new as well
            if token.slot.slot_id == self._info.slot:
                self._info = self._module.describe(token)
        self.unblock(so_pin, user_pin)

    def unblock(self, so_pin: str, new_pin: str) -> None:
        check_new_pin(new_pin)
        token = self._find()
        self._module.close_sessions(self._info.slot)
        with self._pin_errors(officer=True):
            session = self._open_session(token, writable=True)
            self._module.log_in(session, self._info.slot, cryptoki.SECURITY_OFFICER, so_pin)
            try:
                session.init_pin(new_pin)
            finally:
                session.close()

    def unlock_request(self) -> UnlockRequest | None:
        token = self._find()
        if not self._module.profile_for(token).unlock.statement:
            return None
        with cryptoki.translated():
            found = self._module.calls.unlock_request(self._info.slot)
        if found is None:
            return None
        return UnlockRequest(
            found[1:_POINT], found[_POINT : _POINT + _NONCE], found[_POINT + _NONCE :]
        )

    def unlock(self, statement: bytes, signature: bytes, new_pin: str) -> None:
        check_new_pin(new_pin)
        if not self._module.profile_for(self._find()).unlock.statement:
            raise UnlockRefused(UnlockProblem.VENDOR)
        self._module.close_sessions(self._info.slot)
        with cryptoki.translated():
            self._module.calls.unlock_pin(self._info.slot, statement, signature, new_pin)

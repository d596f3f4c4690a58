"""Where the cabinet's key is kept: the system's keyring, a guarded file, or only in memory.

Which one :meth:`SystemStores.best` gives for a new cabinet, honestly:

* **keyring** — Windows Credential Manager, macOS Keychain, Secret Service. The key is as safe as
  the user's sign-in. A backend that keeps secrets in plain files counts as none.
* **key file** — only where there is no keyring, as on a server, and the setting
  ``allow_key_file`` permits it; a policy can forbid it. The file is its owner's alone, and one
  that others can read is refused. Who can read the user's files can read the cabinet then: it
  guards against a copied database only. (No seal's key is ever in it: those are on the Ukey.)
* **session** — otherwise. Secrets live in memory and end with the process; nothing is written. A
  cabinet made now is gone at the end, and one that exists stays locked; the user is told.

The cabinet remembers which it was, and is opened with that one alone (:meth:`SystemStores.of`). A
keyring that is slow to answer is waited for and asked again, never replaced: a key that went to
another place would be lost to the cabinet the next time.

A PIN never comes here.
"""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

from app.durable import locked, replace_file
from app.errors import CabinetLocked
from app.settings import Settings
from crypto.owner_only import exposed

SERVICE = "SealDesk"
TIMEOUT_S = 3.0
TRIES = 3
"""How many times the keyring is waited for so long: a person may be unlocking it just now."""
IMPORT_S = 60.0
"""Seconds in which the keyring's modules must have been imported."""

T = TypeVar("T")


class Kind(StrEnum):
    """Where the secrets are."""

    KEYRING = "keyring"
    KEY_FILE = "key-file"
    SESSION = "session"


class _Place(Protocol):
    def get(self, name: str) -> str | None: ...
    def put(self, name: str, text: str) -> None: ...
    def remove(self, name: str) -> None: ...


class SecretStore:
    """Small secrets by name."""

    def __init__(self, kind: Kind, place: _Place, why: str = "") -> None:
        self.kind = kind
        self.why = why
        """Why it is no keyring: "", "off", "none", "insecure" or "error"."""
        self._place = place

    @classmethod
    def session(cls, why: str = "none") -> SecretStore:
        """A store in memory, for this process only."""
        return cls(Kind.SESSION, _Memory(), why)

    def best(self) -> SecretStore:
        """Itself: the one store there is (:class:`Stores`)."""
        return self

    def of(self, kind: Kind) -> SecretStore:
        """Itself, if it is of that kind. Raises :class:`app.errors.CabinetLocked`."""
        if kind is not self.kind:
            raise CabinetLocked("missing")
        return self

    @property
    def lasting(self) -> bool:
        """Will the secrets be there the next time? If not, the user must be told."""
        return self.kind is not Kind.SESSION

    def get(self, name: str) -> bytes | None:
        """The secret, or None if there is none. Raises :class:`app.errors.CabinetLocked`."""
        text = self._place.get(name)
        if text is None:
            return None
        try:
            return base64.b64decode(text, validate=True)
        except ValueError as error:
            raise CabinetLocked("wrong") from error

    def put(self, name: str, secret: bytes) -> None:
        """Keep *secret* (at most 900 bytes: Windows takes no more). Raises
        :class:`app.errors.CabinetLocked`, ValueError."""
        if len(secret) > 900:
            raise ValueError("too long for a keyring")
        self._place.put(name, base64.b64encode(secret).decode())

    def remove(self, name: str) -> None:
        """Forget the secret, if there is one. Raises :class:`app.errors.CabinetLocked`."""
        self._place.remove(name)


class Stores(Protocol):
    """The stores that can be had here."""

    def best(self) -> SecretStore:
        """The one for a new secret. Raises :class:`app.errors.CabinetLocked`."""

    def of(self, kind: Kind) -> SecretStore:
        """The one that a secret was put into. Raises :class:`app.errors.CabinetLocked`."""


class SystemStores:
    """Those that this machine has and the settings allow."""

    def __init__(
        self,
        settings: Settings,
        *,
        timeout: float = TIMEOUT_S,
        waiting: Callable[[], None] = lambda: None,
    ) -> None:
        """The keyring is waited for :data:`TRIES` times *timeout* seconds; *waiting* is called
        after the first of them."""
        self._settings = settings
        self._clock = _Clock(timeout, waiting)
        self._found: _Keyring | None = None

    def best(self) -> SecretStore:
        """See :class:`Stores`. Raises only for a keyring that does not answer in time."""
        why = "off"
        if self._settings.keyring:
            try:
                ring = self._keyring()
                ring.get("probe")  # an existing keyring may still be locked
                return SecretStore(Kind.KEYRING, ring)
            except _NoKeyring as problem:
                why = str(problem)
            except CabinetLocked as error:
                if error.reason == "timeout":
                    raise
                why = "error"
        if self._settings.allow_key_file:
            return SecretStore(Kind.KEY_FILE, self._key_file(), why)
        return SecretStore.session(why)

    def of(self, kind: Kind) -> SecretStore:
        """See :class:`Stores`."""
        if kind is Kind.KEYRING:
            if not self._settings.keyring:
                raise CabinetLocked("off")
            try:
                return SecretStore(kind, self._keyring())
            except _NoKeyring as problem:
                raise CabinetLocked("none") from problem
        if kind is Kind.KEY_FILE and self._settings.allow_key_file:
            return SecretStore(kind, self._key_file())
        raise CabinetLocked("forbidden" if kind is Kind.KEY_FILE else "missing")

    def _keyring(self) -> _Keyring:
        if self._found is None:
            self._found = _Keyring(self._clock)
        return self._found

    def _key_file(self) -> _KeyFile:
        return _KeyFile(self._settings.folders.data / "secrets.json")


class _Memory:
    def __init__(self) -> None:
        self._secrets: dict[str, str] = {}

    def get(self, name: str) -> str | None:
        return self._secrets.get(name)

    def put(self, name: str, text: str) -> None:
        self._secrets[name] = text

    def remove(self, name: str) -> None:
        self._secrets.pop(name, None)


class _KeyFile:
    """A JSON file that its owner alone can read."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = path.with_suffix(".lock")

    def get(self, name: str) -> str | None:
        return self._read().get(name)

    def put(self, name: str, text: str) -> None:
        with locked(self._lock):
            self._write({**self._read(), name: text})

    def remove(self, name: str) -> None:
        with locked(self._lock):
            secrets = self._read()
            if secrets.pop(name, None) is not None:
                self._write(secrets)

    def _read(self) -> dict[str, str]:
        try:
            if exposed(self._path):
                raise CabinetLocked("exposed")
            secrets = json.loads(self._path.read_text("utf-8"))
            return {str(name): str(text) for name, text in secrets.items()}
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, AttributeError) as error:
            raise CabinetLocked("store") from error

    def _write(self, secrets: dict[str, str]) -> None:
        try:
            replace_file(self._path, json.dumps(secrets).encode(), private=True)
        except OSError as error:
            raise CabinetLocked("store") from error


class _NoKeyring(Exception):
    """No keyring can be used; the message is the reason for SecretStore.why."""


class _Clock:
    """How long a call of the keyring may take, and who is told that it takes long."""

    def __init__(self, timeout: float, waiting: Callable[[], None]) -> None:
        self.timeout, self._waiting = timeout, waiting

    def wait(self, call: _Call[T]) -> T:
        """What *call* gives; :class:`CabinetLocked` if it fails or takes too long."""
        for number in range(TRIES):
            if call.ended(self.timeout):
                return call.result()
            if number == 0:
                self._waiting()
        raise CabinetLocked("timeout")


class _Call(Generic[T]):
    """One call of the keyring, in a thread that may be given up: it may block for ever."""

    def __init__(self, action: Callable[[], T]) -> None:
        self._action = action
        self._results: list[T] = []
        self._failure: Exception | None = None
        # a daemon thread: a call that never returns must not block the end of the process
        self._worker = threading.Thread(target=self._run, name="keyring", daemon=True)
        self._worker.start()

    def _run(self) -> None:
        try:
            self._results.append(self._action())
        except Exception as error:  # noqa: BLE001 - backends raise what their systems raise
            self._failure = error

    def ended(self, within: float) -> bool:
        self._worker.join(within)
        return not self._worker.is_alive()

    def result(self) -> T:
        if isinstance(self._failure, _NoKeyring):
            raise self._failure
        if not self._results:
            raise CabinetLocked("store") from self._failure
        return self._results[0]


class _Keyring:
    """The system's keyring. A question that was given up is not asked twice: while the system
    still shows its own dialog, asking again waits for the same answer."""

    def __init__(self, clock: _Clock) -> None:
        """Raises :class:`_NoKeyring`, :class:`CabinetLocked`."""
        self._clock = clock
        self._asked: dict[str, _Call[str | None]] = {}
        finding = _Call(_usable_backend)
        # importing the backends takes many seconds on a busy Windows; that is no answer overdue
        if not finding.ended(IMPORT_S):
            raise CabinetLocked("timeout")
        self._backend: Any = finding.result()

    def get(self, name: str) -> str | None:
        call = self._asked.get(name) or _Call(lambda: self._read(name))
        self._asked[name] = call
        found = None
        try:
            found = self._clock.wait(call)
        finally:
            if call.ended(0):
                del self._asked[name]
        return found

    def _read(self, name: str) -> str | None:
        found: str | None = self._backend.get_password(SERVICE, name)
        return found

    def put(self, name: str, text: str) -> None:
        self._clock.wait(_Call(lambda: self._backend.set_password(SERVICE, name, text)))

    def remove(self, name: str) -> None:
        if self.get(name) is not None:
            self._clock.wait(_Call(lambda: self._backend.delete_password(SERVICE, name)))


def _usable_backend() -> Any:
    """The keyring's backend, one that asks the system and writes no plain files."""
    import keyring

    chosen: Any = keyring.get_keyring()
    backends = list(getattr(chosen, "backends", None) or [chosen])  # a chain tries one by one
    if all(type(backend).__module__ == "keyring.backends.fail" for backend in backends):
        raise _NoKeyring("none")
    for backend in backends:
        plain = type(backend).__module__.startswith(("keyrings.alt", "keyring.backends.null"))
        if not plain and backend.priority >= 1:
            return backend
    raise _NoKeyring("insecure")

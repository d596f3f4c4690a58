"""Where the cabinet's key is kept: the system's keyring, a guarded file, or only in memory.

Which one :func:`open_secret_store` gives, honestly:

* **keyring** — Windows Credential Manager, macOS Keychain, Secret Service. The key is as safe as
  the user's sign-in. A backend that answers nothing for 3 seconds (a locked keyring without anyone
  to unlock it blocks for ever), or one that keeps secrets in plain files, counts as none.
* **key file** — only where there is no keyring, as on a server, and the setting
  ``allow_key_file`` permits it; a policy can forbid it. The file has mode 0600, and one that others
  can read is refused. Who can read the user's files can read the cabinet then: it guards against a
  copied database only. (No seal's key is ever in it: those are on the Ukey.)
* **session** — otherwise. Secrets live in memory and end with the process; nothing is written. A
  cabinet made now is gone at the end, and one that exists stays locked; the user is told.

A PIN never comes here.
"""

from __future__ import annotations

import base64
import json
import sys
import threading
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol, TypeVar

from app.durable import locked, replace_file
from app.errors import CabinetLocked
from app.settings import Settings

SERVICE = "SealDesk"
TIMEOUT_S = 3.0

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
        """Why it is no keyring: "", "off", "none", "timeout", "insecure" or "error"."""
        self._place = place

    @classmethod
    def session(cls, why: str = "none") -> SecretStore:
        """A store in memory, for this process only."""
        return cls(Kind.SESSION, _Memory(), why)

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


def open_secret_store(settings: Settings, *, timeout: float = TIMEOUT_S) -> SecretStore:
    """The best place that this machine and *settings* allow; never raises, never waits longer
    than *timeout* seconds."""
    why = "off"
    if settings.keyring:
        try:
            return SecretStore(Kind.KEYRING, _Keyring(timeout))
        except _NoKeyring as problem:
            why = str(problem)
    if settings.allow_key_file:
        return SecretStore(Kind.KEY_FILE, _KeyFile(settings.folders.data / "secrets.json"), why)
    return SecretStore.session(why)


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
    """A JSON file of mode 0600 (on Windows its folder below %LOCALAPPDATA% is the user's alone)."""

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
            if sys.platform != "win32" and self._path.stat().st_mode & 0o077:
                raise CabinetLocked("exposed")
            secrets = json.loads(self._path.read_text("utf-8"))
            return {str(name): str(text) for name, text in secrets.items()}
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, AttributeError) as error:
            raise CabinetLocked("store") from error

    def _write(self, secrets: dict[str, str]) -> None:
        try:
            replace_file(self._path, json.dumps(secrets).encode())
        except OSError as error:
            raise CabinetLocked("store") from error


class _NoKeyring(Exception):
    """No keyring can be used; the message is the reason for SecretStore.why."""


class _Keyring:
    """The system's keyring, every call in a thread that is given up after a time."""

    def __init__(self, timeout: float) -> None:
        self._timeout = timeout
        try:
            self._backend = self._call(_usable_backend)
            # an existing keyring may still be locked: try it
            self._call(lambda: self._backend.get_password(SERVICE, "probe"))
        except CabinetLocked as error:
            cause = error.__cause__
            why = "timeout" if error.reason == "timeout" else "error"
            raise _NoKeyring(str(cause) if isinstance(cause, _NoKeyring) else why) from error

    def get(self, name: str) -> str | None:
        found: str | None = self._call(lambda: self._backend.get_password(SERVICE, name))
        return found

    def put(self, name: str, text: str) -> None:
        self._call(lambda: self._backend.set_password(SERVICE, name, text))

    def remove(self, name: str) -> None:
        if self.get(name) is not None:
            self._call(lambda: self._backend.delete_password(SERVICE, name))

    def _call(self, action: Callable[[], T]) -> T:
        """What *action* gives; :class:`CabinetLocked` if it fails or takes too long."""
        results: list[T] = []
        failures: list[Exception] = []

        def run() -> None:
            try:
                results.append(action())
            except Exception as error:  # noqa: BLE001 - backends raise what their systems raise
                failures.append(error)

        # a daemon thread: a call that never returns must not block the end of the process
        worker = threading.Thread(target=run, name="keyring", daemon=True)
        worker.start()
        worker.join(self._timeout)
        if failures:
            raise CabinetLocked("store") from failures[0]
        if not results:
            raise CabinetLocked("timeout")
        return results[0]


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

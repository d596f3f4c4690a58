"""Phones in the window (:class:`ui.shell.context.parts.PhoneWork`).

While a phone is waited for, the platform is asked without the Ukey: the session of the beginning
goes on.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from app.errors import PairingOver
from ui.desk.keys import assert_device_thread

if TYPE_CHECKING:
    from app.desk import Desk
    from app.remote.approval.phones import Answered, Pairing, Phone, PhonesClient
    from app.signing import TokenKey


class DeskPhones:
    """See the module."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._one = threading.Lock()
        self._client: PhonesClient | None = None
        self._begun: Pairing | None = None

    @contextmanager
    def _key(self, serial: str, pin: str) -> Iterator[TokenKey]:
        assert_device_thread()
        with self._desk.token(serial).login(pin) as session:
            yield self._desk.holder_key(session)

    def _open(self, key: TokenKey) -> PhonesClient:
        from app.remote.approval.phones import PhonesClient

        client = self._desk.client(PhonesClient)
        try:
            client.sign_in(key)
        except BaseException:
            client.close()
            raise
        return client

    def listed(self, serial: str, pin: str) -> Sequence[Phone]:
        with self._key(serial, pin) as key, self._open(key) as client:
            return client.phones(key.certificate)

    def revoke(self, phone: Phone, serial: str, pin: str) -> Sequence[Phone]:
        with self._key(serial, pin) as key, self._open(key) as client:
            client.revoke_phone(phone, key, datetime.now(UTC))
            return client.phones(key.certificate)

    def begin(self, serial: str, pin: str) -> Pairing:
        self.give_up()
        with self._key(serial, pin) as key:
            client = self._open(key)
        with self._one:
            self._client = client
            self._begun = client.begin_pairing()
            return self._begun

    def look(self) -> Answered | None:
        with self._one:
            if self._client is None or self._begun is None:
                raise PairingOver
            return self._client.look_at_pairing(self._begun)

    def bind(self, answered: Answered, serial: str, pin: str) -> Sequence[Phone]:
        with self._key(serial, pin) as key, self._one:
            if self._client is None or self._begun is None:
                raise PairingOver
            self._client.bind_phone(self._begun, answered, key, datetime.now(UTC))
            return self._client.phones(key.certificate)

    def give_up(self) -> None:
        with self._one:
            client, self._client, self._begun = self._client, None, None
        if client is not None:
            client.close()

"""Phones as the window sees them, without Ukey and platform."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from app.errors import PairingOver
from app.remote.approval.phones import Answered, Pairing, Phone
from crypto.algorithms.keys import SoftKey
from crypto.seal.phone import six_digits, write_base64url
from crypto.seal.purpose_text import write_time
from device.token import PinIncorrect
from tests.world.soft_phone import SoftPhone, bound

ORIGIN = "http://localhost:8081"


class StandInPhones:
    """:attr:`wrong`: the PIN is refused so often; a phone comes with :meth:`come`."""

    def __init__(self, key: SoftKey, company: str) -> None:
        self.key, self.company = key, company
        self.known: list[Phone] = []
        self.answered: Answered | None = None
        self.begun: Pairing | None = None
        self.error: Exception | None = None
        """Raised by the next look."""
        self.phone = SoftPhone(ORIGIN)
        self.threads: set[str] = set()

    def _with(self, serial: str, pin: str) -> None:
        if pin != "right-2026":
            raise PinIncorrect(3)
        self.threads.add(threading.current_thread().name)

    def listed(self, serial: str, pin: str) -> Sequence[Phone]:
        self._with(serial, pin)
        return self.known

    def begin(self, serial: str, pin: str) -> Pairing:
        self._with(serial, pin)
        secret = bytes(range(16))
        url = f"{ORIGIN}/m/p/pairing_0123456789abcdef01234567#{write_base64url(secret)}"
        until = datetime.now(UTC) + timedelta(minutes=5)
        facts = ("李晓梅", self.company, "91321300MA27DEM14U", until)
        self.begun = Pairing("p1", url, secret, "00" * 16, *facts)
        self.answered = None
        return self.begun

    def come(self, name: str = "Android 14; Pixel 9", backup: str = "none") -> Answered:
        """A phone answers the pairing."""
        assert self.begun is not None
        proof = replace(self.phone.proof(), phone=name, backup=backup)
        self.answered = Answered(proof, six_digits(proof.mac(self.begun.secret)))
        return self.answered

    def look(self) -> Answered | None:
        if self.error is not None:
            raise self.error
        if self.begun is None:
            raise PairingOver
        return self.answered

    def bind(self, answered: Answered, serial: str, pin: str) -> Sequence[Phone]:
        self._with(serial, pin)
        now = datetime.now(UTC)
        term = {"from_": write_time(now), "until": write_time(now + timedelta(days=365))}
        binding = bound(self.phone, self.key, phone=answered.proof.phone, **term)
        self.known.insert(0, Phone(f"phone_{len(self.known)}", "active", binding, now))
        return self.known

    def revoke(self, phone: Phone, serial: str, pin: str) -> Sequence[Phone]:
        self._with(serial, pin)
        self.known = [
            replace(each, state="revoked") if each.id == phone.id else each for each in self.known
        ]
        return self.known

    def give_up(self) -> None:
        self.begun = self.answered = None

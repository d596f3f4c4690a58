""":class:`ui.shell.context.parts.ApplicationDesk` over the real :class:`app.desk.Desk`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from app.errors import ApplicationFieldWrong, FileNotReadable, FileProblem
from app.remote import application_form as form
from app.remote import applications, appointments, collecting
from app.store.applications import LETTER
from ui.desk.keys import assert_device_thread

if TYPE_CHECKING:
    from app.desk import Desk
    from app.remote.platform_account import Appointed, PlatformClient
    from app.store.applications import ApplicationRecord
    from app.store.cabinet import Cabinet, SealRecord
    from device.token import Session

_WAIT_S = 6.0
"""How long a person watches for a platform that answers by itself."""


class DeskApplications:
    """See :class:`ui.shell.context.parts.ApplicationDesk`."""

    def __init__(
        self, desk: Desk, cabinet: Callable[[], Cabinet], key_changed: Callable[[], None]
    ) -> None:
        """*key_changed*: called when there is another certificate on a key."""
        self._desk, self._cabinet, self._key_changed = desk, cabinet, key_changed

    def all(self) -> tuple[ApplicationRecord, ...]:
        return tuple(self._cabinet().applications.all())

    def keep(self, identity: str, fields: Mapping[str, str], platform: str) -> ApplicationRecord:
        known = self._cabinet().applications
        origin = platform.strip().rstrip("/")
        if not identity:
            return known.new("issue", fields, origin)

        def change(record: ApplicationRecord) -> ApplicationRecord:
            where = record.platform if record.sent else origin
            return replace(record, fields={**record.fields, **fields}, platform=where)

        return known.change(identity, change)

    def keep_letter(self, identity: str, path: Path | None) -> ApplicationRecord:
        content = b""
        if path is not None:
            try:
                content = path.read_bytes()
            except OSError as error:
                raise FileNotReadable(str(path), FileProblem.of(error)) from error
            wrong = form.letter_problem(content)
            if wrong:
                raise ApplicationFieldWrong(LETTER, wrong)
        name = path.name if path is not None else ""
        return self._cabinet().applications.keep_letter(identity, name, content)

    def forget(self, identity: str) -> None:
        self._cabinet().applications.forget(identity)

    def told(self, identities: Sequence[str]) -> None:
        for identity in identities:
            self._cabinet().applications.mark_told(identity)

    # --- with a key ------------------------------------------------------------------------------

    def submit(self, identity: str, serial: str, pin: str) -> ApplicationRecord:
        assert_device_thread()
        cabinet = self._cabinet()
        record = cabinet.applications.get(identity)
        if record.editable:
            form.check(record)
        reached = self._desk.platform if record.sent else self._desk.platform_to_join
        platform = reached(record.platform)
        with self._desk.token(serial).login(pin) as session:
            steps = (identity, session, platform, cabinet)
            if form.by_another(record):
                return applications.prepare(identity, session, cabinet)
            applications.send(*steps)
            self._desk.remember_platform(platform.origin)
            if applications.wait(*steps, _WAIT_S).state == "fulfilled":
                self._desk.settle_token(session, applications.collect(*steps))
                self._key_changed()
        return cabinet.applications.mark_told(identity)

    def sign(self, identity: str, serial: str, pin: str) -> ApplicationRecord:
        assert_device_thread()
        cabinet = self._cabinet()
        platform = self._desk.platform(cabinet.applications.get(identity).platform)
        with self._desk.token(serial).login(pin) as session:
            return applications.sign_as_representative(identity, session, platform, cabinet)

    def keep_change(
        self, kind: str, seal: SealRecord, fields: Mapping[str, str], letter: Path | None
    ) -> ApplicationRecord:
        record = applications.for_seal(kind, seal, fields, self._cabinet())
        return self.keep_letter(record.id, letter) if letter and record.editable else record

    def change_seal(
        self,
        kind: str,
        seal: SealRecord,
        fields: Mapping[str, str],
        letter: Path | None,
        output: Path | None,
        serial: str,
        pin: str,
    ) -> ApplicationRecord:
        assert_device_thread()
        cabinet = self._cabinet()
        record = self.keep_change(kind, seal, fields, letter)
        if record.editable and output is None:
            form.check(record)
        platform = self._desk.platform(record.platform)
        with self._desk.token(serial).login(pin) as session:
            steps = (record.id, session, platform, cabinet)
            if form.by_another(record):
                applications.prepare(record.id, session, cabinet)
                return cabinet.applications.mark_told(record.id)
            if output is not None:
                sealed = partial(self._desk.sealed_request, session, platform, seal, output)
                applications.cancel(*steps, sealed)
            else:
                applications.send(*steps)
            if applications.wait(*steps, _WAIT_S).state == "fulfilled":
                applications.collect(*steps)
                self._key_changed()
        return cabinet.applications.mark_told(record.id)

    def follow(self, identity: str, serial: str, pin: str) -> ApplicationRecord:
        assert_device_thread()
        cabinet = self._cabinet()
        platform = self._desk.platform(cabinet.applications.get(identity).platform)
        with self._desk.token(serial).login(pin) as session:
            applications.follow(identity, session, platform, cabinet)
        return cabinet.applications.mark_told(identity)

    def withdraw(self, identity: str, serial: str, pin: str) -> ApplicationRecord:
        assert_device_thread()
        cabinet = self._cabinet()
        record = cabinet.applications.get(identity)
        platform = self._desk.platform(record.platform)
        opened: AbstractContextManager[Session | None] = nullcontext()
        if not record.private:  # else it has a key of its own
            opened = self._desk.token(serial).login(pin)
        with opened as session:
            applications.withdraw(identity, session, platform, cabinet)
        return cabinet.applications.mark_told(identity)

    def collect(self, identity: str, serial: str, pin: str) -> SealRecord:
        assert_device_thread()
        cabinet = self._cabinet()
        platform = self._desk.platform(cabinet.applications.get(identity).platform)
        with self._desk.token(serial).login(pin) as session:
            seal = applications.collect(identity, session, platform, cabinet)
            self._desk.settle_token(session, seal)
        self._key_changed()
        return seal

    def suspend(self, seal: SealRecord, reason: str, serial: str, pin: str) -> SealRecord:
        assert_device_thread()
        platform = self._desk.platform(seal.platform)
        with self._desk.token(serial).login(pin) as session:
            return collecting.suspend(seal, reason, session, platform, self._cabinet())

    def resume(self, seal: SealRecord, serial: str, pin: str) -> SealRecord:
        assert_device_thread()
        platform = self._desk.platform(seal.platform)
        with self._desk.token(serial).login(pin) as session:
            return collecting.resume(seal, session, platform, self._cabinet())

    # --- keepers ---------------------------------------------------------------------------------

    def keepers(self, seal: SealRecord, serial: str, pin: str) -> tuple[Appointed, ...]:
        assert_device_thread()
        platform = self._desk.platform(seal.platform)
        with self._desk.token(serial).login(pin) as session:
            return _keepers(seal, session, platform)

    def give_keeper(
        self, seal: SealRecord, name: str, id_no: str, serial: str, pin: str
    ) -> tuple[Appointed, ...]:
        assert_device_thread()
        platform = self._desk.platform(seal.platform)
        with self._desk.token(serial).login(pin) as session:
            about = (seal.uscc, "keeper", seal.code)
            appointments.give(*about, name, id_no, session, platform)
            return _keepers(seal, session, platform)

    def end_keeper(
        self, seal: SealRecord, identity: str, serial: str, pin: str
    ) -> tuple[Appointed, ...]:
        assert_device_thread()
        platform = self._desk.platform(seal.platform)
        with self._desk.token(serial).login(pin) as session:
            appointments.end(seal.uscc, identity, session, platform)
            return _keepers(seal, session, platform)


def _keepers(seal: SealRecord, session: Session, platform: PlatformClient) -> tuple[Appointed, ...]:
    """Who keeps *seal* now."""
    every = appointments.every(seal.uscc, session, platform)
    return tuple(
        each
        for each in every
        if each.role == "keeper" and each.until is None and each.about in ("", seal.code)
    )

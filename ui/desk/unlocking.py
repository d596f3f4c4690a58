""":class:`ui.shell.context.parts.UnlockDesk` over the real :class:`app.desk.Desk`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from app.errors import ApplicationFieldWrong, FileNotReadable, FileProblem, PlatformUnreachable
from ui.desk.keys import assert_device_thread
from ui.shell.context.values import UnlockView

if TYPE_CHECKING:
    from app.desk import Desk
    from app.store.cabinet import Cabinet
    from device.token import Token

_WAIT_S = 6.0
"""How long a person watches for a platform that answers by itself."""


class DeskUnlocking:
    """See :class:`ui.shell.context.parts.UnlockDesk`."""

    def __init__(self, desk: Desk, cabinet: Callable[[], Cabinet]) -> None:
        self._desk, self._cabinet = desk, cabinet

    def state(self, serial: str) -> UnlockView:
        from app.pins import unlocking
        from app.remote import applications

        assert_device_thread()
        cabinet, token = self._cabinet(), self._desk.token(serial)
        record = unlocking.newest(serial, cabinet)
        if record is not None and record.open and record.sent:
            with suppress(PlatformUnreachable):  # as it was told last
                platform = self._desk.platform(record.platform)
                record = applications.follow(record.id, None, platform, cabinet)
        if record is not None:
            record = cabinet.applications.mark_told(record.id)
        seals = unlocking.seals_of(token, cabinet)
        return UnlockView(
            seal=seals[0] if seals else None,
            record=record if record is None or record.state != "done" else None,
            by_statement=unlocking.by_statement(token),
            tool=unlocking.vendor_tool(token),
        )

    def apply(self, serial: str, fields: Mapping[str, str], letter: Path | None) -> UnlockView:
        from app.pins import unlocking
        from app.remote import application_form as form
        from app.remote import applications

        assert_device_thread()
        cabinet, token = self._cabinet(), self._desk.token(serial)
        seal = unlocking.seals_of(token, cabinet)[0]
        record = unlocking.draft(token, seal, fields, cabinet)
        if letter is not None:
            try:
                content = letter.read_bytes()
            except OSError as error:
                raise FileNotReadable(str(letter), FileProblem.of(error)) from error
            if wrong := form.letter_problem(content):
                raise ApplicationFieldWrong("letter", wrong)
            record = cabinet.applications.keep_letter(record.id, letter.name, content)
        platform = self._desk.platform(record.platform)
        unlocking.hand_in(record.id, platform, cabinet)
        applications.wait(record.id, None, platform, cabinet, _WAIT_S)
        return self.state(serial)

    def unlock(self, identity: str, serial: str, pin: str) -> None:
        from app.pins import unlocking

        token, cabinet = self._own(serial), self._cabinet()
        platform = self._desk.platform(cabinet.applications.get(identity).platform)
        unlocking.unlock(identity, token, pin, platform, cabinet)
        self._desk.pin_ages.changed(serial)

    def by_officer(self, serial: str, officer: str, pin: str) -> None:
        self._own(serial).unblock(officer, pin)
        self._desk.pin_ages.changed(serial)

    def _own(self, serial: str) -> Token:
        assert_device_thread()
        return self._desk.token(serial)

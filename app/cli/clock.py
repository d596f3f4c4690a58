"""The computer's clock against the platform's: told before anything is called expired or not yet
valid."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from app.errors import phrase

if TYPE_CHECKING:
    from app.desk import Desk
    from app.preparing import Notice


def clock_told(desk: Desk) -> Notice | None:
    """That this computer's clock is not the platform's, which is asked; None if nobody answers."""
    from app.preparing import clock_notice

    if desk.clock_offset is None:
        return None
    now = datetime.now(UTC)
    return clock_notice(now, now + desk.clock_offset)


def tell_clock(desk: Desk) -> None:
    """Say it on stderr."""
    notice = clock_told(desk)
    if notice is not None:
        tell_notice(desk, notice)


def tell_notice(desk: Desk, notice: Notice) -> None:
    """Say a notice on stderr."""
    language = desk.settings.language
    sys.stderr.write(
        f"{phrase('before.note', language)}{notice.text(language, command_line=True)}\n"
    )

"""The steps of a stamping, in the order in which they happen.

Apart from the story (:mod:`app.stamping`), so that the window can name them before it has the PDF
library.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum

from crypto.frozen import frozen


class StampStep(StrEnum):
    """What is told before each step begins; iterating gives the order."""

    CHECK = "check"
    """Seal, authorisation, places, name of the output. Told again and again while approvals are
    waited for."""
    DRAW = "draw"
    COPY = "copy"
    """The original is copied and hashed."""
    SIGN = "sign"
    APPEND = "append"
    SYNC = "sync"
    """All is written; the disk is to keep it."""
    VERIFY = "verify"
    PUBLISH = "publish"
    JOURNAL = "journal"
    DONE = "done"
    """There is nothing left to cancel."""


@frozen
class ApprovalWait:
    """Told instead of a step: that approvals are waited for."""

    who: str
    """Who is asked, in words."""
    count: int
    """How many have approved."""
    needed: int


TellStep = Callable[[StampStep], None]
"""Told before each step; raising from it cancels."""


def tell_nobody(step: StampStep) -> None:
    """For callers that show no progress."""

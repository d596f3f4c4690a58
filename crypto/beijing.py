"""China's one time zone, apart from :mod:`crypto.verdict`: a date needs nothing else of it."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

BEIJING = timezone(timedelta(hours=8))
"""What a person in China means by a time (decision 108), whatever the machine's clock is set to."""


def in_beijing(moment: datetime) -> datetime:
    """*moment*, which names a zone, as people read it; as it is where Beijing has no such year: a
    stranger's "for ever" is 9999-12-31 23:59:59 UTC."""
    try:
        return moment.astimezone(BEIJING)
    except OverflowError:
        return moment

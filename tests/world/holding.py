"""Other programs that hold a file for a while: a scanner, an indexer, a second process."""

import errno
from typing import Any

import pytest

HELD = OSError(errno.EBUSY, "a scanner has it")


def held(monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, times: int) -> list[OSError]:
    """*owner*'s function fails so often because somebody has the file open; gives the refusals that
    are left."""
    action, left = getattr(owner, name), [HELD] * times

    def tried(*arguments: Any, **options: Any) -> Any:
        if left:
            raise left.pop()
        return action(*arguments, **options)

    monkeypatch.setattr(owner, name, tried)
    return left

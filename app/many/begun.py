"""Orders of the command line that were begun: under its number the journal has what is done.

The number is drawn when the order (seal, places, files) is given first, and kept in a small file
until every document of it is stamped. The same order again goes on: what the journal has under that
number is not done twice, however the run before ended. A document that has changed meanwhile is
another one.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from app.durable import discard, sync_folder, try_lock
from app.errors import FileNotReadable, FileProblem
from crypto.algorithms.gm import sm3

KEPT_S = 90 * 24 * 3600
"""How long an order that is never finished is remembered."""


@dataclass
class BegunOrder:
    """See the module."""

    number: str
    resumed: bool
    """Was it begun by an earlier run?"""
    finished: bool = False
    """Set it when every document is stamped: given again, it is a new order."""

    def act(self, source: Path) -> str:
        """The name of the act (:attr:`app.stamping.StampJob.act`) of stamping the file *source* as
        it is now, which size and time tell: hashing costs more than it is worth here.

        Raises :class:`app.errors.FileNotReadable`."""
        try:
            found = source.stat()
        except OSError as error:
            raise FileNotReadable(str(source), FileProblem.of(error)) from error
        told = f"{self.number}\n{source.absolute()}\n{found.st_size}\n{found.st_mtime_ns}"
        return sm3(told.encode("utf-8", "surrogateescape")).hex()[:16]


@contextlib.contextmanager
def begun_order(folder: Path, order: str, *, again: bool = False) -> Iterator[BegunOrder]:
    """The order that *order* describes, for the block; remembered in *folder*.

    *again*: a new one in any case, and so it is while another process carries out the same. Raises
    OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    _sweep(folder)
    path = folder / sm3(order.encode("utf-8", "surrogateescape")).hex()[:32]
    with path.open("a+b") as file:
        if not try_lock(file):
            yield BegunOrder(secrets.token_hex(16), resumed=False)
            return
        file.seek(0)
        number = file.read(100).decode("ascii", "replace")
        resumed = not again and re.fullmatch(r"[0-9a-f]{32}", number) is not None
        if not resumed:
            number = secrets.token_hex(16)
            file.truncate(0)
            file.write(number.encode())
            file.flush()
            os.fsync(file.fileno())
            with contextlib.suppress(OSError):
                sync_folder(folder)
        begun = BegunOrder(number, resumed)
        yield begun
    if begun.finished:
        discard(path)


def _sweep(folder: Path) -> None:
    for path in folder.iterdir():
        with contextlib.suppress(OSError):
            if time.time() - path.stat().st_mtime > KEPT_S:
                discard(path)

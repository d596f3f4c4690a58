"""Python's garbage is collected in the main thread only.

A closed dialog and the functions that its signals call often hold each other, so that only the
collector of such circles frees them. It runs in whatever thread happens to make objects, and there
Qt's side of the dialog would be destroyed in a thread that must not touch it: a crash, now or
later. So it is turned off, and a timer asks in the main thread whether it is time.
"""

from __future__ import annotations

import gc
import time

from PySide6.QtCore import QObject, QTimer

from ui import ahead
from ui.going_first import moving

EVERY_MS = 250
OLDEST_S = 10.0
"""Seconds between two full collections; one takes as long as a few frames, so it waits while pages
are scrolled."""
LONGEST_S = 60.0
"""But not longer."""


class Collector(QObject):
    """Collects while *parent* lives; afterwards Python does it again by itself."""

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        gc.disable()
        gc.freeze()  # what was made while starting stays: leave it out of later collections
        parent.destroyed.connect(gc.enable)
        self._looked = time.monotonic()
        self._stays = ahead.finished.is_set()
        self._timer = QTimer(self)
        self._timer.timeout.connect(self._collect)
        self._timer.start(EVERY_MS)

    def _collect(self) -> None:
        """What Python itself would have collected by now: the oldest generation that is due."""
        if not self._stays and ahead.finished.is_set():
            self._stays = True
            gc.freeze()  # what was imported stays, too: a hundred thousand objects
        counts, most = gc.get_count(), gc.get_threshold()
        now = time.monotonic()
        if counts[2] > most[2] and now - self._looked > (LONGEST_S if moving() else OLDEST_S):
            self._looked = now
            gc.collect()
        elif counts[1] > most[1]:
            gc.collect(1)
        elif counts[0] > most[0]:
            gc.collect(0)

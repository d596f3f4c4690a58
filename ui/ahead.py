"""What workers will need is imported while nobody waits for it.

An import runs Python for a hundred milliseconds and more, and the window waits for the interpreter
meanwhile: while pages were scrolled, frames took twice as long. So it is done between the first
picture of the window and the first document; then nothing is left to import.
"""

from __future__ import annotations

import sys
import threading
from importlib import import_module

MODULES = (
    "app.preparing",  # examining a document, and with it nearly all of crypto
    "app.store.answers",
    "app.store.anchors",
    "app.store.kept_trust_list",
    "app.store.lending",
    "app.store.notices",
    "app.store.trusted_platforms",
    "app.store.unfinished",
    "app.remote.lending",  # reporting uses: HTTP
    "crypto.pdf.mending",
    "crypto.pdf.changes.looks",
    "crypto.pdf.changes.ticks",
    "crypto.pdf.lookalikes.walk",
    "crypto.pki.certificate_making",
)

finished = threading.Event()
"""All of them are imported."""


def import_all() -> None:
    """In a worker; one after the other, so that who needs one now need not wait for all."""
    for name in MODULES:
        if name not in sys.modules:
            import_module(name)
    finished.set()

"""An objection (异议) as a person states it, before :mod:`app.remote.disputes` sends it.

Apart from the sending, so that the window can name it without the modules that talk to a platform.
"""

from __future__ import annotations

from dataclasses import field
from pathlib import Path

from crypto.frozen import frozen

MAX_REASON, MAX_NAME, MAX_CONTACT = 2000, 60, 200
"""Characters that the platform takes."""


@frozen
class Objection:
    """What a person objects to, in which words, and how to reach them."""

    document: Path
    document_sm3: str
    """Hexadecimal."""
    seal_code: str
    reason: str
    contact: str
    name: str = ""
    enclosed: bool = False
    """With the evidence package, and in it the document itself."""
    password: str | None = field(default=None, repr=False)
    """The document's, for making the evidence package."""

"""Imprints drawn apart: :mod:`server_stub.neighbours.imprint_drawing` in a bounded process."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from crypto.bounded import BoundedError, Message, run
from server_stub.neighbours.imprint import ImprintError

_SECONDS = 60.0


def draw(
    subtype: str,
    text: str,
    *,
    unit: str = "",
    shape: str = "",
    seal_code: str = "",
    credit_code: str = "",
    dpi: int = 600,
    font: Path | None = None,
) -> bytes:
    """The imprint as PNG. *text* is the enterprise's name, or the person's for a name seal; *unit*
    the name of its department or branch; *shape* that of a personal seal; *seal_code* its 13
    digits; *credit_code* is wanted by the invoice seal only. *font*: a Song typeface.

    Raises :class:`ImprintError`."""
    codes = {"unit": unit, "shape": shape, "seal_code": seal_code, "credit_code": credit_code}
    drawing = partial(_drawn, subtype, text, **codes, dpi=dpi, font=font)
    try:
        said = run(drawing, seconds=_SECONDS)
    except BoundedError as error:
        raise ImprintError("this imprint cannot be drawn") from error
    if "unfit" in said.head or len(said.parts) != 1:
        raise ImprintError(str(said.head.get("unfit", "this imprint cannot be drawn")))
    return said.parts[0]


def _drawn(subtype: str, text: str, **options: Any) -> Message:
    """In the process; what the text lacks is told in the head."""
    from server_stub.neighbours import imprint_drawing  # PyMuPDF is loaded there alone

    try:
        return Message({}, (imprint_drawing.draw(subtype, text, **options),))
    except ImprintError as error:
        return Message({"unfit": str(error)})

"""The typefaces of the report: PyMuPDF's own, embedded into what it sets."""

from __future__ import annotations

from functools import cache
from typing import Any


def library() -> Any:
    """PyMuPDF."""
    import pymupdf  # late: most verifications write no report

    return pymupdf


@cache
def _typeface() -> Any:
    return library().Font("cjk")


def drawable(char: str) -> bool:
    """Has the typeface a glyph for this character?"""
    return char == " " or bool(_typeface().has_glyph(ord(char)))

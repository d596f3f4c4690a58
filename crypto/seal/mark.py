"""Where an imprint appears: a value of its own, so that placing seals needs no PDF library."""

from __future__ import annotations

from crypto.frozen import frozen


@frozen
class Mark:
    """Where one imprint, or one slice of it, appears."""

    page: int
    """0-based."""
    left_mm: float
    """The rectangle shown, from the top left of the page as displayed (CropBox and /Rotate)."""
    top_mm: float
    width_mm: float
    height_mm: float
    part: tuple[float, float, float, float] = (0.0, 0.0, 1.0, 1.0)
    """Fraction of the imprint shown: left, top, right, bottom, from the imprint's top left."""

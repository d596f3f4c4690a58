"""The imprint of a physical seal, drawn to the police's conventions (印模).

国发〔1999〕25号 and the local rules behind docs/design/standards.md §4.1. All lengths are
millimetres; what comes out is a PNG with 16 strengths of red on a transparent ground, at 300 to 600
dpi, as large as the seal.

=====================  =========================================================================
official               round 40, border 1.2, star 14 in the middle, name on the arc
contract, finance      round 40 / 38, no star, 合同专用章 / 财务专用章 in a line below the middle
verification           as contract, 验章专用章
invoice                ellipse 40 × 30, border 1, credit code in the middle, 发票专用章 below
legal_representative   square 20, the name with 印 or 之印, read from the right column to the left
=====================  =========================================================================

Round and oval seals carry the 13-digit seal code small on the lower arc, read from below. On the
upper arc every character stands on its radius, its top outwards; long names are condensed.
"""

from __future__ import annotations

from dataclasses import dataclass


class ImprintError(ValueError):
    """The text does not fit such a seal, or has a character the typeface lacks."""


@dataclass(frozen=True)
class Spec:
    """Shape and size of one kind of seal, millimetres."""

    shape: str
    """round, ellipse or square."""
    width: int
    height: int
    border: float
    subtitle: str = ""


SPECS = {
    "official": Spec("round", 40, 40, 1.2),
    "contract": Spec("round", 40, 40, 1.2, "合同专用章"),
    "finance": Spec("round", 38, 38, 1.2, "财务专用章"),
    "invoice": Spec("ellipse", 40, 30, 1.0, "发票专用章"),
    "legal_representative": Spec("square", 20, 20, 1.0),
    "verification": Spec("round", 40, 40, 1.2, "验章专用章"),
}
"""By subtype of the seal; the last is the platform's own."""

ENTERPRISE = ("official", "contract", "finance", "invoice", "legal_representative")
"""Subtypes that an enterprise has filed."""

MAX_NAME = 40
"""Characters of a unit's name; more are not legible on any seal."""

"""The imprint of a physical seal, drawn to the police's conventions (印模).

国发〔1999〕25号 and the local rules behind docs/design/standards.md §4.1; sizes stand in
:mod:`crypto.seal.kinds`. All lengths are millimetres; what comes out is a PNG with 16 strengths of
red on a transparent ground, at 300 to 600 dpi, as large as the seal.

====================  ==========================================================================
official              round, border 1.2, star 14 in the middle, name on the arc
branch                the same, with the branch's name at the end of the unit's
department            the same with a smaller star, the department's name in a line below it
contract, finance,    round, no star, 合同专用章 and so on in a line below the middle
inspection
invoice, customs      ellipse, border 1, credit code in the middle (invoice), title below it
offices               square, the name with 印 or 之印, read from the right column to the left
personal              square, round or ellipse: the holder's name, nothing else (第十四条)
====================  ==========================================================================

Round and oval seals of units carry the 13-digit seal code small on the lower arc, read from below.
On the upper arc every character stands on its radius, its top outwards; long names are condensed.
"""

from __future__ import annotations

from crypto.frozen import frozen
from crypto.seal.kinds import COMPANY, KINDS, PERSONAL, PERSONAL_SIZES, SealKind


class ImprintError(ValueError):
    """The text does not fit such a seal, or has a character the typeface lacks."""


@frozen
class Spec:
    """Shape and size of one kind of seal, millimetres."""

    shape: str
    """round, ellipse or square."""
    width: int
    height: int
    border: float
    subtitle: str = ""


def _spec(kind: SealKind) -> Spec:
    border = 1.2 if kind.shape == "round" and kind.family == COMPANY else 1.0
    return Spec(kind.shape, kind.width_mm, kind.height_mm, border, kind.title)


SPECS = {subtype: _spec(kind) for subtype, kind in KINDS.items()}
"""By subtype of the seal."""


def spec_of(subtype: str, shape: str = "") -> Spec:
    """What a seal of that kind looks like; *shape*: of a personal one, which its holder chose."""
    if KINDS[subtype].family != PERSONAL or not shape:
        return SPECS[subtype]
    return Spec(shape, *PERSONAL_SIZES[shape], SPECS[subtype].border)


ENTERPRISE = ("official", "contract", "finance", "invoice", "legal_representative")
"""Subtypes that an enterprise usually has filed."""

MAX_UNIT = 12
"""Characters of a department's name, which stands in one line."""

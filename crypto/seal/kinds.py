"""Kinds of seals (办法 第五条), as data that platform and client share.

Type codes: docs/design/standards.md §4.2. Sizes: local police rules (there, §4.1);
for customs seals, the customs' own (a secondary source); for personal seals no rule is known (the
applicant chooses, 第十四条).
"""

from __future__ import annotations

from collections.abc import Mapping

from crypto.frozen import frozen

COMPANY, OFFICE, PERSONAL = "company", "office", "personal"
"""电子公章, 电子职务章, 电子私章."""

SHAPES = ("square", "round", "ellipse")


@frozen
class SealKind:
    """One kind of seal."""

    subtype: str
    family: str
    """:data:`COMPANY`, :data:`OFFICE` or :data:`PERSONAL`."""
    type_code: int
    """``type`` in the seal data."""
    police_code: str
    """印章类型代码 of the police's software."""
    shape: str
    width_mm: int
    height_mm: int
    title: str = ""
    """What the seal itself says it is for: 合同专用章."""
    names_unit: bool = False
    """Is it a department's or a branch's, whose name stands on it?"""
    names_person: bool = False
    """Is it somebody's whom the application must name? (The register names the legal
    representative, or the operator of a sole trader's business.)"""


def _company(
    subtype: str,
    code: int,
    police: str,
    shape: str = "round",
    width: int = 40,
    height: int = 40,
    **more: str | bool,
) -> SealKind:
    title = str(more.get("title", ""))
    unit = bool(more.get("names_unit"))
    return SealKind(subtype, COMPANY, code, police, shape, width, height, title, unit)


def _office(subtype: str, code: int, police: str, side: int, *, named: bool = True) -> SealKind:
    return SealKind(subtype, OFFICE, code, police, "square", side, side, names_person=named)


_ALL = (
    _company("official", 1, "01"),
    _company("department", 99, "01", names_unit=True),
    _company("branch", 99, "01", names_unit=True),
    _company("contract", 4, "04", title="合同专用章"),
    _company("finance", 2, "02", width=38, height=38, title="财务专用章"),
    _company("invoice", 3, "03", "ellipse", 40, 30, title="发票专用章"),
    _company("inspection", 6, "99", title="审验专用章"),
    _company("customs", 6, "99", "ellipse", 50, 36, title="报关专用章"),
    _company("verification", 6, "99", title="验章专用章"),
    _office("legal_representative", 5, "05", 20, named=False),
    _office("operator", 5, "05", 20, named=False),
    _office("person_in_charge", 99, "99", 20),
    _office("finance_head", 99, "99", 18),
    _office("authorised_representative", 99, "99", 18),
    SealKind("personal", PERSONAL, 0, "99", "square", 18, 18),
)

KINDS: Mapping[str, SealKind] = {kind.subtype: kind for kind in _ALL}
"""By subtype."""

PLATFORMS_OWN = "verification"
"""Nobody applies for it: the platform seals its reports with it."""

PERSONAL_SIZES: Mapping[str, tuple[int, int]] = {
    "square": (18, 18),
    "round": (18, 18),
    "ellipse": (26, 18),
}
"""Shape of a personal seal → millimetres."""

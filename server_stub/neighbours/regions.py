"""Where a unit is registered, from its credit code (GB/T 2260)."""

from __future__ import annotations

REGIONS = {
    "321300": "宿迁市",
    "321302": "宿城区",
    "321311": "宿豫区",
    "321322": "沭阳县",
    "321323": "泗阳县",
    "321324": "泗洪县",
}
"""GB/T 2260 codes of the city that this platform serves."""


def region_of(code: str) -> str:
    """The six digits of GB/T 2260 in a credit code: where the unit is registered."""
    return code[2:8]

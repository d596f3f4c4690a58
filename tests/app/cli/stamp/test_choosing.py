"""A seal by the names that people see; never a guess between two."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from types import SimpleNamespace
from typing import Any, cast

import pytest

from app.cli.stamp.choosing import chosen_seal
from app.errors import LANGUAGES, SealAmbiguous, SealNotFound, messages
from ui import language


@dataclass(frozen=True)
class Known:
    """What choosing looks at of a seal."""

    code: str
    id: str
    name: str
    subtype: str
    why_not: str | None = None

    def usable(self, at: datetime) -> str | None:
        return self.why_not


CONTRACT = Known("32130200010002", "s-2", "宿迁云帆贸易有限公司", "contract")
COMPANY = Known("32130200010001", "s-1", "宿迁云帆贸易有限公司", "official")
PERSON = Known("32130200010005", "s-5", "王建国", "legal_representative")
OLD = Known("32130200010000", "s-0", "宿迁云帆贸易有限公司", "contract", "expired")


def chosen(which: str | None, *seals: Known) -> str:
    desk = SimpleNamespace(
        cabinet=SimpleNamespace(seals=lambda: list(seals)),
        settings=SimpleNamespace(language="en"),
    )
    return chosen_seal(cast(Any, desk), which).code


@pytest.mark.parametrize(
    ("which", "seal"),
    [
        ("32130200010002", CONTRACT),
        ("s-1", COMPANY),
        ("合同专用章", CONTRACT),
        ("company seal", COMPANY),
        ("宿迁云帆贸易有限公司 合同专用章", CONTRACT),
        ("合同专用章宿迁云帆贸易有限公司", CONTRACT),
        ("王建国", PERSON),
        ("法定代表人名章", PERSON),
    ],
)
def test_a_seal_is_found_by_what_the_window_shows(which: str, seal: Known) -> None:
    assert chosen(which, COMPANY, CONTRACT, PERSON, OLD) == seal.code


def test_several_of_one_name_are_listed_and_none_is_guessed() -> None:
    with pytest.raises(SealAmbiguous) as refused:
        chosen("宿迁云帆贸易有限公司", COMPANY, CONTRACT, PERSON)
    assert COMPANY.code in refused.value.known
    assert "Contract seal" in refused.value.known
    assert PERSON.code not in refused.value.known


def test_without_a_name_the_only_one_in_force_is_meant() -> None:
    assert chosen(None, CONTRACT) == CONTRACT.code
    assert chosen(None, CONTRACT, OLD) == CONTRACT.code
    assert chosen(None, OLD) == OLD.code, "which then says why it cannot stamp"
    with pytest.raises(SealAmbiguous):
        chosen(None, CONTRACT, COMPANY)
    with pytest.raises(SealNotFound):
        chosen(None)


def test_kinds_are_called_as_the_window_calls_them() -> None:
    chinese, english = (messages(each)["phrases"]["seal_kind"] for each in LANGUAGES)
    catalogue = language.catalogue("en")
    assert {kind: catalogue[name] for kind, name in chinese.items()} == english

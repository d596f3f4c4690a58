"""Who a person is: the name however it is spelled, and the citizen number.

People write 李 梅 with a space, 阿不都•热合曼 with any of a dozen dots, and letters at full width.
Each spelling must find the same person again, or nobody would be known as his own reviewer.
"""

from __future__ import annotations

import re
import unicodedata

from sqlalchemy import select
from sqlalchemy.orm import Session

from server_stub.records.store import Person, Staff
from server_stub.records.vault import Vault

_COLUMN = "person.identity"
_DOTS = dict.fromkeys(
    map(
        ord,
        "\u2022\u2027\u2219\u22c5\u30fb\u2e31\u16eb\u00b7\u2024"
        "\u25cf\u25e6\u2218\u2e33\ua78f\u119e\u3002",
    ),
    "·",
)
_BLANK = re.compile(
    r"[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2065\u2800\u3164\ufe00-\ufe0f\ufff0-\ufff8\U000e0000-\U000e0fff]"
)
"""Fillers, selectors and reserved places: they show nothing, as controls and formats do."""
_HIDDEN = frozenset({"Cc", "Cf", "Cs"})
_HAN = r"[\u2e80-\u2fff\u3005-\u3007\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff·]"
_BETWEEN_HAN = re.compile(rf"(?<={_HAN})[ .]+(?={_HAN})")


def tidy_name(name: str) -> str:
    """*name* as it is kept: NFKC, one kind of dot, no space between Han characters and one
    elsewhere, nothing that is not seen."""
    text = _seen(" ".join(unicodedata.normalize("NFKC", name).split())).translate(_DOTS)
    text = " ".join(text.split())
    text = _BETWEEN_HAN.sub(lambda found: "·" if "." in found[0] else "", text)
    return re.sub(r" ?·+ ?", "·", text)


def _seen(text: str) -> str:
    """*text* (NFKC) without what does not show; what stood around it is composed."""
    shown = (each for each in _BLANK.sub("", text) if unicodedata.category(each) not in _HIDDEN)
    return unicodedata.normalize("NFKC", "".join(shown))


def same_name(one: str, other: str) -> bool:
    """Is it one name, spelled in two ways?"""
    return _key(one) == _key(other)


def _key(name: str) -> str:
    return tidy_name(name).replace(" ", "").casefold()


def tidy_number(number: str) -> str:
    """A citizen number as it is compared."""
    return unicodedata.normalize("NFKC", number).strip().upper()


def identity_index(vault: Vault, name: str, number: str) -> bytes:
    """Blind index of name and number, the same for every spelling: finds a person's row while
    nothing of it is decrypted."""
    return vault.blind_index(_COLUMN, f"{_key(name)}\n{tidy_number(number)}")


def known_by(vault: Vault, name: str, number: str) -> list[bytes]:
    """The blind indexes that the person's row may have: those of before 0.3 were made from the
    name as it was typed."""
    typed = vault.blind_index(_COLUMN, f"{name}\n{number}")
    return list(dict.fromkeys((identity_index(vault, name, number), typed)))


def persons_of_staff(session: Session, identity: str) -> set[str]:
    """The ids of persons who are the member of the platform's staff with that id, by the identity
    number; none where it is not known."""
    staff = session.get(Staff, identity)
    if staff is None or staff.identity_index is None:
        return set()
    same = select(Person.id).where(Person.identity_index == staff.identity_index)
    return set(session.scalars(same))

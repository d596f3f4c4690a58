"""Which seal is meant: by code, by the names that the window shows, or because there is one."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from app.errors import LANGUAGES, SealAmbiguous, SealNotFound, messages

if TYPE_CHECKING:
    from app.desk import Desk
    from app.store.cabinet import SealRecord


def chosen_seal(desk: Desk, which: str | None) -> SealRecord:
    """The seal of that code, identifier or name; None: the only one that can stamp.

    A name is the holder's, the kind of seal (合同专用章), or both, as the window's cards show them;
    in either language, spaces and width do not count. Of several seals of one name the one in force
    is meant. Raises :class:`app.errors.SealNotFound`, :class:`app.errors.SealAmbiguous`."""
    every = desk.cabinet.seals()
    if which is None:
        found = every
    else:
        found = [seal for seal in every if which in (seal.code, seal.id)]
        name = _folded(which)
        found = found or [seal for seal in every if name in map(_folded, _names(seal))]
    if len(found) > 1:
        now = datetime.now(UTC)
        found = [seal for seal in found if seal.usable(now) is None] or found
    if not found:
        raise SealNotFound(which or "")
    if len(found) > 1:
        language = desk.settings.language
        known = "; ".join(f"{seal.code} {kind_name(seal, language)} {seal.name}" for seal in found)
        raise SealAmbiguous(which or "", known)
    return found[0]


def kind_name(seal: SealRecord, language: str) -> str:
    """ "合同专用章", …; the kind itself if it is none of ours."""
    kinds: dict[str, str] = messages(language)["phrases"]["seal_kind"]
    return kinds.get(seal.subtype, seal.subtype)


def _names(seal: SealRecord) -> Iterator[str]:
    yield seal.name
    for language in LANGUAGES:
        kind = kind_name(seal, language)
        yield from (kind, seal.name + kind, kind + seal.name)


def _folded(name: str) -> str:
    return "".join(unicodedata.normalize("NFKC", name).casefold().split())

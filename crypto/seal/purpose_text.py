"""Texts that people sign for one purpose: readable, with exactly one form.

UTF-8; the first line says the purpose, then comes one line ``name: value`` for each field, in the
order of the class, and a newline at the end. A value stands byte for byte as it was given: at most
:data:`MAX_VALUE` characters, none of them a control, format, surrogate, line or paragraph separator
character or one that shows nothing. So two readers never see two things in one text, and a program
in another language can make the same bytes.
"""

from __future__ import annotations

import dataclasses
import unicodedata
from datetime import UTC, datetime
from typing import ClassVar, Self

from crypto.frozen import frozen
from crypto.pki.signed_terms import YEARS

MAX_VALUE = 512
"""Characters."""
MAX_SIZE = 16 * 1024
"""Bytes of a whole text."""
_FORBIDDEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
"""Unicode categories."""


_BLANK = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
"""Letters and symbols that show nothing: fillers, and the pattern of Braille without a dot."""


class PurposeTextError(ValueError):
    """The bytes are no text of that purpose, or a value cannot stand in one."""


@frozen
class PurposeText:
    """One kind of text. A subclass is a frozen dataclass whose fields are all ``str``; the field
    ``key_es256`` is called ``key-es256`` in the text, and ``from_`` is ``from``."""

    PURPOSE: ClassVar[str]

    @classmethod
    def names(cls) -> tuple[str, ...]:
        """The fields as they stand in the text."""
        fields = dataclasses.fields(cls)
        return tuple(field.name.rstrip("_").replace("_", "-") for field in fields)

    def encode(self) -> bytes:
        """The text. Raises :class:`PurposeTextError` for a value that cannot stand in it."""
        values = (getattr(self, field.name) for field in dataclasses.fields(self))
        lines = [self.PURPOSE]
        for name, value in zip(self.names(), values, strict=True):
            if not can_stand(value):
                raise PurposeTextError(f"{name} cannot stand in a signed text")
            lines.append(f"{name}: {value}")
        if self.problem:
            raise PurposeTextError(self.problem)
        return "\n".join([*lines, ""]).encode()

    @classmethod
    def parse(cls, text: bytes) -> Self:
        """Read a text; only what :meth:`encode` writes. Raises :class:`PurposeTextError`."""
        if len(text) > MAX_SIZE:
            raise PurposeTextError("larger than any signed text")
        try:
            purpose, *lines, end = text.decode().split("\n")
        except ValueError as error:
            raise PurposeTextError("no text in UTF-8 with an end") from error
        names = cls.names()
        if purpose != cls.PURPOSE or end or len(lines) != len(names):
            raise PurposeTextError(f"not a text of {cls.PURPOSE}")
        values = []
        for name, line in zip(names, lines, strict=True):
            if not line.startswith(f"{name}: "):
                raise PurposeTextError(f"{name} is not where it has to be")
            values.append(line[len(name) + 2 :])
        made = cls(*values)
        if made.encode() != text:
            raise PurposeTextError("not in its one form")
        return made

    @property
    def problem(self) -> str:
        """Why this text is refused, "" if it is in order."""
        return ""


def can_stand(value: str) -> bool:
    """Can *value* stand in a signed text?"""
    return len(value) <= MAX_VALUE and not hides(value)


def hides(value: str) -> bool:
    """Has *value* a character that does not show, or changes how others show?"""
    if value.isprintable():  # no character of those categories is
        return not _BLANK.isdisjoint(value)
    return any(unicodedata.category(each) in _FORBIDDEN or each in _BLANK for each in value)


def is_blank(value: str) -> bool:
    """Does nothing of *value* show by itself: only spaces, and marks on no letter?"""
    return all(unicodedata.category(character)[0] in "ZM" for character in value)


def write_time(moment: datetime) -> str:
    """``2026-11-30T08:00:00Z``: the one form of a time in such a text."""
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def read_time(text: str) -> datetime:
    """The other way, in one of :data:`~crypto.pki.signed_terms.YEARS`.

    Raises :class:`PurposeTextError`."""
    try:
        moment = datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
        if write_time(moment) == text and moment.year in YEARS:
            return moment
    except ValueError:
        pass
    raise PurposeTextError("a time that is none")

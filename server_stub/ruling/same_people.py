"""Which records of persons are of one human being.

A newcomer who accepts a grant gets a record apart (:mod:`server_stub.lending.accepting`), so one
human being can stand here twice, with two certificates. Whoever asks must not approve as the other
one, and k approvals are those of k human beings.
"""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy.orm import Session

from crypto.frozen import frozen
from server_stub.records.identity import same_name, tidy_number
from server_stub.records.store import Person
from server_stub.records.vault import Vault


@frozen
class People:
    """Compares persons by their sealed citizen numbers; the numbers are kept nowhere."""

    session: Session
    vault: Vault

    def same(self, one: str | None, other: str | None) -> bool:
        """Are the persons with these ids one human being? Where a number is not known, whoever has
        the same name counts as the same."""
        if one is None or other is None:
            return False
        if one == other:
            return True
        first, second = self.session.get_one(Person, one), self.session.get_one(Person, other)
        numbers = self._number(first), self._number(second)
        if all(numbers):
            return numbers[0] == numbers[1]
        return same_name(first.name, second.name)

    def count(self, persons: Iterable[str | None]) -> int:
        """How many human beings these are, at least."""
        known: list[str] = []
        for person in persons:
            if person is not None and not any(self.same(person, other) for other in known):
                known.append(person)
        return len(known)

    def _number(self, person: Person) -> str:
        """Raises :class:`server_stub.records.vault.VaultError` if it was altered."""
        if person.id_no_enc is None:
            return ""
        number = self.vault.open(f"person.id_no:{person.id}", person.id_no_enc)
        return tidy_number(number.decode())

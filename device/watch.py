"""Plugged in, pulled out: polled, because python-pkcs11 cannot wait for slot events.

A poll costs some microseconds to a few milliseconds; about one a second, on the thread that owns
the modules. A key that leaves and returns between two polls shows as no change: its sessions tell.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from device.token import Token, TokenError, TokenInfo


class TokenSource(Protocol):
    """Anything with keys in it: a PKCS#11 module, another backend."""

    def tokens(self) -> list[Token]: ...


@dataclass(frozen=True)
class TokenChange:
    """What happened since the poll before."""

    added: tuple[Token, ...]
    removed: tuple[TokenInfo, ...]
    failures: tuple[TokenError, ...] = ()
    """Of sources that could not answer; their keys count as they were."""

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.failures)


_Place = tuple[str, int, str]


class TokenWatch:
    """Remembers what is plugged in. No thread of its own."""

    def __init__(self, sources: Iterable[TokenSource]) -> None:
        self._sources = tuple(sources)
        self._seen: list[dict[_Place, Token]] = [{} for _ in self._sources]

    @property
    def tokens(self) -> tuple[Token, ...]:
        """The keys plugged in at the last poll."""
        return tuple(token for seen in self._seen for token in seen.values())

    def poll(self) -> TokenChange:
        """Look now. The first poll reports every key present as added."""
        added: list[Token] = []
        removed: list[TokenInfo] = []
        failures: list[TokenError] = []
        for index, source in enumerate(self._sources):
            try:
                now = {_place(token.info): token for token in source.tokens()}
            except TokenError as error:
                failures.append(error)
                continue
            before = self._seen[index]
            added += [token for place, token in now.items() if place not in before]
            removed += [token.info for place, token in before.items() if place not in now]
            self._seen[index] = {place: before.get(place, token) for place, token in now.items()}
        return TokenChange(tuple(added), tuple(removed), tuple(failures))


def _place(info: TokenInfo) -> _Place:
    return info.module, info.slot, info.serial

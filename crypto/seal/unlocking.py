"""The statement by which a platform lets one Ukey take a new PIN (办法 第二十一条).

Nine lines, each ended by a line feed, signed with SM2 (SM3, default user id) by the platform's key
for just that. The Ukey itself checks signature, serial number, certificate, nonce and term
(device/virtual/unlock.c); the secret in it opens that key once and is made anew with the nonce. The
statement lets whoever has the Ukey choose the PIN: it is shown to the applicant only, kept nowhere.
"""

from __future__ import annotations

import re

from crypto.algorithms import gm
from crypto.frozen import frozen

TITLE = "SUQIAN-UKEY-UNLOCK-V1"
LIFE = 24 * 3600
"""Seconds that a statement is good for, at most."""
SIGNER, RECIPIENT = "unlocking", "unlocking_secret"
"""The platform's keys, as its service description names their certificates: who signs statements,
and to whom a Ukey encrypts its secret. One key, one purpose."""

_FORMS = {
    "origin": r"https?://[!-~]{1,200}",
    "application": r"[0-9A-Za-z_-]{1,64}",
    "serial": r"[!-~]{1,64}",
    "certificate": r"[0-9a-f]{1,40}",
    "nonce": r"[0-9a-f]{32}",
    "not_before": r"[0-9]{1,12}",
    "not_after": r"[0-9]{1,12}",
    "secret": r"[0-9a-f]{64}",
}


_SECRET = 32
"""Bytes."""
_NAME = 32
"""Bytes that name a key: SM3 of its public half."""


def secret_for(plain: bytes, point: bytes) -> bytes:
    """The secret (32 bytes) out of what a Ukey encrypted, *plain*: the secret and SM3 of each
    public key X‖Y on that Ukey. Raises ValueError unless *point* (X‖Y) is one of them: the request
    is another Ukey's then, or its keys are not named."""
    names = range(_SECRET, len(plain), _NAME)
    told = {plain[at : at + _NAME] for at in names}
    if len(plain) < _SECRET or gm.sm3(point) not in told:
        raise ValueError("the request is not of a Ukey with that key")
    return plain[:_SECRET]


@frozen
class UnlockStatement:
    """What the platform says; in this order, after the title, line by line."""

    origin: str
    application: str
    """The platform's identifier of the application that was approved."""
    serial: str
    """The Ukey's serial number."""
    certificate: str
    """Serial number, hex, of a certificate on it."""
    nonce: str
    """Hex."""
    not_before: int
    """Unix seconds."""
    not_after: int
    secret: str
    """Hex."""

    @property
    def text(self) -> bytes:
        """As it is signed. Raises ValueError for a value that has no place in
        it."""
        values = {name: str(getattr(self, name)) for name in _FORMS}
        for name, form in _FORMS.items():
            if not re.fullmatch(form, values[name]):
                raise ValueError(f"{name} is not of its form")
        if not 0 <= self.not_after - self.not_before <= LIFE:
            raise ValueError("the term is not within a day")
        return "".join(f"{line}\n" for line in (TITLE, *values.values())).encode()

    @classmethod
    def parse(cls, text: bytes) -> UnlockStatement:
        """What :attr:`text` gives. Raises ValueError."""
        try:
            title, *lines, rest = text.decode("ascii").split("\n")
        except ValueError as error:
            raise ValueError("not text of lines") from error
        if title != TITLE or rest or len(lines) != len(_FORMS):
            raise ValueError("not a statement of this form")
        said = dict(zip(_FORMS, lines, strict=True))
        for name in ("not_before", "not_after"):
            if not re.fullmatch(_FORMS[name], said[name]):
                raise ValueError(f"{name} is not of its form")
        from_, until = int(said.pop("not_before")), int(said.pop("not_after"))
        found = cls(**said, not_before=from_, not_after=until)
        if found.text != text:
            raise ValueError("a number is not written as it should be")
        return found

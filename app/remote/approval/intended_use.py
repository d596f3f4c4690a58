"""A use of a seal as its approval is asked for, before anything is signed."""

from __future__ import annotations

from dataclasses import field
from pathlib import Path

from app.store.cabinet import SealRecord
from crypto.algorithms.keys import SigningKey
from crypto.frozen import frozen


@frozen
class IntendedUse:
    """What is to be sealed with which seal, and by whom."""

    seal: SealRecord
    document: Path
    """The file that approvers get to see, as it was before any seal of ours."""
    password: str | None = field(repr=False)
    """The PDF's own, where it is encrypted."""
    pages: int
    """Of the document."""
    signatures: int
    """How many are to be made."""
    counterparty: str
    """With whom, where a grant wants one named; "" otherwise."""
    key: SigningKey
    """Signs the request, and later the document."""

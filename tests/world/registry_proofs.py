"""A registry of our own, and what its platform proves of one seal."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from crypto.algorithms import merkle
from crypto.algorithms.keys import SoftKey
from crypto.seal.registry_proof import ProvedEntry, RegistryProof

LOG = "seal.example/registry"


def event(code: str, before: str, after: str, at: datetime, **more: Any) -> str:
    """An entry as the platform writes it."""
    moment = at.isoformat()
    return json.dumps(
        {
            "type": "seal-event-v1",
            "seal_code": code,
            "from": before,
            "to": after,
            "reason": None,
            "effective_at": moment,
            "recorded_at": moment,
            **more,
        },
        separators=(",", ":"),
        sort_keys=True,
    )


def registry_proof(
    code: str,
    records: Sequence[str],
    status: SoftKey,
    registry: SoftKey,
    at: datetime,
    **changes: Any,
) -> bytes:
    """*records* about the seal *code* among others' entries, proved and signed by *status*;
    *changes* to the proof, before it is signed."""
    tree = merkle.Tree()
    strangers = event("32130200099999", "", "made", at - timedelta(days=99))
    places = {}
    for record in (strangers, *records, strangers):
        places.setdefault(record, tree.size)
        tree.append(record.encode())
    note = merkle.sign_checkpoint(merkle.Checkpoint(LOG, tree.size, tree.root()), registry)
    facts: dict[str, Any] = {
        "seal_code": code,
        "origin": "https://seal.example",
        "issued_at": at,
        "log": LOG,
        "key": registry.public,
        "size": tree.size,
        "checkpoint": note,
        "entries": tuple(
            ProvedEntry(places[each], each, tuple(tree.inclusion_proof(places[each])))
            for each in records
        ),
    }
    return RegistryProof(**facts | changes).encode(status)

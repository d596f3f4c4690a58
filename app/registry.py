"""状态日志: what the platform's public registry tells of all seals, followed without believing it.

The registry is a Merkle tree of events (:mod:`crypto.merkle`). The cabinet remembers the size, the
root and the right edge of the tree as seen last; the new entries put onto that edge must give the
root that the platform's registry key has signed. So nothing that was once seen can be taken back or
changed, and two desks that compare roots have been told the same.

What it adds to the platform's statements: when a seal was suspended *and resumed*, which no later
statement tells any more, and changes nobody has asked about yet.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from app.cabinet import Cabinet, RegistryRecord
from app.errors import PlatformAnswerInvalid, PlatformUntrusted
from crypto import merkle
from crypto.statement import STATES, SealChange

if TYPE_CHECKING:
    from app.platform_api import PlatformClient

_EVENT = "seal-event-v1"


def follow(platform: PlatformClient, cabinet: Cabinet) -> int:
    """Take what is new in the registry; returns how many entries there were.

    Raises :class:`app.errors.PlatformUntrusted` "registry" if it has become shorter or other than
    what was seen before, or its entries are not what its key has signed."""
    checkpoint = platform.registry_checkpoint()
    known = cabinet.registry(platform.origin)
    if known is None:
        known = RegistryRecord(platform.origin, checkpoint.origin, 0, {}, ())
    tree = merkle.Tree(_nodes(known.edge), known.size)
    if checkpoint.origin != known.log or checkpoint.size < known.size:
        raise PlatformUntrusted(platform.origin, "registry")
    changes = list(known.changes)
    while tree.size < checkpoint.size:
        page = platform.registry_entries(tree.size, checkpoint.size)
        if not 0 < len(page) <= checkpoint.size - tree.size:
            raise PlatformAnswerInvalid(platform.origin, "registry")
        for record in page:
            tree.append(record.encode())
            if _change(record) is not None:
                changes.append(record)
    if tree.root() != checkpoint.root:
        raise PlatformUntrusted(platform.origin, "registry")
    new = tree.size - known.size
    edge, now = dict(_edge(tree)), datetime.now(UTC)
    cabinet.keep_registry(
        RegistryRecord(platform.origin, known.log, tree.size, edge, tuple(changes), now)
    )
    return new


def root(record: RegistryRecord) -> bytes:
    """The root seen last (32 octets): two desks that compare theirs at the same size know whether
    they have been told the same."""
    return merkle.Tree(_nodes(record.edge), record.size).root()


def changes(cabinet: Cabinet) -> tuple[SealChange, ...]:
    """What the registries followed so far tell of seals, for :class:`crypto.trust.Trust`."""
    found = (_change(each) for record in cabinet.registries() for each in record.changes)
    return tuple(each for each in found if each is not None)


def _change(record: str) -> SealChange | None:
    """What an entry tells of a seal that was in use before; None for everything else."""
    try:
        fields = json.loads(record)
        if fields["type"] != _EVENT or fields["from"] not in STATES or fields["from"] == "made":
            return None
        recorded = datetime.fromisoformat(fields["recorded_at"])
        return SealChange(
            str(fields["seal_code"]),
            str(fields["to"]),
            str(fields["reason"] or ""),
            datetime.fromisoformat(fields["effective_at"] or fields["recorded_at"]),
            recorded,
        )
    except (ValueError, KeyError, TypeError):
        return None  # an entry of a kind that this version does not know


def _edge(tree: merkle.Tree) -> Iterator[tuple[str, bytes]]:
    """The complete subtrees of which the tree consists, one for each bit of its size."""
    start = 0
    for level in reversed(range(tree.size.bit_length())):
        if tree.size >> level & 1:
            yield f"{level}/{start >> level}", tree.node(level, start >> level)
            start += 1 << level


def _nodes(edge: Mapping[str, bytes]) -> dict[tuple[int, int], bytes]:
    found = {}
    for name, value in edge.items():
        level, _, index = name.partition("/")
        found[int(level), int(index)] = value
    return found

"""状态日志: what the platform's public registry tells of all seals, followed without believing it.

The registry is a Merkle tree of events (:mod:`crypto.algorithms.merkle`). The cabinet remembers the
size, the root and the right edge of the tree as seen last; the new entries put onto that edge must
give the root that the platform's registry key has signed. So nothing that was once seen can be
taken back or changed, and two desks that compare roots have been told the same.

A desk that comes new to a long log, or after a long time, begins with the newest *epoch*
(:mod:`crypto.seal.registry_files`): its manifest holds the edge of the tree at that time, and the
digests of shards that tell all that became of 65,536 seals each. The entries since then, put onto
that edge, must give the signed root, and one of them must hold the manifest's digest: so both are
proved. A shard is fetched when one of its seals is wanted; what was seen before is proved to be a
beginning of the log by a consistency proof.

What it adds to the platform's statements: when a seal was suspended *and resumed*, which no later
statement tells any more, and changes nobody has asked about yet.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from app.errors import PlatformAnswerInvalid, PlatformError, PlatformUntrusted
from app.store.cabinet import Cabinet, RegistryRecord
from crypto.algorithms import merkle
from crypto.algorithms.gm import sm3
from crypto.pki.certificate import Certificate
from crypto.pki.revocation_list import Crl
from crypto.seal.registry_files import (
    EPOCH_EVENT,
    TILE,
    Manifest,
    RegistryFileError,
    decode_shard,
    shard_of,
)
from crypto.seal.registry_proof import RegistryProof
from crypto.seal.statement import IN_USE, SealChange, SignedStatement
from crypto.validation.trust import Trust

if TYPE_CHECKING:
    from app.remote.public_services import PublicPlatform

_EVENT = "seal-event-v1"
_FAR = 8192
"""Entries behind from which on beginning with an epoch costs less than reading on."""
_LATEST_NEWS = timedelta(hours=1)
"""How long a cache on the way may still give the epoch before."""


def follow(
    platform: PublicPlatform, cabinet: Cabinet, *, far: int = _FAR, anew: bool = False
) -> int:
    """Take what is new in the registry; returns how many entries were read. *far* behind, or
    *anew*, it begins with the newest epoch.

    Raises :class:`app.errors.PlatformUntrusted`: "registry" if it has become shorter or other than
    what was seen before, or its entries are not what its key has signed; "registry_manifest" if an
    epoch is not what the log says; "registry_epoch" if an old one is passed off as the newest."""
    checkpoint = platform.registry_checkpoint()
    known = cabinet.registry(platform.origin)
    if known is None:
        known = RegistryRecord(platform.origin, checkpoint.origin, 0, {}, ())
    if checkpoint.origin != known.log or checkpoint.size < known.size:
        raise PlatformUntrusted(platform.origin, "registry")
    begun, manifest = known, None
    if anew or checkpoint.size - known.size > far:
        newest = _newest_epoch(platform, checkpoint)
        if newest is not None and (anew or newest.size > known.size):
            manifest = newest
            begun = _beginning(platform, checkpoint, known, manifest)
    tree = merkle.Tree(_nodes(begun.edge), begun.size)
    changes, epochs = list(begun.changes), []
    while tree.size < checkpoint.size:
        index, passed = divmod(tree.size, TILE)
        width = min(TILE, checkpoint.size - index * TILE)
        for entry in platform.registry_tile(index, width)[passed:]:
            tree.append(entry)
            told = _fields(entry)
            if told.get("type") == EPOCH_EVENT:
                epochs.append(told)
            if _change(told) is not None:
                changes.append(entry.decode())
    if tree.root() != checkpoint.root:
        raise PlatformUntrusted(platform.origin, "registry")
    if manifest is not None:
        _check_epoch(platform, begun.manifest, manifest, epochs)
    made = replace(
        begun,
        size=tree.size,
        edge=_edge(tree),
        changes=tuple(changes),
        seen_at=datetime.now(UTC),
    )
    cabinet.keep_registry(made)
    return tree.size - begun.size


def _newest_epoch(platform: PublicPlatform, checkpoint: merkle.Checkpoint) -> Manifest | None:
    """The newest epoch that the checkpoint can speak of, if any: nothing of it is proved yet."""
    data = platform.registry_epoch()
    if data is None:
        return None
    try:
        manifest = Manifest.parse(data)
    except RegistryFileError as error:
        raise PlatformUntrusted(platform.origin, "registry_manifest") from error
    if manifest.log != checkpoint.origin or manifest.encode() != data:
        raise PlatformUntrusted(platform.origin, "registry_manifest")
    return manifest if manifest.size < checkpoint.size else None


def _beginning(
    platform: PublicPlatform,
    checkpoint: merkle.Checkpoint,
    known: RegistryRecord,
    manifest: Manifest,
) -> RegistryRecord:
    """The record to go on from: the epoch's edge, and what was told before, which must be of the
    same log still."""
    if known.size:
        old, new = known.size, checkpoint.size
        proof = platform.registry_consistency(old, new)
        if not merkle.verify_consistency(old, new, proof, root(known), checkpoint.root):
            raise PlatformUntrusted(platform.origin, "registry")
    places = merkle.edge_places(manifest.size)
    edge = {f"{level}/{at}": v for (level, at), v in zip(places, manifest.edge, strict=True)}
    return replace(
        known,
        size=manifest.size,
        edge=edge,
        changes=(),
        earlier=(*known.earlier, *known.changes),
        manifest=manifest.encode(),
        looked_up=(),
    )


def _check_epoch(
    platform: PublicPlatform, data: bytes, manifest: Manifest, told: list[Mapping[str, Any]]
) -> None:
    """The log must hold the manifest's digest, and no newer epoch that is not quite fresh."""
    digest = sm3(data).hex()
    if not any(each.get("manifest_sm3") == digest for each in told):
        raise PlatformUntrusted(platform.origin, "registry_manifest")
    for each in told:
        with contextlib.suppress(ValueError, KeyError, TypeError):
            newer = int(each["epoch"]) > manifest.epoch
            age = datetime.now(UTC) - datetime.fromisoformat(each["recorded_at"])
            if newer and age > _LATEST_NEWS:
                raise PlatformUntrusted(platform.origin, "registry_epoch")


# --- seals that were last told of before the epoch -----------------------------------------------


def look_up(
    platform: PublicPlatform, cabinet: Cabinet, seal_codes: Iterable[str]
) -> tuple[SealChange, ...]:
    """Make sure that all the registry tells of these seals is in the cabinet; gives what was not.

    Raises :class:`app.errors.PlatformUntrusted` "registry_shard" for a shard that is not the one
    in the log."""
    known = cabinet.registry(platform.origin)
    missing = _missing(known, seal_codes)
    if known is None or not missing:
        return ()
    found = _from_shards(platform, known, missing)
    if found is None:  # the platform no longer has that epoch: begin with the newest
        follow(platform, cabinet, anew=True)
        known = cabinet.registry(platform.origin) or known
        missing = _missing(known, seal_codes)
        found = _from_shards(platform, known, missing)
        if found is None:
            raise PlatformAnswerInvalid(platform.origin, "registry")
    # the shard is the whole history up to the epoch: it replaces what was told piece by piece
    others = [each for each in known.earlier if json.loads(each)["seal_code"] not in missing]
    earlier = (*others, *map(_entry, found))
    looked_up = (*known.looked_up, *sorted(missing))
    cabinet.keep_registry(replace(known, earlier=earlier, looked_up=looked_up))
    platform_root = _root_of(cabinet, platform.origin)
    return tuple(replace(each, platform=platform_root) for each in found)


def _missing(known: RegistryRecord | None, seal_codes: Iterable[str]) -> set[str]:
    """Seals whose history before the epoch is not known here."""
    if known is None or not known.manifest:
        return set()
    return {code for code in seal_codes if shard_of(code)} - set(known.looked_up)


def _from_shards(
    platform: PublicPlatform, known: RegistryRecord, seal_codes: set[str]
) -> list[SealChange] | None:
    """What the epoch's shards tell of these seals; None if one is no longer available."""
    manifest, found = Manifest.parse(known.manifest), []
    for name in sorted({shard_of(code) for code in seal_codes}):
        if name not in manifest.shards:
            continue  # none of its seals had changed
        data = platform.registry_shard(manifest.epoch, name)
        if data is None:
            return None
        try:
            if sm3(data).hex() != manifest.shards[name].sm3:
                raise RegistryFileError("another shard than the manifest's")
            rows = decode_shard(data, name, seal_codes)
        except RegistryFileError as error:
            raise PlatformUntrusted(platform.origin, "registry_shard") from error
        found += [row for code in sorted(rows) for row in rows[code]]
    return found


class RegistryStatus:
    """The platform for verifying: what it says of a seal now, and what its registry tells of
    seals that this desk has not looked up yet."""

    def __init__(self, platform: PublicPlatform, cabinet: Cabinet) -> None:
        self._platform, self._cabinet = platform, cabinet

    @property
    def origin(self) -> str:
        """Which platform it is."""
        return self._platform.origin

    def status(self, seal_code: str) -> SignedStatement:
        """Raises :class:`app.errors.PlatformError`."""
        return self._platform.status(seal_code)

    def proof(self, seal_code: str) -> RegistryProof:
        """Raises :class:`app.errors.PlatformError`."""
        return self._platform.registry_proof(seal_code)

    def history(self, seal_codes: Iterable[str]) -> tuple[SealChange, ...]:
        """What the trust of this desk does not hold yet; nothing where nobody answers."""
        try:
            return look_up(self._platform, self._cabinet, seal_codes)
        except PlatformError:
            return ()


# --- what is known -------------------------------------------------------------------------------


_NOBODY = bytes(32)
"""Whose registry it is while its platform is not pinned: no seal is made by that one."""


def root(record: RegistryRecord) -> bytes:
    """The root seen last (32 bytes): two desks that compare theirs at the same size know whether
    they have been told the same."""
    return merkle.Tree(_nodes(record.edge), record.size).root()


def cabinet_trust(cabinet: Cabinet) -> Trust:
    """What the cabinet's pinned platforms make trusted, and what they last said of seals."""
    trust = Trust(statements=tuple(cabinet.statements()), changes=changes(cabinet))
    for record in cabinet.platforms():
        certificates = {name: Certificate.parse(der) for name, der in record.certificates.items()}
        root = (certificates.pop("root"),)
        trust = trust.merged(
            Trust(
                seal_makers=root,
                signers=root,
                timestamps=root,
                platforms=root,
                pool=tuple(certificates.values()),
                crls=tuple(Crl.parse(der) for der in record.crls.values()),
            )
        )
    return trust


def changes(cabinet: Cabinet) -> tuple[SealChange, ...]:
    """What the registries followed so far tell of seals, for
    :class:`crypto.validation.trust.Trust`."""
    found = []
    for record in cabinet.registries():
        whose = _root_of(cabinet, record.platform)
        for entry in dict.fromkeys((*record.earlier, *record.changes)):
            change = _change(json.loads(entry))
            if change is not None:
                found.append(replace(change, platform=whose))
    return tuple(found)


def _root_of(cabinet: Cabinet, origin: str) -> bytes:
    """SM3 of that platform's pinned root."""
    record = cabinet.platform(origin)
    return sm3(record.certificates["root"]) if record else _NOBODY


def _fields(entry: bytes) -> Mapping[str, Any]:
    """An entry's fields; none for an entry of a kind that this version does not know."""
    try:
        fields = json.loads(entry.decode())
    except (ValueError, RecursionError):
        return {}
    return fields if isinstance(fields, dict) else {}


def _entry(change: SealChange) -> str:
    """A change from a shard in the form of the log's entries."""
    fields = {
        "type": _EVENT,
        "seal_code": change.seal_code,
        "from": "active",
        "to": change.state,
        "reason": change.reason or None,
        "effective_at": change.effective_at.isoformat(),
        "recorded_at": change.recorded_at.isoformat(),
    }
    return json.dumps(fields, ensure_ascii=False)


def _change(fields: Mapping[str, Any]) -> SealChange | None:
    """What an entry tells of a seal that was in use before; None for everything else."""
    try:
        if fields["type"] != _EVENT or fields["from"] not in IN_USE:
            return None
        recorded = _moment(fields["recorded_at"])
        return SealChange(
            str(fields["seal_code"]),
            str(fields["to"]),
            str(fields["reason"] or ""),
            _moment(fields["effective_at"] or fields["recorded_at"]),
            recorded,
        )
    except (ValueError, KeyError, TypeError, OverflowError):
        return None  # an entry of a kind that this version does not know


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("a time without a zone")
    return moment.astimezone(UTC)


def _edge(tree: merkle.Tree) -> dict[str, bytes]:
    """The complete subtrees of which the tree consists."""
    places = merkle.edge_places(tree.size)
    return {f"{level}/{index}": tree.node(level, index) for level, index in places}


def _nodes(edge: Mapping[str, bytes]) -> dict[tuple[int, int], bytes]:
    found = {}
    for name, value in edge.items():
        level, _, index = name.partition("/")
        found[int(level), int(index)] = value
    return found

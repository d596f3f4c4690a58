"""The public registry as immutable files (:mod:`crypto.seal.registry_files`): what may be cached
for ever, by anybody. The checkpoint, which changes, is with the other public routes."""

from __future__ import annotations

import gzip
from typing import Annotated

from fastapi import APIRouter, Depends, Header, Path, Response
from sqlalchemy import select

from crypto.seal.registry_files import RegistryFileError, pack_entries, parse_tile_name
from crypto.seal.registry_proof import ProvedEntry, RegistryProof
from server_stub import disputes, epochs, policy
from server_stub.records import canonical
from server_stub.records.ledger import REGISTRY
from server_stub.records.store import LedgerEntry, LedgerNode, Seal
from server_stub.web.handling import Running, limited

router = APIRouter(prefix="/registry")

_BYTES = "application/octet-stream"
_FOR_EVER = "public, max-age=31536000, immutable"
_LEVELS = 8
"""Of the tree's levels in one tile of hashes."""


@router.get("/tile/entries/{name:path}")
def entries(
    platform: Running, name: str, accept_encoding: Annotated[str, Header()] = ""
) -> Response:
    """256 entries, or as many as the name says: each after its length in two bytes."""
    first, width = _place(name)
    rows = (
        select(LedgerEntry.record)
        .where(
            LedgerEntry.log == REGISTRY,
            LedgerEntry.number >= first,
            LedgerEntry.number < first + width,
        )
        .order_by(LedgerEntry.number)
    )
    with platform.reading() as session:
        found = session.scalars(rows).all()
    if len(found) < width:
        raise policy.NotFound
    data = pack_entries(found)
    headers = {"cache-control": _FOR_EVER, "vary": "accept-encoding"}
    if "gzip" in accept_encoding:
        data = gzip.compress(data, mtime=0)
        headers["content-encoding"] = "gzip"
    return Response(data, 200, headers, media_type=_BYTES)


@router.get("/tile/{level}/{name:path}")
def hashes(platform: Running, level: Annotated[int, Path(ge=0, le=7)], name: str) -> Response:
    """256 hashes of every eighth level of the tree, or as many as the name says: any proof can be
    made from them."""
    first, width = _place(name)
    rows = (
        select(LedgerNode.hash)
        .where(
            LedgerNode.log == REGISTRY,
            LedgerNode.level == level * _LEVELS,
            LedgerNode.number >= first,
            LedgerNode.number < first + width,
        )
        .order_by(LedgerNode.number)
    )
    with platform.reading() as session:
        found = session.scalars(rows).all()
    if len(found) < width:
        raise policy.NotFound
    headers = {"cache-control": _FOR_EVER}
    return Response(b"".join(found), 200, headers, media_type=_BYTES)


@router.get("/epoch")
def epoch(platform: Running) -> Response:
    """The manifest of the newest epoch."""
    headers = {"cache-control": "public, max-age=60"}
    return Response(epochs.newest(platform), 200, headers, media_type="application/json")


@router.get("/seals/{seal_code}", dependencies=[Depends(limited)])
def of_a_seal(
    platform: Running, seal_code: Annotated[str, Path(pattern="^[0-9]{14}$")]
) -> Response:
    """All that the registry has of one seal, each entry proved, under the platform's signature
    (:mod:`crypto.seal.registry_proof`)."""
    with platform.reading() as session:
        seal = session.scalar(select(Seal).where(Seal.seal_code == seal_code))
        if seal is None:
            raise policy.NotFound
        found = disputes.proved(session, REGISTRY, disputes.registry_entries(session, seal))
    proof = RegistryProof(
        seal_code=seal_code,
        origin="",
        issued_at=canonical.moment(canonical.now()),
        log=platform.ledger.origin(REGISTRY),
        key=platform.authority.key(REGISTRY).public,
        size=found["size"],
        checkpoint=found["checkpoint"],
        entries=tuple(
            ProvedEntry(
                entry["index"],
                entry["record"],
                tuple(bytes.fromhex(step) for step in entry["proof"]),
            )
            for entry in found["entries"]
        ),
    )
    token = platform.authority.vouch(proof)
    return Response(token, 200, {"cache-control": "no-store"}, media_type=_BYTES)


@router.get("/shards/{epoch}/{name}")
def shard(platform: Running, epoch: Annotated[int, Path(ge=1, lt=10**8)], name: str) -> Response:
    """One shard of an epoch, or its ``manifest``."""
    headers = {"cache-control": _FOR_EVER}
    data = epochs.file(platform, epoch, name)
    return Response(data, 200, headers, media_type=_BYTES)


def _place(name: str) -> tuple[int, int]:
    try:
        index, width = parse_tile_name(name)
    except RegistryFileError as error:
        raise policy.NotFound from error
    if index >= 1 << 40:
        raise policy.NotFound
    return index * 256, width

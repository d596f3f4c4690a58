"""The public registry as immutable files (:mod:`crypto.seal.registry_files`): what may be cached
for ever, by anybody. The checkpoint, which changes, is with the other public routes."""

from __future__ import annotations

import gzip
from typing import Annotated

from fastapi import APIRouter, Header, Path, Response
from sqlalchemy import select

from crypto.seal.registry_files import RegistryFileError, pack_entries, parse_tile_name
from server_stub import epochs, policy
from server_stub.records.ledger import REGISTRY
from server_stub.records.store import LedgerEntry, LedgerNode
from server_stub.web.handling import Running

router = APIRouter(prefix="/registry")

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
    return Response(data, 200, headers, media_type="application/octet-stream")


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
    return Response(b"".join(found), 200, headers, media_type="application/octet-stream")


@router.get("/epoch")
def epoch(platform: Running) -> Response:
    """The manifest of the newest epoch."""
    headers = {"cache-control": "public, max-age=60"}
    return Response(epochs.newest(platform), 200, headers, media_type="application/json")


@router.get("/shards/{epoch}/{name}")
def shard(platform: Running, epoch: Annotated[int, Path(ge=1, lt=10**8)], name: str) -> Response:
    """One shard of an epoch, or its ``manifest``."""
    headers = {"cache-control": _FOR_EVER}
    data = epochs.file(platform, epoch, name)
    return Response(data, 200, headers, media_type="application/octet-stream")


def _place(name: str) -> tuple[int, int]:
    try:
        index, width = parse_tile_name(name)
    except RegistryFileError as error:
        raise policy.NotFound from error
    if index >= 1 << 40:
        raise policy.NotFound
    return index * 256, width

"""Versions of the program that the platform releases: open to every desk, and they prove
themselves."""

from __future__ import annotations

from fastapi import APIRouter, Depends, Response
from fastapi.responses import FileResponse

from server_stub import policy
from server_stub.releases import keeping
from server_stub.web.handling import Running, limited

router = APIRouter(prefix="/v1/releases", dependencies=[Depends(limited)])


@router.get("/{system}")
def release(platform: Running, system: str) -> Response:
    """What is released for a system now, signed (crypto.seal.release)."""
    token = keeping.current(platform.settings, system)
    if token is None:
        raise policy.NotFound
    headers = {"cache-control": "public, max-age=300"}
    return Response(token, 200, headers, media_type="application/octet-stream")


@router.get("/{system}/{sm3}", response_class=FileResponse)
def package(platform: Running, system: str, sm3: str) -> FileResponse:
    """The package of that SM3, as long as it is the one released."""
    path, known = keeping.package(platform.settings, system)
    if known.sm3 != sm3:
        raise policy.NotFound
    return FileResponse(path, media_type="application/octet-stream", filename=known.file)

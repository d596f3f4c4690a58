"""What an approver sees of a request, and the decision that the Ukey signs.

Each computer has an SM2 key of its own for the pages, whose private half is kept with the small
secrets (:class:`app.store.secret_store.SecretStore`) and which the Ukey has signed.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, Protocol

from app.errors import DecisionRefused, FileNotReadable, FileProblem, PlatformRefused
from app.remote.approval.asking import told_anew
from app.remote.approval.client import ApprovalClient
from app.store.cabinet import Cabinet
from app.store.use_requests import UseRequestRecord
from crypto.algorithms import gm
from crypto.algorithms.keys import SigningKey
from crypto.frozen import frozen
from crypto.pki.certificate import Certificate
from crypto.rendering.page_pictures import Drawing, draw
from crypto.seal import preview
from crypto.seal.approver_key import ApproverKey, SignedApproverKey
from crypto.seal.purpose_text import PurposeTextError, write_time
from crypto.seal.use_approval import SALTED, SignedApproval, UseApproval, UseRequest, ukey_proof


class Secrets(Protocol):
    """Where small secrets are kept."""

    def get(self, name: str) -> bytes | None: ...
    def put(self, name: str, secret: bytes) -> None: ...


def _key_name(certificate: bytes) -> str:
    return f"pages-{gm.sm3(certificate).hex()[:24]}"


def make_known(platform: ApprovalClient, store: Secrets, key: SigningKey, now: datetime) -> bytes:
    """The private key that pages are encrypted for on this computer, made and made known where
    there is none; signed in with *key* already. Raises :class:`app.errors.PlatformError`."""
    name = _key_name(key.certificate)
    kept = store.get(name)
    if kept is not None and len(kept) == 32:
        return kept
    private = gm.generate_private_key()
    said = ApproverKey(
        origin=platform.origin,
        certificate=f"{Certificate.parse(key.certificate).serial:x}",
        key_sm2=gm.public_key_of(private).hex(),
        created=write_time(now),
        nonce=secrets.token_hex(16),
    )
    platform.add_approver_key(SignedApproverKey.make(said, key))
    store.put(name, private)
    return private


@frozen
class Shown:
    """What an approver sees."""

    document_name: str
    pictures: tuple[bytes, ...]
    """WebP, the requester's pictures of the document."""

    drawings: tuple[Drawing | None, ...] = ()
    """What is seen of each; None: nothing."""

    def drawn(self) -> Shown:
        """With the drawings, which a process with bounds has made."""
        return replace(self, drawings=draw(self.pictures))

    @property
    def whole(self) -> bool:
        """Is there a picture, and is every one drawn?"""
        drawn = sum(drawing is not None for drawing in self.drawings)
        return 0 < len(self.pictures) == drawn


def see(platform: ApprovalClient, store: Secrets, record: UseRequestRecord) -> Shown | None:
    """Fetch and open the pages of a request, signed in already; None if they are not encrypted for
    this computer (yet), or the platform has removed them. They are what the requester has signed
    for.

    Raises :class:`app.errors.PlatformError`, :class:`app.errors.DecisionRefused`."""
    key = page_key(store, record)
    if key is None or record.state in ("rejected", "withdrawn", "lapsed"):
        return None
    pages = [platform.page(record.id, number) for number in range(record.pages)]
    try:
        return _opened(key, record.request, pages)
    except preview.PreviewError as error:
        raise DecisionRefused("pictures") from error


def page_key(store: Secrets, record: UseRequestRecord) -> bytes | None:
    """The key of a request's pages; None if this computer does not have it.

    Raises :class:`app.errors.DecisionRefused`."""
    private = store.get(_key_name(record.certificate))
    try:
        return record.key or _page_key(private, record)
    except preview.PreviewError as error:
        raise DecisionRefused("pictures") from error


def _opened(page_key: bytes, request: UseRequest, pages: Sequence[bytes]) -> Shown:
    opened = [
        preview.decrypt_page(page_key, request.sha256, number, data)
        for number, data in enumerate(pages)
    ]
    if not opened and not request.preview_sha256:
        return Shown(request.document_name, ())
    if len(opened) < 2:
        raise preview.PreviewError("there is not a single picture")
    facts, pictures = preview.Facts.parse(opened[0]), tuple(opened[1:])
    if preview.digest_of(pictures) != request.preview_sha256:
        raise preview.PreviewError("the pictures are not those that the requester signed for")
    if not facts.is_named(request.document_name):
        raise preview.PreviewError("the name is not the one that the requester signed for")
    salted = request.document_name.startswith(SALTED)
    return Shown(facts.document_name if salted else request.document_name, pictures)


def _page_key(private: bytes | None, record: UseRequestRecord) -> bytes | None:
    if private is None:
        return None
    wrapped = record.wrapped.get(gm.sm3(gm.public_key_of(private)).hex())
    return preview.unwrap(private, wrapped) if wrapped else None


def is_document(record: UseRequestRecord, file: Path) -> bool:
    """Is *file* the very document that the request is about?

    Raises :class:`app.errors.FileNotReadable`."""
    try:
        return gm.sm3(file.read_bytes()).hex() == record.request.document_sm3
    except OSError as error:
        raise FileNotReadable(str(file), FileProblem.of(error)) from error


def decide(
    platform: ApprovalClient,
    cabinet: Cabinet,
    record: UseRequestRecord,
    decision: Literal["approve", "reject"],
    reason: str,
    key: SigningKey,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> UseRequestRecord:
    """同意 or 不同意, signed by *key*, with which one is signed in already.

    Raises :class:`app.errors.DecisionRefused`, :class:`app.errors.PlatformError`."""
    nonce = secrets.token_hex(16)
    try:
        said = UseApproval.of(record.request, decision, clock(), nonce, reason=reason)
    except PurposeTextError as error:
        raise DecisionRefused("reason") from error
    signed = SignedApproval.make(said, ukey_proof(said.encode(), key))
    try:
        made = platform.decide_use(record.id, signed.token)
    except PlatformRefused as error:
        if error.problem != "already_decided":
            raise
        made = platform.use_request(record.id)
        cabinet.keep_use_request(told_anew(record, made))
        raise DecisionRefused("already") from error
    kept = replace(told_anew(record, made), seen=made.state)
    cabinet.keep_use_request(kept)
    return kept
